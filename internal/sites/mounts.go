// Package sites finds handlers in Caddy's routes, and the names under which
// they are served.
package sites

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// Mount is where a handler of type H stands in Caddy's configuration.
type Mount[H caddyhttp.MiddlewareHandler] struct {
	Handler H
	Server  *Server  // the server that it is in
	Hosts   []string // patterns of the names it is served under, in the configuration's order; nil: any
	Below   string   // the one path that the blocks around it ask for, "" for none
	Cut     string   // what handle_path and the like cut off paths before the handler sees them
}

// Takes reports whether requests for a host get there.
func (m *Mount[H]) Takes(host string) bool {
	return m.Hosts == nil || slices.ContainsFunc(m.Hosts, func(pattern string) bool { return origin.Meet(pattern, host) != "" })
}

// Find finds the handlers of type H in Caddy's routes, server by server and in the
// routes' order, and the names under which anything is served. While Caddy is
// still provisioning it finds some of them or none. Host tests that are no
// host matchers (an expression, a header) are not seen.
func Find[H caddyhttp.MiddlewareHandler](ctx caddy.Context) ([]Mount[H], Names) {
	var mounts []Mount[H]
	w := walker{
		names: make(Names), found: make(map[string]struct{}), within: make(map[any]bool),
		holds: make(map[typeAtDepth]bool), known: caddy.NewReplacer(), left: maxHandlers,
	}
	configured, err := ctx.AppIfConfigured("http")
	if err != nil {
		return nil, w.names
	}
	app, ok := configured.(*caddyhttp.App)
	if !ok {
		return nil, w.names
	}
	w.visit = func(handler caddyhttp.MiddlewareHandler, at spot) bool {
		h, ours := handler.(H)
		if ours && w.isNew(handler, at) {
			mounts = append(mounts, Mount[H]{Handler: h, Server: w.server, Hosts: at.hosts, Below: at.below, Cut: at.cut})
		}
		return ours
	}
	for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
		// Not its error routes: no logout is served there.
		w.server = newServer(name, app.Servers[name], app)
		w.routes(app.Servers[name].Routes, spot{})
	}
	return mounts, w.names
}

const (
	// maxHandlers is more than people write; named routes that invoke each
	// other often enough can make any number.
	maxHandlers = 1 << 20
	maxNesting  = 256     // of handlers in handlers
	maxDepth    = 8       // of fields in the fields of one handler
	maxCut      = 2 << 10 // bytes; what lies below longer paths, nobody gets to
)

// walker goes through the routes of all servers.
type walker struct {
	names  Names
	found  map[string]struct{} // the mounts, so that each is there once
	server *Server
	visit  func(handler caddyhttp.MiddlewareHandler, at spot) (ours bool)
	within map[any]bool // the named routes and unknown handlers we are in: they may go in circles
	holds  map[typeAtDepth]bool
	known  *caddy.Replacer
	left   int // of maxHandlers
}

// spot is what is known of the requests that get somewhere.
type spot struct {
	hosts   []string // nil: any
	cut     string
	below   string // the one path that the blocks around ask for
	nesting int
}

// nobody reports whether no request gets there.
func (s spot) nobody() bool { return s.hosts != nil && len(s.hosts) == 0 }

// routes goes through one list, and returns what is known behind it.
func (w *walker) routes(list caddyhttp.RouteList, at spot) spot {
	passed := make(map[string][]string) // hosts that no further route of a group gets
	for _, route := range list {
		here := at
		here.hosts = w.matched(route.MatcherSets, origin.Minus(at.hosts, passed[route.Group]))
		if here.nobody() {
			continue
		}
		for _, host := range here.hosts {
			w.names[host] = struct{}{}
		}
		if folder := folderOf(route.MatcherSets); folder != "" {
			here.below = here.cut + folder
		}
		behind := w.handlers(route.Handlers, here)
		if route.Terminal {
			behind.hosts = []string{}
		}
		// Another of its group may have kept it from running.
		if route.Group != "" {
			for _, set := range route.MatcherSets {
				passed[route.Group] = append(passed[route.Group], w.onlyHosts(set)...)
			}
			continue
		}
		if len(route.MatcherSets) == 0 {
			at.hosts, at.cut = behind.hosts, behind.cut
			continue
		}
		for _, set := range route.MatcherSets {
			at.hosts = origin.Minus(at.hosts, origin.Narrow(origin.Minus(here.hosts, behind.hosts), w.onlyHosts(set)))
		}
	}
	return at
}

// matched narrows hosts by matchers. Sets are alternatives; what is in one of
// them must match together.
func (w *walker) matched(sets caddyhttp.MatcherSets, hosts []string) []string {
	if len(sets) == 0 {
		return hosts
	}
	all := []string{}
	for _, set := range sets {
		these := hosts
		for _, matcher := range set {
			if names, ok := w.hostMatcher(matcher); ok {
				these = origin.Narrow(these, names)
			}
			if not, ok := matcher.(*caddyhttp.MatchNot); ok {
				for _, set := range not.MatcherSets {
					these = origin.Minus(these, w.onlyHosts(set))
				}
			}
		}
		if these == nil {
			return nil
		}
		all = append(all, these...)
	}
	return origin.Unique(all)
}

// folderOf is the path that all requests of a route are below, "" for several
// or none.
func folderOf(sets caddyhttp.MatcherSets) (folder string) {
	if len(sets) != 1 {
		return ""
	}
	for _, matcher := range sets[0] {
		var paths []string
		switch m := matcher.(type) {
		case *caddyhttp.MatchPath:
			paths = *m
		case caddyhttp.MatchPath:
			paths = m
		}
		for _, path := range paths {
			this := strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/")
			if folder != "" && this != folder || !origin.IsPlainPath(this) || strings.ContainsAny(this, "*{%") {
				return ""
			}
			folder = this
		}
	}
	return folder
}

func (w *walker) hostMatcher(matcher any) (patterns []string, ok bool) {
	switch m := matcher.(type) {
	case *caddyhttp.MatchHost:
		return patternsOf(*m, w.known), true
	case caddyhttp.MatchHost: // in the redirects that Caddy adds
		return patternsOf(m, w.known), true
	}
	return nil, false
}

// onlyHosts are the hosts of which a set takes every request.
func (w *walker) onlyHosts(set caddyhttp.MatcherSet) []string {
	if len(set) != 1 {
		return nil
	}
	patterns, _ := w.hostMatcher(set[0])
	return patterns
}

// handlers goes through one route's chain, and returns what is known behind it.
func (w *walker) handlers(chain []caddyhttp.MiddlewareHandler, at spot) spot {
	if at.nesting++; at.nesting > maxNesting {
		return at
	}
	for _, handler := range chain {
		if v := reflect.ValueOf(handler); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
			continue
		}
		if w.left--; w.left < 0 || len(at.cut) > maxCut || at.nobody() {
			return at
		}
		if w.visit(handler, at) {
			continue
		}
		switch h := handler.(type) {
		case *rewrite.Rewrite:
			at.cut += w.stripped(h)
		case *caddyhttp.Subroute:
			at = w.routes(h.Routes, at)
		case *caddyhttp.Invoke:
			at = w.invoke(h.Name, at)
		case *caddyhttp.StaticResponse, caddyhttp.StaticResponse: // respond, redir, abort
			at.hosts = []string{}
		default:
			w.unknown(handler, at)
		}
	}
	return at
}

// unknown looks into a handler that may contain others.
func (w *walker) unknown(handler caddyhttp.MiddlewareHandler, at spot) {
	v := reflect.ValueOf(handler)
	if v.Kind() == reflect.Pointer {
		if w.within[handler] {
			return
		}
		w.within[handler] = true
		defer delete(w.within, handler)
		v = v.Elem()
	}
	w.inside(v, at, maxDepth)
}

// isNew notes where a handler stands, and reports whether that was not known.
func (w *walker) isNew(h caddyhttp.MiddlewareHandler, at spot) bool {
	key := fmt.Sprintf("%p %p %q %t %q %q", h, w.server, at.hosts, at.hosts == nil, at.below, at.cut)
	_, known := w.found[key]
	w.found[key] = struct{}{}
	return !known
}

// stripped is the prefix that a rewrite takes off every path that has it.
func (w *walker) stripped(r *rewrite.Rewrite) string {
	prefix := strings.TrimSuffix(w.known.ReplaceKnown(r.StripPathPrefix, ""), "/")
	if prefix != "" && !strings.HasPrefix(prefix, "/") {
		prefix = "/" + prefix
	}
	if !origin.IsPlainPath(prefix) || strings.ContainsAny(prefix, "{%*?#") || origin.HasSpaceOrControl(prefix) {
		return ""
	}
	return prefix
}

func (w *walker) invoke(name string, at spot) spot {
	route := w.server.Server.NamedRoutes[name]
	if route == nil || w.within[name] {
		return at
	}
	w.within[name] = true
	defer delete(w.within, name)
	return w.routes(caddyhttp.RouteList{*route}, at)
}

var (
	routeType    = reflect.TypeFor[caddyhttp.Route]()
	errorsType   = reflect.TypeFor[caddyhttp.HTTPErrorConfig]()
	handlerType  = reflect.TypeFor[caddyhttp.MiddlewareHandler]()
	handlersType = reflect.TypeFor[[]caddyhttp.MiddlewareHandler]()
)

var containers = []reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map}

// inside looks for routes in the exported fields of a handler: handle_response
// of reverse_proxy and intercept, and what containers of other plugins have.
func (w *walker) inside(v reflect.Value, at spot, depth int) {
	if !w.mayHold(v.Type(), depth) {
		return
	}
	switch t := v.Type(); {
	case t == routeType:
		w.routes(caddyhttp.RouteList{v.Interface().(caddyhttp.Route)}, at)
	case t == handlerType:
		handler, _ := reflect.TypeAssert[caddyhttp.MiddlewareHandler](v)
		w.handlers([]caddyhttp.MiddlewareHandler{handler}, at)
	case t.Kind() == reflect.Slice && t.Elem() == routeType:
		w.routes(v.Convert(reflect.TypeFor[caddyhttp.RouteList]()).Interface().(caddyhttp.RouteList), at)
	case t.Kind() == reflect.Slice && t.Elem() == handlerType:
		w.handlers(v.Convert(handlersType).Interface().([]caddyhttp.MiddlewareHandler), at)
	case t.Kind() == reflect.Pointer && !v.IsNil():
		w.inside(v.Elem(), at, depth-1)
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		for i := range v.Len() {
			w.inside(v.Index(i), at, depth-1)
		}
	case t.Kind() == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, key := range keys {
			w.inside(v.MapIndex(key), at, depth-1)
		}
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				w.inside(v.Field(i), at, depth-1)
			}
		}
	}
}

type typeAtDepth struct {
	reflect.Type
	depth int
}

// mayHold reports whether a value of a type can have routes in it. Only such
// fields are read: others may be written to while requests are served.
func (w *walker) mayHold(t reflect.Type, depth int) (holds bool) {
	if t == routeType || t == handlerType {
		return true
	}
	if depth == 0 || t == errorsType {
		return false
	}
	at := typeAtDepth{t, depth}
	if known, ok := w.holds[at]; ok {
		return known
	}
	if t.Kind() == reflect.Struct {
		for field := range t.Fields() {
			holds = holds || field.IsExported() && w.mayHold(field.Type, depth-1)
		}
	} else if slices.Contains(containers, t.Kind()) {
		holds = w.mayHold(t.Elem(), depth-1)
	}
	w.holds[at] = holds
	return holds
}

// HandlersAt are all that requests for a host may meet, in order.
func HandlersAt(server *caddyhttp.Server, host string) (all []caddyhttp.MiddlewareHandler) {
	w, within := walker{known: caddy.NewReplacer()}, make(map[string]bool)
	var visit func(routes caddyhttp.RouteList)
	visit = func(routes caddyhttp.RouteList) {
		for _, route := range routes {
			if hosts := w.matched(route.MatcherSets, []string{host}); len(hosts) == 0 {
				continue
			}
			isLast := route.Terminal && slices.ContainsFunc(route.MatcherSets, func(set caddyhttp.MatcherSet) bool {
				return slices.ContainsFunc(w.onlyHosts(set), func(pattern string) bool { return origin.Meet(pattern, host) == host })
			})
			for _, handler := range route.Handlers {
				switch h := handler.(type) {
				case *caddyhttp.Subroute:
					visit(h.Routes)
					continue
				case *caddyhttp.Invoke:
					if named := server.NamedRoutes[h.Name]; named != nil && !within[h.Name] {
						within[h.Name] = true
						visit(caddyhttp.RouteList{*named})
					}
					continue
				}
				all = append(all, handler)
			}
			if isLast { // the site; what a wider one has, nobody gets here
				return
			}
		}
	}
	visit(server.Routes)
	return all
}

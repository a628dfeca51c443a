package sites

import (
	"fmt"
	"reflect"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

const (
	// maxHandlers is more than people write; named routes that invoke each
	// other often enough can make any number.
	maxHandlers = 1 << 20
	maxNesting  = 256     // of handlers in handlers
	maxCut      = 2 << 10 // bytes; what lies below longer paths, nobody gets to
)

// walker goes through the routes of all servers.
type walker struct {
	matchers

	names  Names
	found  map[string]struct{} // the mounts, so that each is there once
	server *Server
	visit  func(handler caddyhttp.MiddlewareHandler, at spot) (ours bool)
	within map[any]bool // the named routes and unknown handlers we are in: they may go in circles
	holds  map[typeAtDepth]bool
	left   int // of maxHandlers
}

func newWalker() *walker {
	return &walker{
		matchers: matchers{caddy.NewReplacer()},
		names:    make(Names), found: make(map[string]struct{}), within: make(map[any]bool),
		holds: make(map[typeAtDepth]bool), left: maxHandlers,
	}
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
		here.hosts = w.matched(route.MatcherSets, minus(at.hosts, passed[route.Group]))
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
			at.hosts = minus(at.hosts, narrow(minus(here.hosts, behind.hosts), w.onlyHosts(set)))
		}
	}
	return at
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

// invoke goes through a named route, and returns what is known behind it.
func (w *walker) invoke(name string, at spot) spot {
	route := w.server.Caddy.NamedRoutes[name]
	if route == nil || w.within[name] {
		return at
	}
	w.within[name] = true
	defer delete(w.within, name)
	return w.routes(caddyhttp.RouteList{*route}, at)
}

// isNew notes where a handler stands, and reports whether that was not known.
func (w *walker) isNew(h caddyhttp.MiddlewareHandler, at spot) bool {
	key := fmt.Sprintf("%p %p %q %t %q %q", h, w.server, at.hosts, at.hosts == nil, at.below, at.cut)
	_, known := w.found[key]
	w.found[key] = struct{}{}
	return !known
}

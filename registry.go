package universallogout

import (
	"cmp"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/sites"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// defaultGroup is the group of sites that name neither a group nor a provider.
const defaultGroup = "default"

// siteApp is one app: a directive, or several for the same place on a site.
type siteApp struct {
	base     string // "" at the root of the site
	handlers []*Handler
	cut      string // what handle_path cuts off the paths before they see them
}

// groupOf is the group of a handler: what it says, or its provider's name. A
// hub that says neither belongs to the only group that there is.
func (a *App) groupOf(h *Handler) string {
	if group := h.ownGroup(); group != "" {
		return group
	}
	return cmp.Or(a.registry().groups[h], defaultGroup)
}

func (h *Handler) ownGroup() string {
	if h.run.group == "" && h.run.provider != nil {
		return h.run.provider.Name
	}
	return h.run.group
}

// isHubs reports whether a handler is the hub's.
func (a *App) isHubs(h *Handler) bool { return a.registry().hubs[h] }

// serverOf is the server that a request came in at.
func (a *App) serverOf(r *http.Request) *sites.Server {
	srv, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return a.registry().servers[srv]
}

// mount is where one of our handlers stands in Caddy's routes.
type mount struct{ sites.Mount[*Handler] }

// mounts are those of our handlers in this configuration.
func (a *App) mounts() []mount {
	mounts, _ := a.sites()
	return mounts
}

// findMounts is right when all is provisioned.
func findMounts(ctx caddy.Context) ([]mount, sites.Names) {
	found, names := sites.Find[*Handler](ctx)
	mounts := make([]mount, 0, len(found))
	for _, m := range found {
		mounts = append(mounts, mount{m})
	}
	return mounts, names
}

// serves reports whether the configuration names a site.
func (a *App) serves(own origin.Origin) bool {
	_, names := a.sites()
	return own.Trustworthy() && names.Have(own.Hostname())
}

// registry finds the mounts of a configuration, which never change.
type registry struct {
	apps     []mount // those that are not for our addresses only
	at       map[hostAt][]int
	patterns map[*sites.Server][]int // numbers of those for many names
	pages    map[hostAt]bool         // where our own addresses are
	groups   map[*Handler]string     // of those that say nothing of it
	hubs     map[*Handler]bool
	servers  map[*caddyhttp.Server]*sites.Server

	itineraries *tour.Itineraries
}

type hostAt struct {
	server *sites.Server
	host   string
}

func newRegistry(mounts []mount, hub origin.Origin) *registry {
	reg := &registry{
		at: make(map[hostAt][]int), patterns: make(map[*sites.Server][]int), groups: make(map[*Handler]string),
		hubs: make(map[*Handler]bool), servers: make(map[*caddyhttp.Server]*sites.Server), pages: make(map[hostAt]bool),
		itineraries: tour.NewItineraries(),
	}
	groups := make(map[string]struct{})
	for _, p := range mounts {
		reg.servers[p.Server.Caddy] = p.Server
		if p.Handler.Role != roleApp {
			for _, host := range p.Hosts {
				reg.pages[hostAt{p.Server, host}] = true
			}
			if p.Hosts == nil {
				reg.pages[hostAt{p.Server, ""}] = true
			}
		}
		if p.Handler.Role == roleAddresses {
			continue
		}
		n := len(reg.apps)
		reg.apps = append(reg.apps, p)
		for _, host := range p.Hosts {
			if !strings.Contains(host, "*") {
				key := hostAt{p.Server, host}
				reg.at[key] = append(reg.at[key], n)
			}
		}
		if p.Hosts == nil || slices.ContainsFunc(p.Hosts, func(host string) bool { return strings.Contains(host, "*") }) {
			reg.patterns[p.Server] = append(reg.patterns[p.Server], n)
		}
		if hub != (origin.Origin{}) && slices.Contains(p.Hosts, hub.Hostname()) {
			reg.hubs[p.Handler] = true
		} else {
			groups[cmp.Or(p.Handler.ownGroup(), defaultGroup)] = struct{}{}
		}
	}
	if len(groups) == 1 {
		for h := range reg.hubs {
			for only := range groups {
				reg.groups[h] = only
			}
		}
	}
	return reg
}

// mountsAt are those that requests for a host of a server get to, in order.
func (reg *registry) mountsAt(srv *sites.Server, host string) (mounts []mount) {
	numbers := slices.Concat(reg.at[hostAt{srv, host}], reg.patterns[srv])
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		if reg.apps[n].Takes(host) {
			mounts = append(mounts, reg.apps[n])
		}
	}
	return mounts
}

// hasPages reports whether a site has our own addresses.
func (reg *registry) hasPages(srv *sites.Server, host string) bool {
	if reg.pages[hostAt{srv, host}] || reg.pages[hostAt{srv, ""}] {
		return true
	}
	for at := range reg.pages {
		if at.server == srv && strings.Contains(at.host, "*") && origin.CommonPattern(at.host, host) == host {
			return true
		}
	}
	return false
}

// appsAt are the apps of one host, as far as they are in a group. Where our
// addresses are not, a tour would end.
func (a *App) appsAt(srv *sites.Server, host, group string) (apps []siteApp) {
	if !a.registry().hasPages(srv, host) {
		return nil
	}
	for _, p := range a.registry().mountsAt(srv, host) {
		if a.groupOf(p.Handler) != group {
			continue
		}
		base := p.base()
		i := slices.IndexFunc(apps, func(app siteApp) bool { return app.base == base })
		if i < 0 {
			apps = append(apps, siteApp{base: base, cut: p.Cut})
			i = len(apps) - 1
		}
		apps[i].handlers = append(apps[i].handlers, p.Handler)
	}
	for i := range apps {
		apps[i].prefer(func(h *Handler) bool { return h.Role == roleApp }) // the block's knows its app better
	}
	if some := slices.DeleteFunc(slices.Clone(apps), siteApp.isOff); len(some) > 0 {
		apps = some
	}
	sort.SliceStable(apps, func(i, j int) bool { return apps[i].base < apps[j].base })
	return apps
}

// prefer keeps the handlers that are better, if there are any.
func (app *siteApp) prefer(better func(*Handler) bool) {
	if kept := slices.DeleteFunc(slices.Clone(app.handlers), func(h *Handler) bool { return !better(h) }); len(kept) > 0 {
		app.handlers = kept
	}
}

// isOff reports whether no directive of the app has a logout path, a logout_call
// or session cookies: it is there only for our own pages, if other directives of
// the site are about apps.
func (app siteApp) isOff() bool {
	return !slices.ContainsFunc(app.handlers, func(h *Handler) bool {
		return len(h.run.rules.List) > 0 || h.LogoutCall != nil || len(h.SessionCookies) > 0
	})
}

func (app *siteApp) name() string { return cmp.Or(app.base, "/") }

// clears is what the browser is asked to clear for an app.
func (app *siteApp) clears() (types []string) {
	for _, h := range app.handlers {
		types = cookie.Union(types, h.run.clear)
	}
	return types
}

// base is where the app lies on its site.
func (p mount) base() string { return cmp.Or(p.Handler.Base, p.Below, p.Cut) }

// names are the hosts that a mount has in a tour. They are never learned from
// requests: anybody can make one for a name of his own.
func (p mount) names() (names []string) {
	for _, host := range p.Hosts {
		if !strings.Contains(host, "*") {
			names = append(names, host)
		}
	}
	for _, host := range p.Handler.run.hosts {
		if p.Takes(host) && !slices.Contains(names, host) {
			names = append(names, host)
		}
	}
	return names
}

// isNamed reports whether the configuration names a host. A site for many names
// is reached under anybody's who has his own lead there, or who has one of them
// that leads elsewhere.
func (a *App) isNamed(srv *sites.Server, host string) bool {
	return slices.ContainsFunc(a.registry().mountsAt(srv, host), func(p mount) bool { return slices.Contains(p.names(), host) })
}

// appsOf are the apps of a stop, in the order of its bases.
func (a *App) appsOf(it *tour.Itinerary, s *tour.Stop) []siteApp {
	return a.appsAt(s.Server, s.Origin.Hostname(), it.Group)
}

// itineraryKey: what a way depends on.
type itineraryKey struct {
	server *sites.Server
	start  origin.Origin
	group  string
}

// tourFrom is the way of a tour: that through the group, or through the apps of
// one site under a name that is nobody's.
func (a *App) tourFrom(srv *sites.Server, start origin.Origin, group string) tour.Itinerary {
	it := a.itineraryFrom(srv, start, group)
	if len(it.Stops) > 0 && !a.isNamed(srv, start.Hostname()) {
		it = tour.Itinerary{Group: group, Hub: -1, Stops: slices.Clone(it.Stops[:1])}
		it.Order(a.run.hub)
	}
	return it
}

// itineraryFrom is the way through a group that begins at a site. Its siblings
// on the same server have the scheme and port that this request came with: only
// the request knows what is in front of Caddy.
func (a *App) itineraryFrom(srv *sites.Server, start origin.Origin, group string) tour.Itinerary {
	return a.registry().itineraries.Get(itineraryKey{srv, start, group}, func() tour.Itinerary { return a.newItinerary(srv, start, group) })
}

func (a *App) newItinerary(srv *sites.Server, start origin.Origin, group string) (it tour.Itinerary) {
	it.Group, it.Hub = group, -1
	add := func(srv *sites.Server, o origin.Origin) {
		if slices.ContainsFunc(it.Stops, func(s tour.Stop) bool { return s.Origin == o }) {
			return
		}
		if apps := a.appsAt(srv, o.Hostname(), group); len(apps) > 0 {
			bases := make([]string, len(apps))
			for i := range apps {
				bases[i] = apps[i].base
			}
			it.Stops = append(it.Stops, tour.Stop{Origin: o, Domain: origin.Site(o), Server: srv, Bases: bases})
		}
	}
	add(srv, start)
	if len(it.Stops) == 0 {
		return it
	}
	var insecure []string
	for _, p := range a.registry().apps {
		if a.groupOf(p.Handler) != group {
			continue
		}
		for _, name := range p.names() {
			o := p.Server.Origin(name)
			if p.Server == srv {
				o = origin.New(start.Scheme, name+origin.PortSuffix(start))
			}
			if o.Trustworthy() {
				add(p.Server, o)
			} else {
				insecure = append(insecure, name)
			}
		}
	}
	it.Order(a.run.hub)
	for _, name := range insecure {
		if !slices.Contains(it.Plain, name) && !slices.ContainsFunc(it.Stops, func(s tour.Stop) bool { return s.Origin.Hostname() == name }) {
			it.Plain = append(it.Plain, name)
		}
	}
	return it
}

// hasBareHub reports whether a tour goes to a hub that has no app of its own: it
// is not where the tour begins, and its directive says nothing of one.
func (a *App) hasBareHub(it *tour.Itinerary) bool {
	if it.Hub <= 0 {
		return false
	}
	apps := a.appsOf(it, &it.Stops[it.Hub])
	h := apps[0].handlers[0]
	return len(apps) == 1 && len(h.Paths) == 0 && len(h.SessionCookies) == 0 && h.LogoutCall == nil && h.Base == ""
}

// friends are the origins whose pages may start a logout here.
func (a *App) friends(r *http.Request, own origin.Origin, h *Handler) func(origin.Origin) bool {
	return func(o origin.Origin) bool {
		if a.trusts(o) {
			return true
		}
		srv := a.serverOf(r)
		if srv == nil {
			return false
		}
		it := a.itineraryFrom(srv, own, a.groupOf(h))
		return it.Has(o)
	}
}

func (a *App) trusts(o origin.Origin) bool {
	_, ok := a.run.trusted[o]
	return ok
}

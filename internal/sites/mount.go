// Package sites finds handlers in Caddy's routes, and the names under which
// they are served.
package sites

import (
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
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
	return m.Hosts == nil || slices.ContainsFunc(m.Hosts, func(pattern string) bool { return origin.CommonPattern(pattern, host) != "" })
}

// Find finds the handlers of type H in Caddy's routes, server by server and in the
// routes' order, and the names under which anything is served. While Caddy is
// still provisioning it finds some of them or none. Host tests that are no
// host matchers (an expression, a header) are not seen.
func Find[H caddyhttp.MiddlewareHandler](ctx caddy.Context) ([]Mount[H], Names) {
	var mounts []Mount[H]
	w := newWalker()
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

package sites

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// HandlersAt are all that requests for a host may meet, in order.
func HandlersAt(server *caddyhttp.Server, host string) []caddyhttp.MiddlewareHandler {
	c := &collector{matchers: matchers{caddy.NewReplacer()}, server: server, host: host, invoked: make(map[string]bool)}
	c.routes(server.Routes)
	return c.handlers
}

// collector gathers the handlers that requests for one host may meet.
type collector struct {
	matchers

	server   *caddyhttp.Server
	host     string
	invoked  map[string]bool // named routes, each of which counts once
	handlers []caddyhttp.MiddlewareHandler
}

func (c *collector) routes(list caddyhttp.RouteList) {
	for _, route := range list {
		if hosts := c.matched(route.MatcherSets, []string{c.host}); len(hosts) == 0 {
			continue
		}
		c.chain(route.Handlers)
		if route.Terminal && slices.ContainsFunc(route.MatcherSets, c.takesAll) {
			return // the site; what a wider one has, nobody gets here
		}
	}
}

func (c *collector) chain(handlers []caddyhttp.MiddlewareHandler) {
	for _, handler := range handlers {
		switch h := handler.(type) {
		case *caddyhttp.Subroute:
			c.routes(h.Routes)
		case *caddyhttp.Invoke:
			if named := c.server.NamedRoutes[h.Name]; named != nil && !c.invoked[h.Name] {
				c.invoked[h.Name] = true
				c.routes(caddyhttp.RouteList{*named})
			}
		default:
			c.handlers = append(c.handlers, handler)
		}
	}
}

// takesAll reports whether a matcher set takes every request for the host.
func (c *collector) takesAll(set caddyhttp.MatcherSet) bool {
	return slices.ContainsFunc(c.onlyHosts(set), func(pattern string) bool { return origin.CommonPattern(pattern, c.host) == c.host })
}

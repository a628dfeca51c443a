package universallogout

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// hostPatterns are the names in the host matchers of a configuration: exact, or
// with * for the leftmost label.
type hostPatterns map[string]struct{}

// hostsOf finds them. What is served under no name at all is not among them:
// there, anybody's name is as good as another.
func hostsOf(ctx caddy.Context) hostPatterns {
	all := make(hostPatterns)
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return all
	}
	if httpApp, ok := app.(*caddyhttp.App); ok {
		for _, server := range httpApp.Servers {
			all.add(server.Routes)
		}
	}
	return all
}

func (hp hostPatterns) add(routes caddyhttp.RouteList) {
	for _, route := range routes {
		for _, set := range route.MatcherSets {
			for _, matcher := range set {
				hosts, ok := matcher.(*caddyhttp.MatchHost)
				if !ok {
					continue
				}
				for _, host := range *hosts {
					hp[strings.ToLower(host)] = struct{}{}
				}
			}
		}
		for _, handler := range route.Handlers {
			if sub, ok := handler.(*caddyhttp.Subroute); ok {
				hp.add(sub.Routes)
			}
		}
	}
}

// serves reports whether the configuration names a site. A name that is only
// covered by a * is one that its owner gives away: whoever may have it is at
// least below the same domain.
func (a *App) serves(own origin) bool {
	if !own.trustworthy() {
		return false
	}
	host := own.hostname()
	_, rest, _ := strings.Cut(host, ".")
	hosts := a.hosts()
	_, exact := hosts[host]
	_, covered := hosts["*."+rest]
	return exact || covered
}

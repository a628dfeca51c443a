package universallogout

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
	"github.com/universal-logout/caddy-universal-logout/internal/sites"
)

// warning is one line: where, what, and what to do.
type warning struct{ where, what string }

func (w warning) String() string { return "warning: " + w.where + ": " + w.what }

// check finds what can be loaded, but is seldom meant. It says nothing of what
// it cannot decide from the configuration alone.
func (c *inspected) check() (warnings []warning) {
	for _, find := range []func() []warning{
		c.checkReturns, c.checkHub, c.checkProviders, c.checkReach, c.checkNames, c.checkPlainHTTP, c.checkCookiesCleared, c.checkServed, c.checkIdentify, c.checkHeaders,
	} {
		warnings = append(warnings, find()...)
	}
	seen := make(map[warning]bool)
	return slices.DeleteFunc(warnings, func(w warning) bool { // several directives of one site
		again := seen[w]
		seen[w] = true
		return again
	})
}

// names are those under which the configuration serves anything.
func (c *inspected) names() []string {
	_, names := c.sites()
	return slices.Sorted(maps.Keys(names))
}

// checkReturns: an allowed address is as safe as whatever may be there.
func (c *inspected) checkReturns() (warnings []warning) {
	ours := func(domain string) bool {
		return slices.ContainsFunc(c.names(), func(name string) bool { return name == domain || strings.HasSuffix(name, "."+domain) })
	}
	for i, p := range c.run.returns {
		entry := c.AllowedReturnURLs[i]
		switch host := p.Origin.Hostname(); {
		case p.Wildcard && p.Path == "" && !ours(host):
			warnings = append(warnings, warning{"allowed_return_urls " + entry, "every page of every site below " + host + ", of which this configuration serves none, may be where a logout leads; name the sites, or a path"})
		case p.Origin.Scheme == "http":
			warnings = append(warnings, warning{"allowed_return_urls " + entry, "it leads to the visitor's own machine, whatever listens there; leave it out where it is not for development"})
		}
	}
	return warnings
}

func (c *inspected) checkHub() (warnings []warning) {
	if c.run.hub == (origin.Origin{}) {
		return nil
	}
	where, host := "hub "+c.run.hub.String(), c.run.hub.Hostname()
	if !c.serves(c.run.hub) {
		return []warning{{where, "no site has this name, so providers would send people where nothing is; add " + host + " { universal_logout }"}}
	}
	pages := false
	for _, srv := range c.registry().servers {
		pages = pages || c.registry().hasPages(srv, host)
	}
	if !pages {
		warnings = append(warnings, warning{where, "its site has no universal_logout, so nothing answers the addresses that are registered at providers; write it into the site"})
	}
	for _, server := range c.http.Servers {
		if slices.Contains(names(sites.HandlersAt(server, host)), "reverse_proxy") {
			warnings = append(warnings, warning{where, "it has an app of its own, whose pages share cookies and storage with the addresses registered at providers; give the hub a name that nothing else has"})
		}
	}
	return warnings
}

// openIDProviders are those that sites name.
func (c *inspected) openIDProviders() (all []*provider.Provider) {
	for _, name := range slices.Sorted(maps.Keys(c.run.providers)) {
		if p := c.run.providers[name]; !p.IsPortal() {
			all = append(all, p)
		}
	}
	return all
}

// unasked are the providers of which only asking would tell whether they can
// end a session.
func (c *inspected) unasked() (names []string) {
	for _, p := range c.openIDProviders() {
		if p.EndSessionEndpoint == "" {
			names = append(names, "provider "+p.Name)
		}
	}
	return names
}

func (c *inspected) checkProviders() (warnings []warning) {
	named := make(map[*provider.Provider]bool)
	for _, place := range c.registry().apps {
		h := place.Handler
		if named[h.run.provider] = true; h.run.provider == nil || h.run.provider.IsPortal() || len(h.clients()) > 0 {
			continue
		}
		warnings = append(warnings, warning{place.title(), "no client_id is known for provider " + h.run.provider.Name +
			", so its session ends by a click of the user only, unless the app keeps an ID token in a cookie; write client_id"})
	}
	for _, name := range slices.Sorted(maps.Keys(c.run.providers)) {
		p := c.run.providers[name]
		if !named[p] {
			warnings = append(warnings, warning{"provider " + name, "no site names it; write universal_logout " + name + " where people sign in with it"})
		}
		if p.Insecure() {
			warnings = append(warnings, warning{"provider " + name, "tls_trust insecure lets anybody in between end up with tokens; name the PEM file of its certificate authority"})
		}
	}
	return warnings
}

// title is a site's name for people.
func (p mount) title() string {
	if p.Hosts == nil {
		return "any host" + p.base()
	}
	return listed(p.Hosts) + p.base()
}

// checkReach: our pages are of no use where a matcher in front keeps them away.
func (c *inspected) checkReach() (warnings []warning) {
	for _, p := range c.registry().apps {
		hosts := p.Hosts
		if hosts == nil {
			hosts = []string{""}
		}
		for _, host := range hosts {
			site := slices.DeleteFunc(slices.Clone(c.mounts()), func(other mount) bool {
				return other.Server != p.Server || other.Handler.Role == roleApp || host != "" && !other.Takes(host)
			})
			reached := func(other mount) bool {
				return other.Cut == "" && (other.Below == "" || strings.HasPrefix(c.Prefix+"/", other.Below+"/"))
			}
			switch {
			case len(site) == 0:
				warnings = append(warnings, warning{p.title(), "its logouts have no pages to end on; write one universal_logout at the top level of the site"})
			case !slices.ContainsFunc(site, reached):
				warnings = append(warnings, warning{p.title(), "a path matcher in front keeps " + c.Prefix + "/* from universal_logout, so logouts end on a page of the app; let it through, or write a universal_logout without matcher"})
			}
		}
	}
	return warnings
}

func (c *inspected) checkNames() (warnings []warning) {
	for _, p := range c.registry().apps {
		if len(p.names()) == 0 {
			warnings = append(warnings, warning{p.title(), "a site for many names takes no part in the logouts of others, nor they in its own; name those that should with hosts"})
		}
		for _, host := range p.Handler.run.hosts {
			if !p.Takes(host) {
				warnings = append(warnings, warning{p.title(), "hosts names " + host + ", which is no name of this site; correct it, or leave it out"})
			}
		}
	}
	return warnings
}

func (c *inspected) checkPlainHTTP() (warnings []warning) {
	for _, p := range c.registry().apps {
		for _, name := range p.names() {
			if o := p.Server.Origin(name); !o.Trustworthy() {
				warnings = append(warnings, warning{o.String(), "browsers take no orders to clear anything over plain http, so the site takes no part in the logouts of group " + c.groupOf(p.Handler) + "; serve it over https"})
			}
		}
	}
	return warnings
}

// checkCookiesCleared: in Chromium, "cookies" means the registrable domain.
func (c *inspected) checkCookiesCleared() (warnings []warning) {
	for _, p := range c.registry().apps {
		if !slices.Contains(p.Handler.run.clear, cookie.ClearCookies) {
			continue
		}
		group := c.groupOf(p.Handler)
		for _, name := range p.names() {
			if others := c.strangers(name, group); len(others) > 0 {
				warnings = append(warnings, warning{name, "clear_site_data cookies signs people out of " + listed(others) + ", too, in Chromium, without their logout, for they share its registrable domain but not its group (" + group + "); give them the group, or leave out cookies"})
			}
		}
	}
	return warnings
}

// strangers are the sites of a name's registrable domain outside its group.
func (c *inspected) strangers(name, group string) (others []string) {
	domain := origin.Registrable(name)
	for _, other := range c.names() {
		sameDomain := domain != "" && (other == domain || strings.HasSuffix(other, "."+domain))
		isMember := slices.ContainsFunc(c.registry().apps, func(p mount) bool {
			return c.groupOf(p.Handler) == group && slices.Contains(p.names(), other)
		})
		if other != name && sameDomain && !isMember {
			others = append(others, other)
		}
	}
	return others
}

// listed names three of a list.
func listed(names []string) string {
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}

// answersNothing are Caddy's handlers that leave the answer to others.
var answersNothing = []string{
	"universal_logout", "vars", "map", "headers", "encode", "rewrite", "request_body", "tracing", "log_append", "authentication", "intercept", "templates", "push",
}

// checkServed: behind a logout there must be somebody who ends the session.
func (c *inspected) checkServed() (warnings []warning) {
	for _, p := range c.registry().apps {
		for _, name := range p.names() {
			if name == c.run.hub.Hostname() || len(p.Handler.run.rules.List) == 0 {
				continue
			}
			answers := slices.ContainsFunc(names(sites.HandlersAt(p.Server.Caddy, name)), func(module string) bool { return !slices.Contains(answersNothing, module) })
			if !answers {
				warnings = append(warnings, warning{name, "nothing behind universal_logout answers its logout, so no app ends a session; add the app, or write paths off"})
			}
		}
	}
	return warnings
}

// checkHeaders: a key that programs share is no session.
func (c *inspected) checkHeaders() (warnings []warning) {
	for _, p := range c.registry().apps {
		for _, name := range p.Handler.run.policy.Headers {
			if plain := strings.ReplaceAll(strings.ToLower(name), "-", ""); strings.Contains(plain, "apikey") {
				warnings = append(warnings, warning{p.title(), "session_headers " + name + ": whoever logs out with an API key has it refused for all who use it, for " +
					inDays(time.Duration(c.SessionLifetime)) + "; leave it out, unless every session has a key of its own"})
			}
		}
	}
	return warnings
}

// namesNobody are Caddy's handlers that tell nothing of who the user is.
var namesNobody = []string{
	"universal_logout", "vars", "map", "encode", "rewrite", "request_body", "tracing", "log_append", "intercept", "templates", "push",
	"file_server", "static_response", "error", "copy_response", "copy_response_headers", "metrics", "acme_server",
}

// checkIdentify: without an auth layer nobody says who the user is. Handlers of
// other plugins may be one.
func (c *inspected) checkIdentify() (warnings []warning) {
	for _, p := range c.registry().apps {
		id := p.Handler.run.identity
		if id == nil || id.InFront || strings.HasPrefix(id.Placeholder, "http.vars.") {
			continue
		}
		for _, name := range p.names() {
			tells := slices.ContainsFunc(sites.HandlersAt(p.Server.Caddy, name), func(handler caddyhttp.MiddlewareHandler) bool {
				if proxy, ok := handler.(*reverseproxy.Handler); ok {
					return id.Header != "" && len(proxy.HandleResponse) > 0 // forward_auth
				}
				module := strings.Join(names([]caddyhttp.MiddlewareHandler{handler}), "")
				return !slices.Contains(namesNobody, module) && (id.Header == "" || module != "authentication") && (id.Header != "" || module != "headers")
			})
			if !tells {
				warnings = append(warnings, warning{name, "nothing on this site says who the user is in " + cmp.Or(id.Header, "{"+id.Placeholder+"}") + ", so identify learns nothing; add forward_auth with copy_headers, or basic_auth, or leave identify out"})
			}
		}
	}
	return warnings
}

// names are those of handlers' modules.
func names(handlers []caddyhttp.MiddlewareHandler) (all []string) {
	for _, handler := range handlers {
		if module, ok := handler.(caddy.Module); ok {
			all = append(all, module.CaddyModule().ID.Name())
		}
	}
	return all
}

// onlineTimeout is for all providers together.
const onlineTimeout = 10 * time.Second

// checkOnline asks the providers. All of them have one time together.
func (c *inspected) checkOnline(ctx context.Context) (warnings []warning) {
	ctx, done := context.WithTimeout(ctx, onlineTimeout)
	defer done()
	for _, p := range c.openIDProviders() {
		m, err := p.Endpoints(ctx)
		switch {
		case m.EndSession != "":
		case err != nil:
			warnings = append(warnings, warning{"provider " + p.Name, "it cannot be asked: " + err.Error() + "; people stay signed in there until it can"})
		default:
			warnings = append(warnings, warning{"provider " + p.Name, "it names no end_session_endpoint, so people stay signed in there; write it down if there is one, or logout_url if it has a logout page"})
		}
	}
	return warnings
}

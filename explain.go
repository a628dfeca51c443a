package universallogout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/sites"
)

// explained is a text that grows by numbered steps.
type explained struct {
	strings.Builder
	step int
}

func (e *explained) line(format string, args ...any) { fmt.Fprintf(e, format+"\n", args...) }

// next begins a step.
func (e *explained) next(format string, args ...any) {
	e.step++
	e.line(fmt.Sprintf("%2d. ", e.step)+format, args...)
}

func (e *explained) more(format string, args ...any) { e.line("    "+format, args...) }

// explain tells what a logout at an address would do. It asks what serves
// requests what it would do with one, and then follows the same configuration.
func (c *inspected) explain(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || origin.New(u.Scheme, u.Host) == (origin.Origin{}) {
		return "", errors.New("write the whole address of the logout, as in https://app.example.com/logout")
	}
	own, e := origin.New(u.Scheme, u.Host), new(explained)
	if u.Path == "" {
		u.Path = "/"
	}
	srv := c.serverAt(own)
	if srv == nil {
		return "", fmt.Errorf("no site with universal_logout answers at %s; there are %s", own, listed(c.titles()))
	}
	e.line("%s%s", own, u.Path)
	if c.owns(u.Path) {
		e.line("\nThis is one of our own pages, which no app ever sees.")
		return e.String(), nil
	}
	var about *mount
	for _, method := range guard.LogoutMethods {
		p, found := c.logoutAt(srv, own, method, u)
		if !found {
			if method == http.MethodGet || method == http.MethodPost {
				e.line("\n%s is no logout here: it goes to the app, and nothing else happens.", method)
			}
			continue
		}
		about = &p
		if method == http.MethodGet || method == http.MethodPost {
			c.explainGuard(e, srv, own, method, u, p)
		}
	}
	if about == nil {
		c.explainPaths(e, srv, own)
		return e.String(), nil
	}
	e.line("\nA logout then goes like this:")
	c.explainApp(e, u, *about)
	c.explainSites(e, srv, own, *about)
	c.explainProvider(e, own, about.Handler)
	c.explainLanding(e, about.Handler)
	return e.String(), nil
}

// titles are the sites of the configuration.
func (c *inspected) titles() (all []string) {
	for _, p := range c.registry().apps {
		all = cookie.Union(all, []string{p.title()})
	}
	return all
}

// serverAt is the server of an address, or of its host: what is in front of
// Caddy may give the site another scheme and port.
func (c *inspected) serverAt(own origin.Origin) (found *sites.Server) {
	for _, p := range c.registry().apps {
		if !p.Takes(own.Hostname()) {
			continue
		}
		if p.Server.Origin(own.Hostname()) == own {
			return p.Server
		}
		found = cmp.Or(found, p.Server)
	}
	return found
}

// logoutAt is the app whose logout a request is.
func (c *inspected) logoutAt(srv *sites.Server, own origin.Origin, method string, u *url.URL) (mount, bool) {
	for _, p := range c.registry().mountsAt(srv, own.Hostname()) {
		if p.Below != "" && u.Path != p.Below && !strings.HasPrefix(u.Path, p.Below+"/") {
			continue
		}
		seen := &url.URL{Path: strings.TrimPrefix(u.Path, p.Cut), RawQuery: u.RawQuery}
		if p.Handler.run.rules.Match(&http.Request{Method: method, URL: seen}) {
			return p, true
		}
	}
	return mount{}, false
}

func (c *inspected) explainPaths(e *explained, srv *sites.Server, own origin.Origin) {
	e.line("\nLogouts at %s are:", own)
	for _, p := range c.registry().mountsAt(srv, own.Hostname()) {
		for _, rule := range p.Handler.run.rules.List {
			e.line("    %s", p.Cut+rule.String())
		}
	}
}

var verdictWords = map[guard.Verdict]string{
	guard.Logout: "it is a logout", guard.Ask: "the user is asked first", guard.Refuse: "refused (403)",
	guard.RefuseAsk: "refused (403), with a page that asks the user", guard.Speculative: "refused (503)",
	guard.NotAllowed: "refused (405)", guard.Pass: "it goes to the app",
}

// explainGuard asks the guard itself.
func (c *inspected) explainGuard(e *explained, srv *sites.Server, own origin.Origin, method string, u *url.URL, p mount) {
	e.line("\n%s, %s:", method, map[string]string{http.MethodGet: "by a click", http.MethodPost: "by a form"}[method])
	request := func(page origin.Origin, site string, headers ...string) *http.Request {
		ctx := context.WithValue(context.Background(), caddyhttp.ServerCtxKey, srv.Caddy)
		r := (&http.Request{Method: method, URL: u, Host: own.Host, Header: make(http.Header)}).WithContext(ctx)
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Referer", page.String()+"/")
		if method == http.MethodPost {
			r.Header.Set("Origin", page.String())
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return r
	}
	elsewhere := origin.Origin{Scheme: "https", Host: "elsewhere.invalid"}
	tell := func(who string, r *http.Request) {
		e.line("    %-40s %s", who, verdictWords[guard.Check(r, own, c.friends(r, own, p.Handler), p.Handler.AllowCrossSite)])
	}
	tell("from a page of this site:", request(own, "same-origin"))
	if it := c.itineraryFrom(srv, own, c.groupOf(p.Handler)); len(it.Stops) > 1 {
		tell("from "+it.Stops[1].Origin.Host+", of its group:", request(it.Stops[1].Origin, "cross-site"))
	}
	tell("from any other site's page:", request(elsewhere, "cross-site"))
	tell("as an image, a frame or a script:", request(own, "same-origin", "Sec-Fetch-Dest", "image", "Sec-Fetch-Mode", "no-cors"))
	tell("as a prefetch:", request(own, "same-origin", "Sec-Purpose", "prefetch"))
}

func (c *inspected) explainApp(e *explained, u *url.URL, p mount) {
	h := p.Handler
	e.next("The app gets the request as it is (%s), and has %s to answer. Whatever it answers, the rest happens.", strings.TrimPrefix(u.Path, p.Cut), time.Duration(c.Timeout))
	cookies := "those with the usual names, such as PHPSESSID or sessionid"
	if len(h.SessionCookies) > 0 {
		cookies = strings.Join(h.SessionCookies, ", ")
	}
	e.next("Session cookies are %s, and all whose value looks like a credential.", cookies)
	if len(h.KeepCookies) > 0 {
		e.more("Kept in any case: %s.", strings.Join(h.KeepCookies, ", "))
	}
	e.more("The browser is told to drop them, in every variant that may exist.")
	if len(h.run.clear) > 0 {
		e.more("It is told to clear its %s, too (Clear-Site-Data).", strings.Join(h.run.clear, " and "))
	}
	e.next("What was presented is refused from then on, by this node at once%s, for %s; a JWT until it expires.",
		map[bool]string{true: " and by the others within two seconds"}[c.Shared == sharedStorage], inDays(time.Duration(c.SessionLifetime)))
	switch h.run.policy.OnRevoked {
	case enforce.Reject:
		e.more("A request that presents such a cookie is answered with 401 by the site's error routes.")
	case enforce.Redirect:
		e.more("A page that presents such a cookie is redirected to %s, and a script is answered with 401.", h.run.policy.RedirectTo)
	default:
		e.more("A request that presents such a cookie goes to the app without it.")
	}
	if len(h.run.policy.Headers) > 0 {
		e.more("Credentials in these headers are refused, too, with 401: %s.", strings.Join(h.run.policy.Headers, ", "))
	}
	switch id := h.run.identity; {
	case id != nil:
		e.more("The edge learns whose session it is from %s (issuer %s), and can refuse all of a user's.", cmp.Or(id.Header, "{"+id.Placeholder+"}"), id.Issuer())
	case h.Identify != nil:
		e.more("The edge reads in it whose session it is, and can refuse all of a user's.")
	}
}

func inDays(d time.Duration) string {
	if days := d / (24 * time.Hour); days > 1 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", days)
	}
	return d.String()
}

// maxExplained sites are named; after that it is no text any more.
const maxExplained = 50

func (c *inspected) explainSites(e *explained, srv *sites.Server, own origin.Origin, about mount) {
	group := c.groupOf(about.Handler)
	if about.Handler.Fanout == fanoutOff {
		e.next("No other app follows, for the app says fanout off.")
		return
	}
	it := c.tourFrom(srv, own, group)
	if it.Apps < 2 || it.Apps == 2 && c.hasBareHub(&it) {
		e.next("No other app is in its group (%s).", group)
	} else {
		e.next("The browser goes through the other sites of its group (%s):", group)
		named := 0
		for i, s := range it.Stops {
			for _, app := range c.appsOf(&it, &s) {
				if i == 0 && slices.Contains(app.handlers, about.Handler) {
					continue
				}
				call := app.explainCall()
				if i == it.Hub && c.hasBareHub(&it) {
					call = "the hub"
				}
				if named++; named <= maxExplained {
					e.more("%s: %s", s.Origin.String()+app.base, call)
				}
			}
		}
		if named > maxExplained {
			e.more("and %d more", named-maxExplained)
		}
		e.more("A site where the browser has no session cookie is asked nothing.")
	}
	if len(it.Plain) > 0 {
		e.more("Left out, for they are plain http: %s.", listed(it.Plain))
	}
}

// explainCall tells no query, header or body: they may have secrets.
func (app *siteApp) explainCall() string {
	var calls []string
	for _, h := range app.handlers {
		if h.run.call == nil {
			continue
		}
		for _, try := range h.run.call.Tries {
			path, _, hasQuery := strings.Cut(try.URI, "?")
			call := try.Method + " " + (&url.URL{Path: app.cut}).EscapedPath() + path + map[bool]string{true: "?…"}[hasQuery]
			calls = cookie.Union(calls, []string{call})
		}
		if h.run.call.CSRF != nil {
			calls = append(calls, "with a token that its page has")
		}
	}
	if len(calls) == 0 {
		return "the app is asked nothing, only the browser forgets the session"
	}
	return "the app is asked by " + strings.Join(calls, ", ")
}

func (c *inspected) explainProvider(e *explained, own origin.Origin, h *Handler) {
	p := h.run.provider
	if p == nil {
		e.next("No provider is named, so a single sign-on, if there is one, goes on.")
		return
	}
	if p.IsPortal() {
		address, _, hasQuery := strings.Cut(p.LogoutURL, "?")
		e.next("The browser goes to the portal %s: %s%s", p.Name, address, map[bool]string{true: "?…"}[hasQuery])
		return
	}
	clients := h.clients()
	if len(clients) > 0 {
		e.next("Access and refresh tokens among the cookies are revoked at provider %s (%s).", p.Name, p.Issuer)
	} else {
		e.next("No client_id is known for provider %s (%s), so no token is revoked there.", p.Name, p.Issuer)
	}
	if p.ServerLogout != nil {
		e.more("With the ID token's sid and sub, it is asked from server to server, too (server_logout).")
	}
	endpoint := cmp.Or(p.EndSessionEndpoint, "its end_session_endpoint, which it is asked for at the first logout")
	sent := []string{"the app's ID token as id_token_hint, if a cookie has it"}
	switch {
	case p.Quirks.NoHint:
		sent = nil
	case len(clients) > 0 && p.JustInTime((&journey.Visit{Clients: clients}).OurClient(p)):
		e.next("If the app has no ID token, the provider is asked silently who is signed in (prompt=none), and answers to %s.", c.address(own, "/callback"))
		e.more("If nobody is, it is left alone.")
		sent = []string{"an ID token as id_token_hint"}
	}
	if len(clients) == 0 {
		e.next("The browser goes to %s", endpoint)
		e.more("with %s; without one, the user is told that the single sign-on goes on, with a button that ends it.", strings.Join(sent, ", "))
		return
	}
	back := cmp.Or(clients[0].ReturnURI, c.address(own, "/return"))
	sent = append(sent, "client_id="+clients[0].ID, p.Quirks.ReturnParameter()+"="+back)
	if !p.Quirks.NoState {
		sent = append(sent, "a state")
	}
	e.next("The browser goes to %s", endpoint)
	e.more("with %s.", strings.Join(sent, ", "))
	if p.Quirks.HintRequired {
		e.more("Without an ID token nothing of that is sent, for this provider refuses it; the user gets a button instead.")
	}
	e.more("If it cannot be reached, the user is told that the single sign-on goes on.")
}

func (c *inspected) explainLanding(e *explained, h *Handler) {
	e.next("It ends on this site, on a page that says what became of each app.")
	target := "no further, unless the app's own answer does"
	if h.run.returnTo != "" {
		target = "to " + h.run.returnTo
	}
	e.more("If all went well, the page leads %s. A request may name another address: on this site, or one of allowed_return_urls (%d).", target, len(c.run.returns))
	for _, also := range c.run.also {
		e.more("It links %s: %s", also.Name, also.URL)
	}
}

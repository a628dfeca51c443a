package universallogout

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/identify"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"
)

// Handler takes the requests of one app that mean "log out". The app gets them
// first and ends its own session; then the browser's cookies and storage of
// the app are cleared, and the person lands on a page that says what happened.
// All other requests pass untouched.
type Handler struct {
	// The requests that mean "log out": `/logout`, `POST /session/end`,
	// `/users/*/logout` (`*` is one segment), `/index.php?action=logout` (the
	// query must have these pairs). They replace the default, `/logout` below
	// the app's path, unless all begin with `+`, as in `+/signout`. `off`
	// alone: this app's own logout is not touched.
	Paths []string `json:"paths,omitempty"`

	// Which cookies hold sessions: exact names, `prefix*` or `*suffix`. They
	// replace the built-in list of well-known names. Cookies whose value looks
	// like a credential count too, whatever their name.
	SessionCookies []string `json:"session_cookies,omitempty"`

	// Cookies that are never expired, whatever they look like.
	KeepCookies []string `json:"keep_cookies,omitempty"`

	// What the browser is asked to clear besides session cookies: `storage`
	// (the default), `cookies`, `cache`; `off` for nothing. In Chromium
	// `cookies` means every cookie of the whole registrable domain.
	ClearSiteData []string `json:"clear_site_data,omitempty"`

	// Accept logouts that other sites' pages start. Without it, people who
	// come from elsewhere are asked first.
	AllowCrossSite bool `json:"allow_cross_site,omitempty"`

	// Where to go after a logout that names no (allowed) address itself: a
	// path on the site, or a URL.
	ReturnTo string `json:"return_to,omitempty"`

	// Where the app lies on its site, such as `/grafana`. The Caddyfile takes
	// it from the directive's matcher. Default: the site's root.
	Base string `json:"base,omitempty"`

	// The provider whose single sign-on ends with the app's session: a name
	// from the global options.
	Provider string `json:"provider,omitempty"`

	// Instead of a name: the issuer of a provider that needs no more words.
	Issuer string `json:"issuer,omitempty"`

	// This app's own client at the provider. Without one it is the provider's.
	ClientID string `json:"client_id,omitempty"`

	// Where the provider sends the browser after its logout, as registered for
	// the app's own client. Default: `/.universal-logout/return` on the hub or,
	// without one, on this site.
	PostLogoutRedirectURI string `json:"post_logout_redirect_uri,omitempty"`

	// Where this app keeps its ID token, access token and refresh token, as
	// placeholders such as `{http.request.cookie.idToken}`. Session cookies
	// called so in the usual spellings are found without it.
	IDToken      string `json:"id_token,omitempty"`
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`

	// The request that ends this app's session when the logout began at another
	// site. Default: the first of `paths`, with GET, and with POST if the app
	// says that there is no such thing.
	LogoutCall *LogoutCall `json:"logout_call,omitempty"`

	// How the edge learns whose session a cookie is, so that all sessions of a
	// person can be refused. Default: not at all.
	Identify *Identify `json:"identify,omitempty"`

	// The sites that are logged out together have the same group. Default: the
	// provider's name, or `default`.
	Group string `json:"group,omitempty"`

	// `off`: this app's logout ends this app, and the provider if one is named,
	// and no other site. Logouts that began elsewhere end it all the same.
	// Default: `on`.
	Fanout string `json:"fanout,omitempty"`

	// The names that a site for many (`*.example.com`) or for all has when
	// other sites log out. Without them it takes no part in their logouts.
	Hosts []string `json:"hosts,omitempty"`

	// Headers that hold credentials, such as `X-Api-Token`, besides cookies: a
	// logout that presents one ends it, and from then on it is refused with 401.
	// Of `Authorization` only `Bearer` counts. Default: none.
	SessionHeaders []string `json:"session_headers,omitempty"`

	// What becomes of a request with a session cookie that is refused, because
	// the session was ended: `strip` passes it on without that cookie, so that
	// the app sees a visitor who is not signed in; `reject` answers 401 by the
	// site's error routes, where `{http.universal_logout.reason}` is `revoked`;
	// `redirect /login` (a path on the site, or a URL) sends people there and
	// answers 401 to scripts. Default: `strip`.
	OnRevoked string `json:"on_revoked,omitempty"`

	// What this handler is there for: `app` for one app's logout only,
	// `addresses` for our own pages only. Default: both.
	Role string `json:"role,omitempty"`

	edge   *App
	logger *zap.Logger
	run    compiledHandler
}

// compiledHandler is what Provision makes of the words: they are read, checked and
// without placeholders.
type compiledHandler struct {
	rules       *logoutpath.Rules
	sessions    *cookie.Rules
	clear       []string
	returnTo    string
	group       string // "": the provider's
	hosts       []string
	cookiePaths []string // that cookies of the app may be limited to
	call        *appcall.LogoutCall
	identity    *identify.Source // nil: no auth layer says who the user is
	policy      enforce.Policy   // what becomes of sessions that are over

	provider                        *provider.Provider // nil: none
	clientID, postLogoutRedirectURI string
}

const (
	roleApp       = "app"
	roleAddresses = "addresses"
)

var errNoAddresses = errors.New("universal_logout in a block serves its app only, and the pages after the logout have no place: " +
	"write one universal_logout at the top level of the site too (in JSON: a handler without \"role\": \"app\")")

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.universal_logout", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the configuration.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	app, err := ctx.App("universal_logout")
	if err != nil {
		return err
	}
	h.edge = app.(*App)

	switch h.Role {
	case "":
		h.edge.roles[roleAddresses]++
	case roleAddresses:
		h.edge.roles[roleAddresses]++
		h.run.rules = new(logoutpath.Rules)
		h.run.rules.AddOwnPrefix(h.edge.Prefix)
		h.run.sessions, err = cookie.NewRules(nil, nil) // it is for several apps
		h.run.policy = h.newPolicy()
		return err
	case roleApp:
		h.edge.roles[roleApp]++
	default:
		return fmt.Errorf("role: %q is none of app, addresses", h.Role)
	}
	if err := h.compile(); err != nil {
		return err
	}
	if err := h.compileLogoutCall(); err != nil {
		return err
	}
	return h.compileProvider()
}

func (h *Handler) compile() (err error) {
	if h.Base != "" && (!origin.IsPlainPath(h.Base) || strings.HasSuffix(h.Base, "/")) {
		return fmt.Errorf("base: %q must be a path like /grafana, without a slash at its end", h.Base)
	}
	paths, err := placeholders.ResolveAll("paths", h.Paths)
	if err != nil {
		return err
	}
	if h.run.rules, err = logoutpath.Compile(paths, h.Base); err != nil {
		return err
	}
	h.run.rules.AddOwnPrefix(h.edge.Prefix)
	for _, rule := range h.run.rules.List {
		if path := "/" + strings.Join(rule.Segments, "/"); h.edge.owns(path) {
			return fmt.Errorf("paths: %s belongs to our own pages; name another path, or another prefix in the global options", path)
		}
	}
	names, err := placeholders.ResolveAll("session_cookies", h.SessionCookies)
	if err != nil {
		return err
	}
	keep, err := placeholders.ResolveAll("keep_cookies", h.KeepCookies)
	if err != nil {
		return err
	}
	if h.run.sessions, err = cookie.NewRules(names, keep); err != nil {
		return err
	}
	if h.run.clear, err = cookie.ClearTypes(h.ClearSiteData, len(keep) > 0); err != nil {
		return err
	}
	if err := h.compileFanout(); err != nil {
		return err
	}
	if err := h.compileIdentify(); err != nil {
		return err
	}
	if err := h.compilePolicy(); err != nil {
		return err
	}
	h.run.returnTo, err = h.compileTarget("return_to", h.ReturnTo)
	return err
}

// compileTarget reads where the word sends the browser: a path on the site, or
// a URL.
func (h *Handler) compileTarget(word, raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	target, err := placeholders.Resolve(raw)
	if err != nil {
		return "", fmt.Errorf("%s: %w", word, err)
	}
	var allowed []returnurl.Pattern
	own := origin.Origin{Scheme: "https", Host: "own.invalid"} // for a path the host does not matter
	if !strings.HasPrefix(target, "/") {
		o := origin.Parse(target)
		if o.Scheme == "http" && !o.Trustworthy() {
			return "", fmt.Errorf("%s: %q: plain http is for loopback hosts only", word, target)
		}
		allowed = []returnurl.Pattern{{Origin: o}}
	}
	target, err = returnurl.Target(target, own, allowed)
	if err != nil {
		return "", fmt.Errorf("%s: %q is no address that every browser reads alike; write a path like /welcome or a URL like https://www.example.com/", word, raw)
	}
	if h.leadsBack(target, "") {
		return "", fmt.Errorf("%s: %q is a logout path of this app or a page of ours: the browser would never arrive", word, target)
	}
	return target, nil
}

// ServeHTTP finds out what a request is, in this order: one of our addresses; an
// app's part in a tour, or a sweep; a logout; what an app could take for one; a
// page where a logout goes on; and all others, most of all. Those go on with w as
// it came: wrapping it would cost time and break upgrades.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	path := r.URL.Path
	mayBeOurs := h.run.rules.MayConcernUs(path, r.URL.RawQuery)
	if h.run.identity != nil {
		h.run.identity.Forget(r) // what the client says of itself counts for nothing
	}
	if mayBeOurs && h.edge.owns(path) && h.Role != roleApp && !nested.IsOwnCall(r) {
		return h.serveAddress(w, r, next)
	}
	if mayBeOurs && asksForSweep(r) && !nested.IsOwnCall(r) {
		if base, ok := asksForSite(r); ok && h.Role != roleApp {
			return h.serveSite(w, r, next, base)
		}
		if answered, err := h.edge.serveSweep(w, r); answered {
			return err
		}
	}
	if h.run.rules.MayMatch(path) && h.run.rules.Match(r) && !nested.IsOwnCall(r) {
		return h.serveLogout(w, r, next)
	}
	if mayBeOurs {
		if refused, err := h.serveLookalike(w, r); refused {
			return err
		}
	}
	if h.run.identity != nil {
		next = h.run.identity.Behind(next)
	}
	navigation := guard.IsNavigation(r)
	if navigation && journey.HasMarker(r.Header["Cookie"]) && !nested.IsOwnCall(r) {
		// A logout goes on whatever the browser still presents.
		return h.serveMarked(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			return h.run.policy.Serve(w, r, next, true)
		}))
	}
	return h.run.policy.Serve(w, r, next, navigation)
}

// addresses are ours on every site, below the prefix; an app never gets them.
// serve_X.go answers address X.
var addresses = map[string]func(h *Handler, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error{
	"/":         (*Handler).serveEverywhere, // "sign out everywhere": a page with one button, and what the button does
	"/hop":      (*Handler).serveHop,        // one site's part in the browser's way through the sites
	"/site":     (*Handler).serveThisSite,   // the same, asked for by the script of a hop page
	"/callback": (*Handler).serveCallback,   // back from the provider: its answer to the question who is signed in
	"/return":   (*Handler).serveReturn,     // back from the provider: its session is over
	"/done":     (*Handler).serveDone,       // the landing page: what became of each app
}

// owns reports whether path is one of our addresses.
func (a *App) owns(path string) bool {
	return len(path) >= len(a.Prefix) && path[:len(a.Prefix)] == a.Prefix &&
		(len(path) == len(a.Prefix) || path[len(a.Prefix)] == '/')
}

// serveAddress answers what lies below our prefix.
func (h *Handler) serveAddress(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if guard.IsSpeculative(r.Header) {
		return pages.WriteComeAgain(w)
	}
	if asksForSweep(r) { // of a sign-out everywhere
		if answered, err := h.edge.serveSweep(w, r); answered {
			return err
		}
	}
	path := cmp.Or(strings.TrimPrefix(r.URL.Path, h.edge.Prefix), "/")
	if serve, ok := addresses[path]; ok {
		return serve(h, w, r, next)
	}
	return h.answerError(w, r, http.StatusNotFound)
}

package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// A realOP is a real OpenID provider: how to start it, and where to click on its pages.
type realOP struct {
	name      string
	start     func(t *testing.T, host string, clients []client) (issuer, addr string)
	loginForm string // what is there only if the provider asks who it is
	signIn    func(v *visitor)
	confirm   string // the button that says yes to "log out?"
	signedOut string // what is on the page where the provider ends if it may not send the browser back
	// offline: tokens with offline_access outlive the session, so that only a revocation ends them. (At Keycloak an app that
	// asks for such has no single sign-on: the session ends when the tokens are made.)
	offline bool
}

// realOPs are the providers of this run: what starts in half a second, and with the build tag keycloak that as well.
var realOPs = []realOP{panva}

// withEveryProvider runs a test with every real provider of this run.
func withEveryProvider(t *testing.T, test func(t *testing.T, op realOP)) {
	t.Helper()
	for _, op := range realOPs {
		t.Run(op.name, func(t *testing.T) { test(t, op) })
	}
}

// A labApp is an app with single sign-on behind the Caddy under test.
type labApp struct {
	// directive is its universal_logout directive. "" for the provider "main" without a word. In directives and provider
	// options, these words are replaced: ISSUER, SECRET (the client secrets are all the same), HOST (of the app).
	directive string
	keeps     keeps
	// client is the id of its client at the provider, default: "app-" and its name. An app whose client is the edge's
	// shares it, redirect URIs and all.
	client          string
	idTokenLifetime time.Duration
	unregistered    bool // its client has no post_logout_redirect_uris
	// idTokenInstead, if set, is what its cookie gets instead of the ID token.
	idTokenInstead func() string
}

// A lab is one provider and several apps behind one Caddy.
type lab struct {
	t      *testing.T
	op     realOP
	opHost string
	issuer string
	caddy  *caddyServer
	opGate *caddyServer        // Caddy in front of the provider; the same unless the lab keeps them apart
	apps   map[string]*oidcApp // by name, which is also the first label of its host
}

type labOptions struct {
	providers  string // body of the universal_logout option
	sameDomain bool   // the provider is on the apps' registrable domain
	globals    string // global options of Caddy's
	apart      bool   // the provider is behind a Caddy of its own
	apps       map[string]labApp
}

const (
	labSecret = "not-a-secret-0123456789abcdef0123456789"

	// What the edge is told about the provider if nothing else matters.
	edgeClient = `provider main ISSUER {
		client_id universal-logout
		client_secret SECRET
	}`

	withTheAppsToken = `universal_logout main {
		paths /logout /logout/* /api/logout /api/logout/*
		id_token {http.request.cookie.idToken}
		client_id CLIENT
	}`
	withoutAnything = `universal_logout main {
		paths /logout /logout/* /api/logout /api/logout/*
	}`
)

// startLab starts a provider, apps, and Caddy in front of them all.
func startLab(t *testing.T, op realOP, o labOptions) *lab {
	t.Helper()
	domain := newDomain()
	l := &lab{t: t, op: op, opHost: "sso." + domain, apps: map[string]*oidcApp{}}
	if !o.sameDomain {
		l.opHost = "sso." + newDomain()
	}
	edge := client{id: "universal-logout", secret: labSecret}
	silent := client{id: "unregistered", secret: labSecret} // an edge's client without post_logout_redirect_uris
	clients := map[string]client{}
	for name, a := range o.apps {
		origin := "https://" + name + "." + domain
		c := client{id: a.client, secret: labSecret, idTokenLifetime: a.idTokenLifetime, redirectURIs: []string{origin + "/signed-in"}}
		if c.id == "" {
			c.id = "app-" + name
		}
		if !a.unregistered {
			c.postLogoutRedirectURIs = []string{origin + "/.universal-logout/return"}
		}
		edge.redirectURIs = append(edge.redirectURIs, origin+"/.universal-logout/callback")
		edge.postLogoutRedirectURIs = append(edge.postLogoutRedirectURIs, origin+"/.universal-logout/return")
		silent.redirectURIs = append(silent.redirectURIs, origin+"/.universal-logout/callback")
		if c.id == edge.id {
			edge.redirectURIs = append(edge.redirectURIs, c.redirectURIs...)
		}
		clients[name] = c
	}
	registered := []client{edge, silent}
	for _, c := range clients {
		if c.id != edge.id {
			registered = append(registered, c)
		}
	}
	var addr string
	l.issuer, addr = op.start(t, l.opHost, registered)

	all := sites{}
	words := func(text, name string) string {
		return strings.NewReplacer("ISSUER", l.issuer, "SECRET", labSecret, "HOST", name+"."+domain, "CLIENT", clients[name].id).Replace(text)
	}
	for name, a := range o.apps {
		host := name + "." + domain
		app := startOIDCApp(t, host, l.issuer, clients[name], a.keeps)
		app.idTokenInstead = a.idTokenInstead
		l.apps[name] = app
		directive := a.directive
		if directive == "" {
			directive = withoutAnything
		}
		all[host] = words(directive, name) + "\n reverse_proxy " + app.url
	}
	if o.apart {
		l.opGate = startCaddy(t, "", sites{l.opHost: "reverse_proxy " + addr})
	} else {
		all[l.opHost] = "reverse_proxy " + addr
	}
	l.caddy = startCaddyWith(t, o.globals, words(o.providers, ""), all)
	if !o.apart {
		l.opGate = l.caddy
	}
	return l
}

// visitorOf lends a test a Chromium: what three engines do differently is tested with other apps.
func (l *lab) visitorOf(t *testing.T) *visitor {
	t.Helper()
	return open(t, browser.Chromium, browser.Options{})
}

// waitForExpiry waits until an ID token's time is over.
func waitForExpiry(t *testing.T, idToken string) {
	t.Helper()
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		t.Fatal("that is no ID token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Exp int64 }
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	left := time.Until(time.Unix(claims.Exp+1, 0))
	if left > 5*time.Second {
		t.Fatalf("the ID token lives for another %v", left)
	}
	time.Sleep(left)
}

// signIn signs in at an app with the user's name and password.
func (l *lab) signIn(v *visitor, app string) signedIn {
	v.t.Helper()
	l.wantPasswordAsked(v, app)
	l.op.signIn(v)
	return l.signedIn(v, app)
}

// signInAgain signs in at an app while the provider knows the user: no question.
func (l *lab) signInAgain(v *visitor, app string) signedIn {
	v.t.Helper()
	v.goTo(l.apps[app].origin + "/sign-in")
	return l.signedIn(v, app)
}

func (l *lab) signedIn(v *visitor, app string) signedIn {
	v.t.Helper()
	v.onTitle("signed in")
	got := l.apps[app].lastSignIn()
	if !alive(v.t, l.apps[app].url, "session", got.session) {
		v.t.Fatal("the app does not know the session that it just made")
	}
	return got
}

// wantPasswordAsked begins a sign-in and waits for the provider's login form: nobody is signed in there.
func (l *lab) wantPasswordAsked(v *visitor, app string) {
	v.t.Helper()
	// Scripts of the provider's last page may call the browser back to it while it leaves: then it goes once more.
	for range 2 {
		v.goTo(l.apps[app].origin + "/sign-in")
		if v.Within(3*time.Second, "document.querySelector(args[0])", l.op.loginForm) == nil {
			return
		}
	}
	v.goTo(l.apps[app].origin + "/sign-in")
	v.waitFor("document.querySelector(args[0])", l.op.loginForm)
}

// home opens an app's first page and returns how many requests were logged by then. A request is logged when it is over, so
// the count waits for this one's line.
func (l *lab) home(v *visitor, app string) (since int) {
	v.t.Helper()
	uri := "/?" + rand.Text()
	v.goTo(l.apps[app].origin + uri)
	l.caddy.waitForRequest(v.t, "the app's page", func(e accessEntry) bool { return e.Request.URI == uri })
	return l.caddy.count()
}

// logout signs out by the link in the app's page.
func (l *lab) logout(v *visitor, app string) (since int) {
	v.t.Helper()
	since = l.home(v, app)
	v.click("#logout")
	return since
}

// navigations returns what browsers opened as pages since a number of requests, of all hosts, oldest first.
func (l *lab) navigations(since int) (found []accessEntry) {
	for _, e := range l.caddy.since(since) {
		if e.Request.Headers.Get("Sec-Fetch-Mode") == "navigate" {
			found = append(found, e)
		}
	}
	return found
}

// visitsOf returns how many of these went to a host.
func visitsOf(host string, entries []accessEntry) (n int) {
	for _, e := range entries {
		if e.Request.Host == host {
			n++
		}
	}
	return n
}

// way describes requests for a failed test, without their queries.
func way(entries []accessEntry) string {
	var b strings.Builder
	for _, e := range entries {
		path, _, _ := strings.Cut(e.Request.URI, "?")
		b.WriteString("\n  " + e.Request.Method + " " + e.Request.Host + path + " " + http.StatusText(e.Status))
	}
	return b.String()
}

// wantLanding waits for our landing page at the app's host and looks at the way there.
func (l *lab) wantLanding(v *visitor, app string, since int) {
	v.t.Helper()
	v.onOurPage("landing")
	l.caddy.waitForRequestSince(v.t, since, "the landing page", func(e accessEntry) bool {
		// After a tour the landing page is the answer to its last form.
		return strings.HasPrefix(e.Request.URI, "/.universal-logout/done") || e.Request.Method == "POST" && e.Request.URI == "/.universal-logout/hop"
	})
	if url, err := v.URL(); err != nil || !strings.HasPrefix(url, l.apps[app].origin+"/") {
		v.t.Errorf("the landing page is at %s, %v", url, err)
	}
	l.wantNoErrors(v, since)
}

// wantNoErrors: the browser saw no error page since then, above all none of the provider's.
func (l *lab) wantNoErrors(v *visitor, since int) {
	v.t.Helper()
	visited := l.navigations(since)
	if slices.ContainsFunc(visited, func(e accessEntry) bool { return e.Status >= 400 }) {
		v.t.Errorf("the browser saw an error page:%s", way(visited))
	}
}

// wantSessionsGone: the app's session is dead, even for a copy of its cookie, and nobody is signed in at the provider.
func (l *lab) wantSessionsGone(v *visitor, app string, was signedIn) {
	v.t.Helper()
	if alive(v.t, l.apps[app].url, "session", was.session) {
		v.t.Error("the app still honours the old session")
	}
	l.wantPasswordAsked(v, app)
}

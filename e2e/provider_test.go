package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// mostRedirects from the click to the landing page without a question on the way: to the provider for a hint, back, to the
// provider for the logout, its own, back, to the landing page.
const mostRedirects = 6

// redirects counts the redirects of some navigations. Where the provider sends the browser back to us, the address has a
// secret in it and is not in the log; we answer with one more.
func redirects(visited []accessEntry) (n int) {
	for _, e := range visited {
		if e.Status < 300 || e.Status >= 400 {
			continue
		}
		n++
		if l := e.RespHeaders.Get("Location"); strings.Contains(l, "/.universal-logout/callback?") || strings.Contains(l, "/.universal-logout/return?") {
			n++
		}
	}
	return n
}

// edgeProviders are the ways in which the edge may know the provider.
const edgeProviders = edgeClient + `
	provider asks ISSUER {
		client_id universal-logout
		client_secret SECRET
		just_in_time_hint off
	}
	provider unregistered ISSUER {
		client_id unregistered
		client_secret SECRET
	}`

// One click in an app ends the app's session and the provider's, whatever the edge has for a hint, and nobody sees an error
// page of the provider on the way.
func TestProviderSessionEndsWithTheApps(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		var l *lab
		tokenOf := func(app string) func() string { // of another app's last sign-in
			return func() string { return l.apps[app].lastSignIn().idToken }
		}
		foreign := startLab(t, op, labOptions{providers: edgeClient, apps: map[string]labApp{"else": {}}})
		cases := []struct {
			name    string
			app     labApp
			confirm bool // the provider asks
			another bool // another app of the same provider was signed in before
			elsew   bool // the user is signed in at another provider too
			stays   bool // the provider may not send the browser back, but says goodbye
		}{
			{name: "hint", app: labApp{directive: withTheAppsToken, keeps: keeps{idToken: true}}},
			{name: "just-in-time"},
			{name: "no-hint", app: labApp{directive: strings.Replace(withoutAnything, "main", "asks", 1)}, confirm: true},
			// What most people write: the issuer, the app's client, and nothing else.
			{name: "three-lines", confirm: true, app: labApp{directive: "universal_logout ISSUER CLIENT"}},
			{name: "three-lines-and-a-token", app: labApp{directive: "universal_logout ISSUER CLIENT", keeps: keeps{idToken: true}}},
			{name: "expired-hint", app: labApp{
				directive: strings.Replace(withTheAppsToken, "main", "asks", 1), keeps: keeps{idToken: true}, idTokenLifetime: time.Second,
			}},
			{name: "unregistered-with-hint", stays: true, app: labApp{directive: withTheAppsToken, keeps: keeps{idToken: true}, unregistered: true}},
			{name: "unregistered-just-in-time", stays: true, app: labApp{directive: strings.Replace(withoutAnything, "main", "unregistered", 1)}},
			{name: "unregistered-address", stays: true, app: labApp{keeps: keeps{idToken: true}, directive: `universal_logout main {
				id_token {http.request.cookie.idToken}
				client_id CLIENT
				post_logout_redirect_uri https://HOST/bye
			}`}},
			{name: "another-clients-hint", another: true, app: labApp{
				directive: withTheAppsToken, keeps: keeps{idToken: true}, idTokenInstead: tokenOf("just-in-time"),
			}},
			{name: "another-providers-hint", elsew: true, app: labApp{
				directive: withTheAppsToken, keeps: keeps{idToken: true},
				idTokenInstead: func() string { return foreign.apps["else"].lastSignIn().idToken },
			}},
			{name: "junk-hint", app: labApp{
				directive: withTheAppsToken, keeps: keeps{idToken: true},
				idTokenInstead: func() string { return "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqdW5rIn0.c2lnbmF0dXJl" },
			}},
		}
		apps := map[string]labApp{}
		for _, c := range cases {
			apps[c.name] = c.app
		}
		l = startLab(t, op, labOptions{providers: edgeProviders, apps: apps})

		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				v := l.visitorOf(t)
				if c.elsew {
					foreign.signIn(v, "else")
				}
				was := l.signIn(v, c.name)
				if c.app.idTokenLifetime > 0 {
					waitForExpiry(t, was.idToken)
				}
				since := l.logout(v, c.name)
				if c.confirm {
					v.waitFor("document.querySelector(args[0])", op.confirm)
					v.click(op.confirm)
				}
				if c.stays {
					v.waitFor("document.querySelector(args[0])", op.signedOut)
					l.wantNoErrors(v, since)
					if !strings.Contains(l.caddy.log(), "is it registered as a post-logout redirect URI") {
						t.Error("nothing in the log says what is not registered")
					}
				} else {
					l.wantLanding(v, c.name, since)
					text, err := v.Text("main")
					v.must(err, "reading the landing page")
					if !strings.Contains(text, "Your session at "+l.opHost+", which signs you in to your apps, has ended") {
						t.Errorf("the landing page says %q", text)
					}
				}
				l.wantSessionsGone(v, c.name, was)
			})
		}
	})
}

// Where the edge is told no client, it cannot say to the provider where to return to. So the person sees our page first, and
// one button for the rest.
func TestProviderWithoutAClientGetsAButton(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		l := startLab(t, op, labOptions{apps: map[string]labApp{"app": {
			directive: "universal_logout ISSUER",
		}}})
		v := l.visitorOf(t)
		was := l.signIn(v, "app")
		since := l.logout(v, "app")
		l.wantLanding(v, "app", since)
		if n := visitsOf(l.opHost, l.navigations(since)); n > 0 {
			t.Errorf("the browser was at the provider before the landing page:%s", way(l.navigations(since)))
		}
		v.click(`main a[href^="https://` + l.opHost + `/"], main form[action^="https://` + l.opHost + `/"] button`)
		v.waitFor("document.querySelector(args[0])", op.confirm)
		v.click(op.confirm)
		v.waitFor("document.querySelector(args[0])", op.signedOut)
		l.wantNoErrors(v, since)
		l.wantSessionsGone(v, "app", was)
	})
}

// Where no client is named, the app's ID token tells the provider which one it is.
func TestProviderGetsAHintWithoutAClient(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		l := startLab(t, op, labOptions{apps: map[string]labApp{
			"stays": {keeps: keeps{idToken: true}, directive: "universal_logout ISSUER"},
			"returns": {keeps: keeps{idToken: true}, directive: `universal_logout ISSUER {
				post_logout_redirect_uri https://HOST/.universal-logout/return
			}`},
		}})
		v := l.visitorOf(t)
		was := l.signIn(v, "returns")
		since := l.logout(v, "returns")
		l.wantLanding(v, "returns", since)
		l.wantNoErrors(v, since)
		l.wantSessionsGone(v, "returns", was)

		was = l.signIn(v, "stays")
		since = l.logout(v, "stays")
		v.waitFor("document.querySelector(args[0])", op.signedOut)
		l.wantNoErrors(v, since)
		l.wantSessionsGone(v, "stays", was)
	})
}

// With the provider next to the app or on a domain of its own, a logout without the app's help takes few redirects, no
// question, and is for nobody to see.
func TestProviderIsReachedInFewRedirects(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		for name, sameDomain := range map[string]bool{"same domain": true, "another domain": false} {
			t.Run(name, func(t *testing.T) {
				l := startLab(t, op, labOptions{providers: edgeClient, sameDomain: sameDomain, apps: map[string]labApp{"app": {}}})
				v := l.visitorOf(t)
				was := l.signIn(v, "app")
				since := l.logout(v, "app")
				l.wantLanding(v, "app", since)
				visited := l.navigations(since)
				if n := redirects(visited); visitsOf(l.opHost, visited) == 0 || n > mostRedirects {
					t.Errorf("%d redirects:%s", n, way(visited))
				}
				l.wantSessionsGone(v, "app", was)
			})
		}
	})
}

// A form gets to the provider even if its page allows forms to go nowhere else.
func TestProviderAfterALogoutByForm(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		l := startLab(t, op, labOptions{providers: edgeClient, apps: map[string]labApp{
			"hint": {directive: withTheAppsToken, keeps: keeps{idToken: true}}, "plain": {},
		}})
		v := l.visitorOf(t)
		for _, app := range []string{"hint", "plain"} {
			was := l.signIn(v, app)
			since := l.home(v, app)
			v.click("#form")
			l.wantLanding(v, app, since)
			if visited := l.navigations(since); visitsOf(l.opHost, visited) == 0 {
				t.Errorf("%s: the browser never was at the provider:%s", app, way(visited))
			}
			l.wantSessionsGone(v, app, was)
		}
	})
}

// Who logs out again has no session that the provider could end, and is not sent there: it might ask for a password.
func TestProviderIsNotVisitedTwice(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		l := startLab(t, op, labOptions{providers: edgeClient, apps: map[string]labApp{
			"hint": {directive: withTheAppsToken, keeps: keeps{idToken: true}}, "plain": {},
		}})
		v := l.visitorOf(t)
		for _, app := range []string{"hint", "plain"} {
			was := l.signIn(v, app)
			since := l.logout(v, app)
			l.wantLanding(v, app, since)

			again := l.logout(v, app)
			l.wantLanding(v, app, again)
			if n := visitsOf(l.opHost, l.navigations(again)); n > 0 {
				t.Errorf("%s: the second logout went to the provider:%s", app, way(l.navigations(again)))
			}
			l.wantSessionsGone(v, app, was)
		}
	})
}

// An app that redirects after its logout gets its way, after the provider.
func TestProviderComesBeforeTheAppsOwnRedirect(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		l := startLab(t, op, labOptions{providers: edgeClient, apps: map[string]labApp{"app": {}}})
		v := l.visitorOf(t)
		was := l.signIn(v, "app")
		since := l.home(v, "app")
		v.click("#redirects")
		v.onTitle("signed out")
		l.wantNoErrors(v, since)
		if visited := l.navigations(since); visitsOf(l.opHost, visited) == 0 {
			t.Errorf("the browser never was at the provider:%s", way(visited))
		}
		l.wantSessionsGone(v, "app", was)
	})
}

// Tokens that the app keeps in the browser are revoked (RFC 7009), even if they outlive the provider's session.
func TestProviderRevokesTheAppsTokens(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		l := startLab(t, op, labOptions{providers: edgeClient, apps: map[string]labApp{"app": {
			client: "universal-logout", keeps: keeps{idToken: true, tokens: true, offline: op.offline},
			directive: `universal_logout main {
				id_token {http.request.cookie.idToken}
				access_token {http.request.cookie.accessToken}
				refresh_token {http.request.cookie.refreshToken}
			}`,
		}}})
		app, v := l.apps["app"], l.visitorOf(t)
		was := l.signIn(v, "app")
		if was.refreshToken == "" || !app.active(t, was.accessToken) || !app.refresh(t, was.refreshToken) {
			t.Fatal("the tokens were no good to begin with")
		}
		was = l.signInAgain(v, "app") // a provider may rotate a refresh token that was used
		since := l.logout(v, "app")
		l.wantLanding(v, "app", since)
		if app.active(t, was.accessToken) {
			t.Error("the provider still honours the access token")
		}
		if app.refresh(t, was.refreshToken) {
			t.Error("the provider still honours the refresh token")
		}
		revoked := 0
		for _, e := range l.caddy.since(since) {
			if e.Request.Host == l.opHost && e.Request.Method == http.MethodPost && strings.Contains(e.Request.URI, "revo") && e.Status == http.StatusOK {
				revoked++
			}
		}
		if revoked != 2 {
			t.Errorf("%d successful revocations, want 2", revoked)
		}
		l.wantSessionsGone(v, "app", was)
	})
}

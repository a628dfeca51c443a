package universallogout

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const mainPortal = `universal_logout {
	provider main {
		logout_url ISSUER/logout?rd={return_url}
	}
}`

// newStateless is a sign-on whose provider sends no state back.
func newStateless(t testing.TB, kind, clears string) *signOn {
	t.Helper()
	site := `app.example.com {
		universal_logout main {
			clear_site_data ` + clears + `
		}
		reverse_proxy APP
	}`
	if kind == "portal" {
		return newSignOnAt(t, mainPortal, site, endsSession)
	}
	return newSignOnAt(t, strings.Replace(mainProvider, "client_id", "quirks cognito\nclient_id", 1), site, endsSession)
}

// TestStatelessReturnIsNoProof: portals and Cognito send no state back, so
// anybody can send the browser to /return. It ends the logout, and says so; of
// what could hurt somebody who has signed in since, it does nothing.
func TestStatelessReturnIsNoProof(t *testing.T) {
	for _, kind := range []string{"portal", "cognito"} {
		for name, tc := range map[string]struct {
			clears, session, want string
		}{
			"beside a fresh session":                   {"storage cookies cache", "fresh", ""},
			"beside a fresh session, storage alone":    {"storage", "fresh", ""},
			"no session that we know":                  {"storage", "", ""},
			"no session that we know, cookies are due": {"storage cookies", "", `"cookies"`},
		} {
			for _, query := range []string{"", "?state=x"} {
				t.Run(kind+" × "+name+" × "+query, func(t *testing.T) {
					t.Parallel()
					so := newStateless(t, kind, tc.clears)
					so.leave()
					if tc.session != "" {
						so.setCookie("sessionid=" + tc.session)
						so.send(request("GET", "https://app.example.com/inbox", "", clicked...))
					}
					res := so.send(request("GET", oursAtApp+"/return"+query, "", fromElsewhere...))
					wantUntouched(t, "/return", res)
					page := so.step(res)
					if got := page.Header.Get("Clear-Site-Data"); got != tc.want {
						t.Errorf("clears %q, want %q", got, tc.want)
					}
					if tc.session != "" && !so.has("sessionid="+tc.session) {
						t.Errorf("left in the browser: %v", so.jar.names())
					}
					if body := bodyOf(t, page); page.StatusCode != 200 || !strings.Contains(body, "has ended, too") || so.isMarked() {
						t.Errorf("%d %s", page.StatusCode, body)
					}
				})
			}
		}
	}
}

// TestReturnWithoutOurStateClearsNothing: RPI-33, for providers that do send it
// back: also for an app whose session is in the browser's storage alone.
func TestReturnWithoutOurStateClearsNothing(t *testing.T) {
	for _, query := range []string{"", "?state=", "?state=x", "?state=x&state=y"} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{options: "just_in_time_hint off", site: "clear_site_data storage cookies cache\nreturn_to /welcome"})
			so.leave()
			res := so.send(request("GET", oursAtApp+"/return"+query, "", fromElsewhere...))
			wantUntouched(t, "/return", res)
			page := so.step(res)
			wantUntouched(t, "/done", page)
			if body := bodyOf(t, page); page.StatusCode != 200 || !strings.Contains(body, "may still be signed in") || strings.Contains(body, "/welcome") {
				t.Errorf("%d %s", page.StatusCode, body)
			}
		})
	}
}

// TestOwnAddressWithoutOurState: RPI-33. The address registered at the provider
// may be a page of the app. Opened by anybody else it is that page, and the
// logout goes on.
func TestOwnAddressWithoutOurState(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{site: "client_id app\npost_logout_redirect_uri https://app.example.com/bye", options: "just_in_time_hint off"})
	so.setCookie("idToken=" + so.hint(appClient))
	res := so.leave()
	q := so.queryOf(res, "/logout")
	if q.Get("post_logout_redirect_uri") != "https://app.example.com/bye" || q.Get("state") == "" {
		t.Fatalf("sent %v", q)
	}
	another := newSignOn(t, signOnConfig{options: "just_in_time_hint off"})
	another.site.app.use(so.site.app.process) // one edge
	for name, query := range map[string]string{
		"none": "", "empty": "?state=", "junk": "?state=x", "the app's own": "?state=CA&b=1",
		"another browser's": "?state=" + url.QueryEscape(another.stateOf(another.leave())),
	} {
		for _, headers := range [][]string{clicked, fromElsewhere} {
			res := so.send(request("GET", "https://app.example.com/bye"+query, "", headers...))
			wantUntouched(t, name, res)
			if body := bodyOf(t, res); res.StatusCode != 200 || body != "app" || !so.isMarked() {
				t.Errorf("%s: %d %v %s", name, res.StatusCode, res.Header, body)
			}
		}
	}
	seen := so.app.requests()
	if last := seen[len(seen)-1]; last.URL.Path != "/bye" {
		t.Errorf("the app saw %s", last.URL)
	}
	so.wantEnded(so.follow(so.jar, request("GET", so.next(res), "", clicked...)))
}

// TestAppsOwnWayBackIsNoProof: an app that goes to the provider by itself, for
// a client that we do not know, is sent back without a state of ours. Anybody
// can open that page.
func TestAppsOwnWayBackIsNoProof(t *testing.T) {
	for name, fresh := range map[string]bool{"beside a fresh session": true, "no session that we know": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var so *signOn
			so = newSignOn(t, signOnConfig{site: "clear_site_data storage", answer: func(w http.ResponseWriter, _ *http.Request) {
				expire(w)
				w.Header().Set("Location", so.op.Issuer()+"/logout?client_id=app&id_token_hint="+so.hint(appClient)+"&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye")
				w.WriteHeader(302)
			}})
			so.leave()
			if fresh {
				so.setCookie("sessionid=fresh")
			}
			res := so.send(request("GET", "https://app.example.com/bye", "", fromElsewhere...))
			for wantUntouched(t, "/bye", res); res.Header.Get("Location") != ""; {
				res = so.step(res)
				wantUntouched(t, "behind it", res)
			}
			if fresh && (!so.has("sessionid=fresh") || bodyOf(t, res) != "app") {
				t.Errorf("%d, left in the browser: %v", res.StatusCode, so.jar.names())
			}
		})
	}
}

// TestPagesOwnStateIsKept: a page that continues a logout is opened afterwards
// as it was asked for, whatever its parameters are called.
func TestPagesOwnStateIsKept(t *testing.T) {
	for page, goal := range map[string]string{
		"/map?state=CA&b=1":     "/map?state=CA&b=1",
		"/map?b=1&state=CA&a=2": "/map?b=1&state=CA&a=2",
		"/map?state":            "/map?state",
		"/map?iss=x&error=y":    "/map?iss=x&error=y",
		"/map?t=1&code=2":       "/map?t=1&code=2",
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{answer: func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) }})
			so.fetch()
			f := so.follow(so.jar, request("GET", "https://app.example.com"+page, "", clicked...))
			so.wantEnded(f)
			if got := metaRefresh(f.body); got != goal {
				t.Errorf("goes on to %q, want %q", got, goal)
			}
		})
	}
}

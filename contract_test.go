package universallogout

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// TestPlatformContract: an app or the platform behind it that answers its
// script in JSON is heard as it was, and the logout goes on with the page that
// the script opens next. A platform in trouble stops nothing.
func TestPlatformContract(t *testing.T) {
	say := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		passes string // the body that the script gets, "" for ours
	}{
		"front_channel_logout_url": {say(200, "application/json", `{"success":true,"front_channel_logout_url":"https://platform.example/fcl?x=1"}`), `{"success":true,"front_channel_logout_url":"https://platform.example/fcl?x=1"}`},
		"redirect_url":             {say(200, "application/json; charset=utf-8", `{"redirect_url":"/bye"}`), `{"redirect_url":"/bye"}`},
		"post_logout_redirect_uri": {say(202, "application/json", `{"post_logout_redirect_uri":"https://app.example.com/"}`), `{"post_logout_redirect_uri":"https://app.example.com/"}`},
		"no JSON":                  {say(200, "text/plain", "OK"), "OK"},
		"500":                      {say(500, "application/json", `{"redirect_url":"/bye"}`), ""},
		"junk":                     {say(200, "application/json", `<html>what?`), ""},
		"half":                     {say(200, "application/json", `{"redirect_url":"/by`), ""},
		"down":                     {nil, ""},
		"a redirect elsewhere":     {redirectTo("https://platform.example/"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{answer: tc.answer})
			if tc.answer == nil {
				so.app.Close()
			}
			r := request("POST", "https://app.example.com/logout", `{"post_logout_redirect_uri":"/welcome"}`, with(fetched, "Content-Type: application/json")...)
			r.Header.Set("Cookie", so.jar.header("app.example.com", "/logout", true))
			res := so.do(r)
			so.jar.store("app.example.com", "/logout", true, res.Header["Set-Cookie"])
			body := bodyOf(t, res)
			if tc.passes != "" {
				if body != tc.passes {
					t.Errorf("the script gets %s", body)
				}
				so.wantEnded(so.follow(so.jar, request("GET", "https://app.example.com/after", "", clicked...)))
				return
			}
			var answer pages.Answer
			if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Success == (name != "a redirect elsewhere") || answer.FrontChannelLogoutURL == "" || answer.RedirectURL == "" {
				t.Fatalf("the script gets %s", body)
			}
			if landed := so.do(request("GET", "https://app.example.com"+answer.RedirectURL, "", clicked...)); landed.StatusCode != 200 {
				t.Errorf("redirect_url: %d", landed.StatusCode)
			}
			f := so.follow(so.jar, request("GET", answer.FrontChannelLogoutURL, "", clicked...))
			if so.op.Sessions() != 0 || !strings.Contains(f.body, `data-page="landing"`) {
				t.Errorf("%v %s", f.visited, f.body)
			}
		})
	}
}

// TestThreeLayers: an app without any logout code keeps the provider's three
// tokens in cookies. Browser, tokens and provider are ended all the same, the
// provider by a navigation, and the person goes where they wanted.
func TestThreeLayers(t *testing.T) {
	for by, log := range map[string]func(*signOn) followed{
		"link": func(so *signOn) followed {
			return so.follow(so.jar, request("GET", "https://app.example.com/logout?post_logout_redirect_uri=https%3A%2F%2Fwww.example.com%2Fbye", "", clicked...))
		},
		"form": (*signOn).submit,
		"fetch": func(so *signOn) followed {
			return so.fetchThenHop()
		},
	} {
		t.Run(by, func(t *testing.T) {
			so := newSignOn(t, signOnConfig{
				global: "allowed_return_urls https://www.example.com",
				site:   "session_cookies accessToken refreshToken idToken\nreturn_to /start",
				answer: status(404),
			})
			tokens := so.op.Issue(edgeClient, "ana")
			so.jar.cookies = slices.DeleteFunc(so.jar.cookies, func(c jarCookie) bool { return c.name == "sessionid" })
			delete(so.app.alive, "one") // this app has no sessions
			so.setCookie("accessToken=" + tokens.Access)
			so.setCookie("refreshToken=" + tokens.Refresh)
			so.setCookie("idToken=" + so.hint(edgeClient))
			f := log(so)
			so.wantEnded(f)
			if so.op.Active(tokens.Access) || so.op.Active(tokens.Refresh) {
				t.Error("a token is alive")
			}
			if left := strings.Join(so.jar.names(), " "); strings.Contains(left, "Token") {
				t.Errorf("left in the browser: %s", left)
			}
			goal := "/start"
			if by == "link" {
				goal = "https://www.example.com/bye"
			}
			if !strings.Contains(f.body, `data-next="`+goal+`"`) {
				t.Errorf("does not go on to %s: %s", goal, f.body)
			}
			if len(so.visits("/auth")) != 0 || len(so.visits("/logout")) != 1 {
				t.Errorf("%v", f.visited)
			}
		})
	}
}

// TestProviderOnOurDomain: CSD-06, RPI-34. On a registrable domain that the
// provider shares with the app, its cookie is still there when the browser
// gets to it, and so are "cookies" of Clear-Site-Data until then.
func TestProviderOnOurDomain(t *testing.T) {
	for name, tc := range map[string]struct{ cookie, clear string }{
		"host-only":                 {"op_session=%s; Path=/; Secure; HttpOnly", "storage"},
		"for the whole domain":      {"op_session=%s; Path=/; Secure; HttpOnly; Domain=example.com", "storage"},
		"and cookies are cleared":   {"op_session=%s; Path=/; Secure; HttpOnly; Domain=example.com", "cookies storage"},
		"host-only, all is cleared": {"op_session=%s; Path=/; Secure; HttpOnly", "cookies storage"},
	} {
		t.Run(name, func(t *testing.T) {
			so := newSignOn(t, signOnConfig{issuer: "https://sso.example.com", site: "clear_site_data " + tc.clear})
			so.op.SetIssuer("https://sso.example.com")
			so.inProcess()
			so.jar.cookies = slices.DeleteFunc(so.jar.cookies, func(c jarCookie) bool { return c.name == "op_session" })
			so.jar.store("sso.example.com", "/", true, []string{fmt.Sprintf(tc.cookie, so.op.SignIn("ana").Value)})
			so.op.SID(so.op.SignIn("other")) // somebody else's session stays
			f := so.click()
			so.wantLanding(f)
			if so.op.Sessions() != 2 || !strings.Contains(f.body, "has ended, too") {
				t.Errorf("%d sessions left; %v %s", so.op.Sessions(), f.visited, f.body)
			}
			if slices.Contains(so.jar.names(), "op_session") {
				t.Errorf("the provider's cookie is left: %v", so.jar.cookies)
			}
			if got := f.Header.Get("Clear-Site-Data"); !strings.Contains(got, `"storage"`) || strings.Contains(got, "cookies") != strings.Contains(tc.clear, "cookies") {
				t.Errorf("the landing page has Clear-Site-Data %s", got)
			}
		})
	}
}

// TestMarkerBounds: a logout that goes on with the next page never kills
// a fresh login, never gets between a sign-in and its app, and ends by itself.
func TestMarkerBounds(t *testing.T) {
	begin := func(t *testing.T) *signOn {
		so := newSignOn(t, signOnConfig{answer: func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) }})
		so.fetch()
		return so
	}
	open := func(so *signOn, url string) *http.Response {
		r := request("GET", url, "", clicked...)
		r.Header.Set("Cookie", so.jar.header("app.example.com", "/", true))
		return so.do(r)
	}
	t.Run("a fresh login", func(t *testing.T) {
		so := begin(t)
		so.setCookie("sessionid=two")
		if res := open(so, "https://app.example.com/"); res.StatusCode != 200 || bodyOf(t, res) != "app" || !strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "marker=; Path=/; Max-Age=0") {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
	})
	t.Run("a sign-in on its way back", func(t *testing.T) {
		if res := open(begin(t), "https://app.example.com/oidc?code=1&state=2"); bodyOf(t, res) != "app" {
			t.Errorf("%v", res.Header)
		}
	})
	t.Run("too late", func(t *testing.T) {
		so := begin(t)
		later := time.Now().Add(2 * time.Minute)
		so.site.app.now = func() time.Time { return later }
		if res := open(so, "https://app.example.com/"); bodyOf(t, res) != "app" {
			t.Errorf("%v", res.Header)
		}
	})
	t.Run("another page while the first is at the provider", func(t *testing.T) {
		so := newSignOn(t, signOnConfig{})
		res := so.do(request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...))
		so.jar.store("app.example.com", "/logout", true, res.Header["Set-Cookie"])
		if res := open(so, "https://app.example.com/login"); bodyOf(t, res) != "app" || len(res.Header["Set-Cookie"]) != 0 {
			t.Errorf("%v", res.Header)
		}
		so.wantEnded(so.follow(so.jar, request("GET", res.Header.Get("Location"), "", clicked...)))
	})
	t.Run("nothing to continue", func(t *testing.T) {
		so := newSignOn(t, signOnConfig{answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }})
		so.jar.cookies = nil
		so.fetch()
		if len(so.jar.names()) != 0 {
			t.Errorf("%v", so.jar.names())
		}
	})
}

// TestOwnReturnAddress: an app whose client has one of its own pages
// registered. The person lands all the same, and goes on to that page.
func TestOwnReturnAddress(t *testing.T) {
	so := newSignOn(t, signOnConfig{site: "client_id app\npost_logout_redirect_uri https://app.example.com/bye"})
	so.setCookie("idToken=" + so.hint(appClient))
	f := so.click()
	so.wantEnded(f)
	if !slices.Contains(paths(f.visited), "/bye") || !strings.Contains(f.body, `data-next="/bye"`) {
		t.Errorf("%v %s", f.visited, f.body)
	}
	if q := so.visits("/logout")[0].Query; q.Get("post_logout_redirect_uri") != "https://app.example.com/bye" {
		t.Errorf("%v", q)
	}
}

// TestAppsOwnClient: RPI-13. An app that sends the browser to the provider for
// a client that the edge knows nothing of does so as before.
func TestAppsOwnClient(t *testing.T) {
	var so *signOn
	so = newSignOn(t, signOnConfig{answer: func(w http.ResponseWriter, _ *http.Request) {
		expire(w)
		w.Header().Set("Location", so.op.Issuer()+"/logout?client_id=app&id_token_hint="+so.hint(appClient)+"&state=theirs&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye")
		w.WriteHeader(303)
	}})
	f := so.click()
	so.wantEnded(f)
	q := so.visits("/logout")[0].Query
	if q.Get("client_id") != "app" || q.Get("state") != "theirs" || q.Get("post_logout_redirect_uri") != "https://app.example.com/bye" || !strings.Contains(f.body, `data-next="/bye`) {
		t.Errorf("%v %s", q, f.body)
	}
}

// TestUnknownClient: without client and hint the provider could
// not send anybody back: the page says so first, and leaves it to a click.
func TestUnknownClient(t *testing.T) {
	so := newSignOn(t, signOnConfig{unnamed: true})
	f := so.click()
	so.wantLanding(f)
	if so.op.Sessions() != 1 || len(so.visits("/logout")) != 0 || !strings.Contains(f.body, `href="`+so.op.Issuer()+`/logout"`) || strings.Contains(f.body, "data-next") {
		t.Errorf("%v %s", f.visited, f.body)
	}
	t.Run("with a hint", func(t *testing.T) {
		so := newSignOn(t, signOnConfig{unnamed: true})
		so.setCookie("idToken=" + so.hint(appClient))
		so.click()
		if q := so.visits("/logout"); len(q) != 1 || len(q[0].Query) != 1 || !q[0].Query.Has("id_token_hint") || so.op.Sessions() != 0 {
			t.Errorf("%v", q)
		}
	})
}

// TestUnregisteredReturnAddress: the commonest mistake ends the session at the
// provider all the same, and nobody sees an error page.
func TestUnregisteredReturnAddress(t *testing.T) {
	so := newSignOn(t, signOnConfig{unlisted: true})
	so.setCookie("idToken=" + so.hint(edgeClient))
	f := so.click()
	if f.StatusCode != 200 || so.op.Sessions() != 0 {
		t.Errorf("%d %v", f.StatusCode, f.visited)
	}
	if q := so.visits("/logout")[0].Query; q.Has("post_logout_redirect_uri") || q.Has("state") || !q.Has("id_token_hint") {
		t.Errorf("%v", q)
	}
}

// TestNoReturn: RPI-31. Somebody who never comes back from the provider is
// logged out of the app all the same, by the next page a minute later.
func TestNoReturn(t *testing.T) {
	so := newSignOn(t, signOnConfig{issuer: "https://sso.example.com", answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }})
	so.op.SetIssuer("https://sso.example.com")
	so.inProcess()
	c := so.turnable()
	so.jar.store("app.example.com", "/", true, []string{"custom_session=" + credential + "; Path=/; Domain=example.com; Secure"})
	r := request("GET", "https://app.example.com/logout", "", clicked...)
	r.Header.Set("Cookie", so.jar.header("app.example.com", "/logout", true))
	res := so.do(r)
	so.jar.store("app.example.com", "/logout", true, res.Header["Set-Cookie"])
	if !slices.Contains(so.jar.names(), "custom_session") || !strings.Contains(res.Header.Get("Location"), "sso.example.com") {
		t.Fatalf("%v, %v", so.jar.names(), res.Header)
	}
	c.turn(2 * time.Minute)
	f := so.follow(so.jar, request("GET", "https://app.example.com/later", "", clicked...))
	if slices.Contains(so.jar.names(), "custom_session") || f.body != "app" || f.visited[len(f.visited)-1] != "https://app.example.com/later" {
		t.Errorf("%v at %v", so.jar.names(), f.visited)
	}
}

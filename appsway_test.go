package universallogout

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// TestAppsOwnWayIsTaken: an app that sends the browser to the provider with a
// hint shows that somebody was signed in, also if none of its cookies
// looks like a session. A hint for a client that we know becomes part of our
// way; with another, the app's stays as it is (RPI-13).
func TestAppsOwnWayIsTaken(t *testing.T) {
	const bye = "https://app.example.com/bye"
	for name, tc := range map[string]struct {
		config signOnConfig
		client string // the hint's
		ours   bool
	}{
		"a client that we do not know":                     {signOnConfig{}, appClient, false},
		"nobody is asked silently":                         {signOnConfig{options: "just_in_time_hint off"}, appClient, false},
		"the edge has no client":                           {signOnConfig{unnamed: true}, appClient, false},
		"the site's client":                                {signOnConfig{site: "client_id app"}, appClient, true},
		"the site's client, nobody is asked silently":      {signOnConfig{site: "client_id app", options: "just_in_time_hint off"}, appClient, true},
		"the edge's client":                                {signOnConfig{}, edgeClient, true},
		"the edge's client, though the site has another":   {signOnConfig{site: "client_id app"}, edgeClient, true},
		"a third client, though edge and site have theirs": {signOnConfig{site: "client_id app"}, "third", false},
	} {
		for cookie, cookies := range map[string][]string{
			"session cookie":         {"sessionid=one", "myapp=4711"},
			"no cookie that we know": {"myapp=4711-ana-a1b2c3"},
		} {
			t.Run(name+" × "+cookie, func(t *testing.T) {
				t.Parallel()
				var so *signOn
				var hint string
				config := tc.config // shared by two of these
				config.answer = func(w http.ResponseWriter, _ *http.Request) {
					expire(w)
					w.Header().Add("Set-Cookie", "myapp=; Path=/; Max-Age=0")
					w.Header().Set("Location", so.op.Issuer()+"/logout?id_token_hint="+hint+"&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye")
					w.WriteHeader(302)
				}
				so = newSignOn(t, config)
				so.op.Register(thirdClient)
				hint = so.hint(tc.client)
				so.jar.cookies = slices.DeleteFunc(so.jar.cookies, func(c jarCookie) bool { return c.name == "sessionid" })
				for _, line := range cookies {
					so.setCookie(line)
				}
				f := so.click()
				ends := so.visits("/logout")
				if len(ends) != 1 || so.op.Sessions() != 0 {
					t.Fatalf("%d visits, %d sessions left: %s", len(ends), so.op.Sessions(), strings.Join(f.visited, "\n"))
				}
				q := ends[0].Query
				if q.Get("id_token_hint") != hint {
					t.Errorf("another hint was sent: %v", q)
				}
				if tc.ours && (q.Get("client_id") != tc.client || q.Get("post_logout_redirect_uri") != oursAtApp+"/return" || q.Get("state") == "" || len(q) != 4) ||
					!tc.ours && (q.Get("post_logout_redirect_uri") != bye || len(q) != 2) {
					t.Errorf("sent %v", q)
				}
				if f.StatusCode != 200 || !strings.Contains(f.body, "has ended, too") || so.isMarked() || slices.Contains(so.jar.names(), "myapp") {
					t.Errorf("%d, %v left: %s", f.StatusCode, so.jar.names(), f.body)
				}
			})
		}
	}
}

// TestLocationSurvivesWhatIsAround: other handlers in front of ours wrap the
// response. The way to the provider gets through, whatever they do.
func TestLocationSurvivesWhatIsAround(t *testing.T) {
	inRoute := func(around string) string {
		return "universal_logout /none/* main {\npaths off\n}\nroute {\n" + around + "\nuniversal_logout main\nreverse_proxy APP\n}"
	}
	for name, tc := range map[string]struct{ order, site string }{
		"encode, by order":            {"order encode before universal_logout", "encode\nuniversal_logout main\nreverse_proxy APP"},
		"encode, in a route":          {"", inRoute("encode zstd gzip")},
		"templates":                   {"", inRoute("templates")},
		"intercept, a header":         {"", inRoute("intercept {\n@r status 3xx\nhandle_response @r {\nheader X-A b\n}\n}")},
		"intercept, another status":   {"", inRoute("intercept {\n@r status 3xx\nreplace_status @r 302\n}")},
		"a header, deferred":          {"", inRoute("header >X-A b")},
		"what the app may not answer": {"", inRoute("header ?Location /elsewhere")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOnAt(t, mainProvider+"\n"+tc.order, "app.example.com {\n"+tc.site+"\n}", endsSession)
			res := so.send(request("GET", "https://app.example.com/logout", "", with(clicked, "Accept-Encoding: gzip, zstd")...))
			if res.StatusCode/100 != 3 || !strings.HasPrefix(res.Header.Get("Location"), so.op.Issuer()+"/auth?") {
				t.Fatalf("%d %v", res.StatusCode, res.Header)
			}
			so.wantEnded(so.follow(so.jar, request("GET", so.next(res), "", clicked...)))
		})
	}
}

// TestAddressesOfSiteWithMatcher: with a matcher, the host's addresses and the
// app have a handler each. What one leaves with the browser the other can use.
func TestAddressesOfSiteWithMatcher(t *testing.T) {
	newMatched := func(t *testing.T, answer http.HandlerFunc) *signOn {
		t.Parallel()
		return newSignOnAt(t, mainProvider, `app.example.com {
			universal_logout /app* main
			reverse_proxy APP
		}`, answer)
	}
	logout := func(so *signOn) string {
		return bodyOf(so.t, so.send(request("POST", "https://app.example.com/app/logout", "", fetched...)))
	}
	for name, cookie := range map[string]string{
		"a cookie of the app":     "theme=dark",
		"what looks like session": "whatever=" + credential,
		"no other cookie":         "",
	} {
		t.Run("hop, callback and return × "+name, func(t *testing.T) {
			so := newMatched(t, endsSession)
			if cookie != "" {
				so.setCookie(cookie)
			}
			var answer pages.Answer
			if err := json.Unmarshal([]byte(logout(so)), &answer); err != nil || answer.FrontChannelLogoutURL == "" {
				t.Fatalf("%+v %v", answer, err)
			}
			if f := so.follow(so.jar, request("GET", answer.FrontChannelLogoutURL, "", clicked...)); so.op.Sessions() != 0 || !strings.Contains(f.body, "has ended, too") {
				t.Errorf("%s\n%s", strings.Join(f.visited, "\n"), f.body)
			}
		})
		for _, address := range []string{"/hop?t=x", "/callback?code=c&state=x", "/callback", "/return", "/return?state=x", "/done", "/done?t=x"} {
			t.Run(address+" of nobody × "+name, func(t *testing.T) {
				so := newMatched(t, endsSession)
				if cookie != "" {
					so.setCookie(cookie)
				}
				wantBare(t, address, so.send(request("GET", oursAtApp+address, "", fromElsewhere...)))
			})
		}
	}
	for _, page := range []string{"/", "/app/", "/elsewhere?x=1"} {
		t.Run("a script's logout goes on with "+page, func(t *testing.T) {
			so := newMatched(t, func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) })
			logout(so)
			so.wantEnded(so.follow(so.jar, request("GET", "https://app.example.com"+page, "", clicked...)))
		})
	}
}

// TestHintWithoutClient: the hint alone says whose it is; where to
// come back to is known if the site says so.
func TestHintWithoutClient(t *testing.T) {
	for name, config := range map[string]signOnConfig{
		"of the site":     {unnamed: true, site: "post_logout_redirect_uri https://app.example.com/bye"},
		"of the provider": {unnamed: true, options: "post_logout_redirect_uri https://app.example.com/bye"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, config)
			so.setCookie("idToken=" + so.hint(appClient))
			f := so.click()
			so.wantEnded(f)
			ends := so.visits("/logout")
			if len(ends) != 1 {
				t.Fatalf("%d visits", len(ends))
			}
			if q := ends[0].Query; len(q) != 3 || !q.Has("id_token_hint") || q.Get("post_logout_redirect_uri") != "https://app.example.com/bye" || q.Get("state") == "" {
				t.Errorf("sent %v", q)
			}
			if slices.Contains(paths(f.visited), "/auth") || !slices.Contains(paths(f.visited), "/bye") {
				t.Errorf("%v", f.visited)
			}
		})
	}
}

// TestForeignTokenKeepsAllHere: an app with a token of another issuer makes all
// its tokens itself: none of them is for the provider, readable or not.
func TestForeignTokenKeepsAllHere(t *testing.T) {
	for name, cookies := range map[string][2]string{
		"access token":  {"access_token", "refresh_token"},
		"refresh token": {"refreshToken", "accessToken"},
		"ID token":      {"__Host-id_token", "__Secure-refresh-token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{})
			so.alone(8)
			foreign := so.op.IDToken("x", "ana", so.sid, func(c map[string]any) { c["iss"] = "https://other.example" })
			so.setCookie(cookies[1] + "=" + refreshSecret)
			so.setCookie(cookies[0] + "=" + foreign)
			so.wantEnded(so.click())
			eventually(t, "nothing is left to do", so.isIdle)
			for _, r := range so.op.Seen() {
				for _, values := range []map[string][]string{r.Form, r.Query, r.Header} {
					for key, all := range values {
						if at := strings.Join(all, " "); key != "Cookie" && (strings.Contains(at, foreign) || strings.Contains(at, refreshSecret)) {
							t.Errorf("%s was sent it as %s", r.Path, key)
						}
					}
				}
			}
		})
	}
}

// TestScriptReadsNoHint: a script cannot make our page show it the token that
// HttpOnly keeps from it, whatever it claims to be.
func TestScriptReadsNoHint(t *testing.T) {
	for _, mode := range []string{"same-origin", "cors", "no-cors", "navigate"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(method+" "+mode, func(t *testing.T) {
				t.Parallel()
				so := newSignOn(t, signOnConfig{timeout: 10 * time.Second})
				hint := so.hint(edgeClient)
				so.setCookie("idToken=" + hint)
				dest := "empty"
				if mode == "navigate" {
					dest = "document"
				}
				res := so.send(request(method, "https://app.example.com/logout", "", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: "+mode, "Sec-Fetch-Dest: "+dest,
					"Accept: text/html", "Origin: https://app.example.com"))
				if body := bodyOf(t, res); strings.Contains(body, hint) || strings.Contains(body, "id_token_hint") {
					t.Errorf("the page has it: %s", body)
				}
			})
		}
	}
}

// thirdClient is neither the edge's nor the site's.
var thirdClient = oidctest.Client{ID: "third", Secret: "its own", PostLogoutRedirectURIs: []string{"https://app.example.com/bye"}}

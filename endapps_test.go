package universallogout

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// TestEndSessionShapes: whatever stands between us and the app, its session
// ends, on its own side.
func TestEndSessionShapes(t *testing.T) {
	auth := newSessions(t, nil)
	auth.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		w.Header().Set("Remote-User", "alice")
	})
	for name, tc := range map[string]struct {
		config, query string // APP is the app's address
		headers       []string
		method, uri   string
		header        map[string]string
		outcome       outcome.Outcome
	}{
		"reverse_proxy":      {config: "universal_logout\nreverse_proxy APP", uri: "/logout"},
		"handle":             {config: "universal_logout\nhandle /logout* {\nreverse_proxy APP\n}\nhandle {\nrespond 500\n}", uri: "/logout"},
		"route":              {config: "universal_logout\nroute {\nuniversal_logout\nreverse_proxy APP\n}", uri: "/logout", query: "of=1"},
		"handle_path":        {config: "universal_logout\nhandle_path /grafana/* {\nuniversal_logout\nreverse_proxy APP\n}\nrespond 500", query: "of=1&cut=/grafana", uri: "/logout"},
		"cut is escaped":     {config: "universal_logout\nhandle_path \"/my app/*\" {\nuniversal_logout\nreverse_proxy APP\n}\nrespond 500", query: "of=1&cut=/my+app", uri: "/logout"},
		"below a matcher":    {config: "universal_logout /wiki/*\nreverse_proxy /wiki/* APP", uri: "/wiki/logout"},
		"two apps":           {config: "universal_logout /wiki/*\nuniversal_logout\nhandle /wiki/* {\nreverse_proxy APP\n}\nhandle {\nrespond 500\n}", uri: "/wiki/logout"},
		"rewrite":            {config: "universal_logout\nrewrite /logout /internal/logout?x=1\nreverse_proxy APP", uri: "/internal/logout?x=1"},
		"encode":             {config: "universal_logout\nencode gzip\nreverse_proxy APP", uri: "/logout"},
		"root and vars":      {config: "vars who alice\nroot * /srv/app\nuniversal_logout\nreverse_proxy APP {\nheader_up X-Who {vars.who}\nheader_up X-Root {vars.root}\n}", uri: "/logout", header: map[string]string{"X-Who": "alice", "X-Root": "/srv/app"}},
		"forward_auth":       {config: "universal_logout\nforward_auth AUTH {\nuri /auth\ncopy_headers Remote-User\n}\nreverse_proxy APP", uri: "/logout", header: map[string]string{"Remote-User": "alice"}},
		"basic_auth":         {config: "universal_logout\nbasic_auth {\nana $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n}\nreverse_proxy APP", headers: []string{"Authorization: Basic YW5hOnNlY3JldA=="}, uri: "/logout"},
		"named route":        {config: "universal_logout\ninvoke app", uri: "/signout-logout", query: "of=1"},
		"request_header":     {config: "universal_logout\nrequest_header X-Who alice\nreverse_proxy APP", uri: "/logout", header: map[string]string{"X-Who": "alice"}},
		"method of its path": {config: "universal_logout {\npaths /bye /x/*/logout\npaths DELETE /api/logout\n}\nreverse_proxy APP", method: "DELETE", uri: "/api/logout"},
		"query of its path":  {config: "universal_logout {\npaths /index.php?action=logout&a=b+c /logout\n}\nrewrite /index.php /logout?{query}\nreverse_proxy APP", uri: "/logout?action=logout&a=b%2Bc"},
		"logout_call":        {config: "universal_logout {\nlogout_call PUT /api/logout?all=1 {\nheader X-Key {env.UL_KEY}\nbody application/json `{\"all\":{\"yes\":true}}`\n}\n}\nreverse_proxy APP", method: "PUT", uri: "/api/logout?all=1", header: map[string]string{"X-Key": "k3y", "Content-Type": "application/json"}},
		"logout_call cut":    {config: "universal_logout\nhandle_path /grafana/* {\nuniversal_logout {\nlogout_call POST /logout\n}\nreverse_proxy APP\n}\nrespond 500", query: "of=1&cut=/grafana", method: "POST", uri: "/logout"},
		"only a star":        {config: "universal_logout {\npaths /users/*/logout\n}\nreverse_proxy APP", outcome: outcome.Cleared},
		"paths off":          {config: "universal_logout {\npaths off\n}\nreverse_proxy APP", outcome: outcome.Cleared},
		"off":                {config: "universal_logout {\nlogout_call off\n}\nreverse_proxy APP", outcome: outcome.Cleared},
		"denied":             {config: "universal_logout\nbasic_auth {\nana $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n}\nreverse_proxy APP", outcome: outcome.Failed},
		"an error":           {config: "universal_logout\nerror 503", outcome: outcome.Failed},
		"nothing behind":     {config: "universal_logout", outcome: outcome.Cleared},
		"no such file":       {config: "universal_logout\nfile_server", outcome: outcome.Cleared},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("UL_KEY", "k3y")
			app := newSessions(t, endsSession)
			app.login("one")
			config := strings.NewReplacer("APP", app.addr(), "AUTH", auth.addr()).Replace(tc.config)
			s := newSite(t, "", "&(app) {\nroute {\nuniversal_logout {\npaths /signout-logout\n}\nreverse_proxy "+app.addr()+"\n}\n}\napp.example.com {\ntest_end_session\n"+config+"\n}")
			want := tc.outcome
			if want == "" {
				want = outcome.Ended
			}
			got := s.end(tc.query, append(tc.headers, "Cookie: sessionid=one; theme=dark")...)
			if got.Outcome != want || app.isAlive("one") == (want == outcome.Ended) {
				t.Errorf("outcome %s, alive %v", got.Outcome, app.isAlive("one"))
			}
			if want != outcome.Ended {
				return
			}
			if !slices.Equal(got.Cookies, []string{"sessionid=; Path=/; Max-Age=0"}) {
				t.Errorf("cookies %q", got.Cookies)
			}
			seen := app.requests()
			if len(seen) != 1 {
				t.Fatalf("the app saw %d requests", len(seen))
			}
			r := seen[0]
			method := tc.method
			if method == "" {
				method = "GET"
			}
			if r.Method != method || r.RequestURI != tc.uri || r.Host != "app.example.com" {
				t.Errorf("%s %s%s", r.Method, r.Host, r.RequestURI)
			}
			for header, want := range tc.header {
				if r.Header.Get(header) != want {
					t.Errorf("%s is %q", header, r.Header.Get(header))
				}
			}
			if name == "logout_call" && app.bodies[0] != `{"all":{"yes":true}}` {
				t.Errorf("body %s", app.bodies[0])
			}
		})
	}
}

// TestCallHeaders: what the app sees is the browser's, as far as it says who
// asks, and nothing that belonged to the browser's own request.
func TestCallHeaders(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "servers {\n trusted_proxies static 192.0.2.0/24\n}", `app.example.com {
		test_end_session
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	got := s.end("", "Cookie: sessionid=one; __Host-universal-logout=x; s[a]=b c", "Cookie: universal-logout-marker=y; last=1", "User-Agent: browser", "Accept-Language: pt",
		"Accept-Encoding: gzip", "Range: bytes=0-1", "If-None-Match: *", "Sec-Purpose: x", "X-Requested-With: page", "Referer: https://other.example.com/hop?t=s3cr3t",
		"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.example.com")
	if got.Outcome != outcome.Ended {
		t.Fatalf("%+v", got)
	}
	r := app.requests()[0]
	for header, want := range map[string]string{
		"Cookie": "sessionid=one; s[a]=b c; last=1", "User-Agent": "browser", "Accept-Language": "pt",
		"Origin": "https://app.example.com", "Referer": "https://app.example.com/", "Sec-Fetch-Site": "same-origin",
		"Accept":          "text/html,application/json;q=0.9,*/*;q=0.8",
		"X-Forwarded-For": "198.51.100.7, 192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example.com",
		"Range": "", "If-None-Match": "", "X-Requested-With": "", "Content-Type": "", "Sec-Purpose": "", "Sec-Fetch-Mode": "", "Sec-Fetch-Dest": "",
	} {
		if got := strings.Join(r.Header[header], "|"); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
}

// TestEndSessionWithoutSession: nobody is asked.
func TestEndSessionWithoutSession(t *testing.T) {
	app := newSessions(t, endsSession)
	s := endingSite(t, app.addr(), "")
	if got := s.end("", "Cookie: theme=dark"); got.Outcome != outcome.None || len(app.requests()) > 0 {
		t.Errorf("%+v, the app saw %d requests", got, len(app.requests()))
	}
}

// TestEndSessionOutcome: only what the app does to the session cookie counts,
// or a status that the configuration names; a page is no logout.
func TestEndSessionOutcome(t *testing.T) {
	cookies := func(code int, lines ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Set-Cookie"] = lines
			w.WriteHeader(code)
		}
	}
	byMethod := func(get, post http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			map[string]http.HandlerFunc{"GET": get, "POST": post}[r.Method](w, r)
		}
	}
	for name, tc := range map[string]struct {
		block   string
		answer  http.HandlerFunc
		want    outcome.Outcome
		cookies string
		calls   int
	}{
		"confirmation form":               {"", status(200), outcome.Cleared, "", 1},
		"redirect to the login":           {"", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, outcome.Cleared, "", 1},
		"deleted":                         {"", cookies(200, "sessionid=; Max-Age=0", "theme=; Max-Age=0", "flash=bye"), outcome.Ended, "sessionid=; Max-Age=0|theme=; Max-Age=0|flash=bye", 1},
		"replaced":                        {"", cookies(302, "sessionid=two; Path=/"), outcome.Ended, "", 1},
		"the same":                        {"", cookies(200, "sessionid=one"), outcome.Cleared, "", 1},
		"replaced, with an error":         {"", cookies(500, "sessionid=two"), outcome.Failed, "", 1},
		"deleted, with an error":          {"", cookies(403, "sessionid=; Max-Age=0"), outcome.Ended, "sessionid=; Max-Age=0", 1},
		"another cookie":                  {"", cookies(200, "flash=bye"), outcome.Cleared, "flash=bye", 1},
		"GET is not allowed":              {"", byMethod(status(405), endsSession), outcome.Ended, "sessionid=; Path=/; Max-Age=0", 2},
		"GET is not found":                {"", byMethod(status(404), endsSession), outcome.Ended, "sessionid=; Path=/; Max-Age=0", 2},
		"GET is not implemented":          {"", byMethod(status(501), status(403)), outcome.Failed, "", 2},
		"GET deletes with 404":            {"", cookies(404, "sessionid=; Max-Age=0"), outcome.Ended, "sessionid=; Max-Age=0", 1},
		"no such logout":                  {"", status(404), outcome.Cleared, "", 2},
		"no such configured logout":       {"logout_call GET /logout", status(404), outcome.Failed, "", 1},
		"method in paths, no such":        {"paths POST /logout", status(405), outcome.Cleared, "", 1},
		"GET is refused":                  {"", byMethod(status(403), endsSession), outcome.Failed, "", 1},
		"success by status":               {"logout_call POST /logout {\nsuccess 202 404\n}", status(404), outcome.Ended, "", 1},
		"no success by status":            {"logout_call POST /logout {\nsuccess 202\n}", status(200), outcome.Cleared, "", 1},
		"no success, but deleted":         {"logout_call POST /logout {\nsuccess 202\n}", cookies(200, "sessionid=; Max-Age=0"), outcome.Ended, "sessionid=; Max-Age=0", 1},
		"unauthorized":                    {"logout_call POST /logout", status(401), outcome.Failed, "", 1},
		"499 of the app":                  {"", status(499), outcome.Failed, "", 1},
		"equal lines once, the last one":  {"", byMethod(cookies(405, "a=1", "b=1"), cookies(200, "a=1", "sessionid=; Max-Age=0")), outcome.Ended, "b=1|a=1|sessionid=; Max-Age=0", 2},
		"a new session and its remainder": {"", cookies(200, "sessionid=; Max-Age=0", "__Host-sessionid="+credential, "id="+credential), outcome.Ended, "sessionid=; Max-Age=0", 1},
		"more than there is room for":     {"", cookies(200, "a="+strings.Repeat("x", 1500), "b="+strings.Repeat("x", 1500), "sessionid=; Max-Age=0"), outcome.Ended, "a=" + strings.Repeat("x", 1500) + "|sessionid=; Max-Age=0", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newSessions(t, tc.answer)
			s := endingSite(t, app.addr(), tc.block)
			logged := s.observe()
			got := s.end("", "Cookie: sessionid=one")
			if got.Outcome != tc.want || strings.Join(got.Cookies, "|") != tc.cookies {
				t.Errorf("%s, cookies %q", got.Outcome, got.Cookies)
			}
			if calls := len(app.requests()); calls != tc.calls {
				t.Errorf("the app saw %d requests", calls)
			}
			if lines := logged.Len(); lines > 1 || lines == 1 != (tc.want == outcome.Failed) {
				t.Errorf("logged:\n%s", logsOf(logged))
			}
		})
	}
}

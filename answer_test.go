package universallogout

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// TestFailSafe: whatever the app does, whoever asked is logged out within
// timeout + 500 ms, a person ends on a 200, a script gets what it can use.
func TestFailSafe(t *testing.T) {
	for state, app := range appStates {
		for by, c := range callers {
			t.Run(state+" × "+by, func(t *testing.T) {
				t.Parallel()
				upstream := newSessions(t, app.answer)
				upstream.login("one")
				if app.answer == nil {
					upstream.Close()
				}
				s := newSite(t, "universal_logout {\n timeout "+testTimeout.String()+"\n}", `app.example.com {
					universal_logout
					reverse_proxy `+upstream.addr()+`
				}`)
				j := &jar{now: time.Now()}
				j.store("app.example.com", "/", true, []string{"sessionid=one; Path=/; HttpOnly"})
				began := time.Now()
				f := s.follow(j, request(c.method, "https://app.example.com/logout", c.body, c.headers...))
				if took := time.Since(began); took > testTimeout+500*time.Millisecond {
					t.Errorf("took %s", took)
				}
				if slices.Contains(j.names(), "sessionid") {
					t.Errorf("left in the browser: %v", j.cookies)
				}
				if f.StatusCode/100 != 2 || f.redirects > 15 {
					t.Errorf("ends with %d after %d redirects", f.StatusCode, f.redirects)
				}
				if c.person {
					checkLanding(t, f, app.outcome)
				} else {
					checkScriptAnswer(t, s, f, state, app.outcome)
				}
			})
		}
	}
}

func checkScriptAnswer(t *testing.T, s *site, f followed, state string, want outcome.Outcome) {
	t.Helper()
	if f.Header.Get("Clear-Site-Data") != `"storage"` || f.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", f.Header)
	}
	passed := !strings.HasPrefix(state, "3xx") && !strings.HasPrefix(state, "500") && want != outcome.Failed && state != "hangs in its body"
	if passed {
		if strings.Contains(f.body, "logout_id") {
			t.Errorf("the app's answer was replaced: %s", f.body)
		}
		return
	}
	var answer map[string]any
	if err := json.Unmarshal([]byte(f.body), &answer); err != nil {
		t.Fatalf("%v: %s", err, f.body)
	}
	if answer["success"] != (want != outcome.Failed) || answer["message"] == "" {
		t.Errorf("answer: %s", f.body)
	}
	apps, _ := json.Marshal(answer["apps"])
	if string(apps) != fmt.Sprintf(`[{"app":"/","host":"app.example.com","outcome":%q}]`, want) {
		t.Errorf("apps: %s", apps)
	}
	for member := range answer {
		if !slices.Contains([]string{"success", "message", "logout_id", "redirect_url", "apps"}, member) {
			t.Errorf("unexpected member %s", member)
		}
	}
	u, _ := answer["redirect_url"].(string)
	if res := s.do(request("GET", "https://app.example.com"+u, "", clicked...)); res.StatusCode != 200 || !strings.Contains(bodyOf(t, res), `data-page="landing"`) {
		t.Errorf("redirect_url %s: %d", u, res.StatusCode)
	}
}

// TestPassedUnchanged: what an app tells its script arrives as it was.
func TestPassedUnchanged(t *testing.T) {
	app := newSessions(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.app+json")
		w.Header().Set("X-App", "1")
		w.Header().Set("Server", "app")
		w.Header().Set("Clear-Site-Data", `"cache", "storage", unquoted`)
		w.Header().Set("Cache-Control", "public, max-age=600")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, r.Method, " ", r.URL.RequestURI(), " ", r.Header.Get("X-Csrf"))
	})
	s := newSite(t, "", `app.example.com {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	res := s.do(request("DELETE", "https://app.example.com/logout?a=1&a=2", `{"k":"v"}`, with(fetched, "X-Csrf: token", "Content-Type: application/json", "Cookie: sessionid=one")...))
	if got := bodyOf(t, res); res.StatusCode != 202 || got != "DELETE /logout?a=1&a=2 token" {
		t.Errorf("%d %s", res.StatusCode, got)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/vnd.app+json", "X-App": "1", "Cache-Control": "no-store", "Clear-Site-Data": `"storage", "cache"`,
	} {
		if got := strings.Join(res.Header[name], "|"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if app.bodies[0] != `{"k":"v"}` {
		t.Errorf("the app got the body %q", app.bodies[0])
	}
}

// TestRequestReachesApp: the browser's own request, body and all, whatever its
// length; longer ones than 64 KiB are not read for return URLs.
func TestRequestReachesApp(t *testing.T) {
	for _, size := range []int{0, 1, maxBufferedBody - 1, maxBufferedBody, maxBufferedBody + 1, 1 << 20} {
		app := newSessions(t, endsSession)
		s := newSite(t, "", `app.example.com {
			universal_logout
			reverse_proxy `+app.addr()+`
		}`)
		body := strings.Repeat("a", size)
		res := s.do(request("POST", "https://app.example.com/logout", body, with(submitted, "Cookie: sessionid=one")...))
		if res.StatusCode != 200 {
			t.Errorf("%d bytes: status %d", size, res.StatusCode)
		}
		if len(app.bodies) != 1 || app.bodies[0] != body {
			t.Errorf("%d bytes: the app got %d", size, len(app.bodies[0]))
		}
	}
}

// TestNothingBehind: handlers that do not answer, panic or never return.
func TestNothingBehind(t *testing.T) {
	for name, config := range map[string]string{
		"no app at all":       "",
		"an error":            "error 403",
		"file_server":         "root * " + t.TempDir() + "\n file_server",
		"forward_auth denies": "forward_auth 127.0.0.1:1 {\n uri /auth\n }",
		"an abort":            "abort",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", "app.example.com {\n universal_logout\n "+config+"\n}")
			j := &jar{now: time.Now()}
			j.store("app.example.com", "/", true, []string{"sessionid=one; Path=/"})
			f := s.follow(j, request("GET", "https://app.example.com/logout", "", clicked...))
			checkLanding(t, f, map[bool]outcome.Outcome{true: outcome.Cleared, false: outcome.Failed}[config == ""])
			if len(j.cookies) != 0 || f.StatusCode != 200 {
				t.Errorf("%d, left %v", f.StatusCode, j.cookies)
			}
		})
	}
}

// TestBehindProxy: scheme and host are what a trusted proxy says, and only it.
func TestBehindProxy(t *testing.T) {
	app := newSessions(t, endsSession)
	config := func(trusted string) *site {
		return newSite(t, trusted, `http:// {
			universal_logout
			reverse_proxy `+app.addr()+`
		}`)
	}
	trusted := config("servers {\n trusted_proxies static 192.0.2.0/24\n}")
	untrusted := config("")
	r := func() *http.Request {
		return request("POST", "http://inner:8080/logout", "", "Cookie: sessionid=one", "Origin: https://app.example.com",
			"X-Forwarded-Proto: https", "X-Forwarded-Host: app.example.com", "Accept: text/html")
	}
	res := trusted.do(r())
	if res.StatusCode != 200 || res.Header.Get("Clear-Site-Data") == "" || !strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "Domain=example.com") {
		t.Errorf("behind a trusted proxy: %d %v", res.StatusCode, res.Header)
	}
	if res := untrusted.do(r()); res.StatusCode != 403 || len(res.Header["Set-Cookie"]) > 0 {
		t.Errorf("anybody's X-Forwarded-Host is believed: %d %v", res.StatusCode, res.Header)
	}
}

// TestClearSiteData: what is sent where (CSD-01 to CSD-12).
func TestClearSiteData(t *testing.T) {
	for _, tc := range []struct {
		name, config, app, url string
		first, landing         string
	}{
		{"default", "", "", "https://app.example.com", `"storage"`, `"storage"`},
		{"off", "clear_site_data off", "", "https://app.example.com", "", ""},
		{"cookies wait for the landing page (CSD-06)", "clear_site_data cookies storage", "", "https://app.example.com", `"storage"`, `"cookies", "storage"`},
		{"cache twice", "clear_site_data cache", "", "https://app.example.com", `"cache"`, `"cache"`},
		{"merged with the app's own (CSD-12)", "", `"cache", "storage"`, "https://app.example.com", `"storage", "cache"`, `"storage", "cache"`},
		{"the app's star (CSD-08)", "", `"*"`, "https://app.example.com", `"storage", "cache"`, `"storage", "cache", "cookies"`},
		{"the app's unquoted is nothing (CSD-01)", "", `cookies`, "https://app.example.com", `"storage"`, `"storage"`},
		{"plain http (CSD-03)", "", "", "http://app.example.com", "", ""},
		{"http on loopback", "", "", "http://app.localhost", `"storage"`, `"storage"`},
		{"http on a loopback address", "", "", "http://127.0.0.1", `"storage"`, `"storage"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			app := newSessions(t, func(w http.ResponseWriter, _ *http.Request) {
				expire(w)
				if tc.app != "" {
					w.Header().Set("Clear-Site-Data", tc.app)
				}
			})
			scheme, _, _ := strings.Cut(tc.url, "://")
			s := newSite(t, "", scheme+":// {\n universal_logout {\n "+tc.config+"\n }\n reverse_proxy "+app.addr()+"\n}")
			res := s.do(request("GET", tc.url+"/logout", "", with(clicked, "Cookie: sessionid=one")...))
			if got := res.Header.Get("Clear-Site-Data"); got != tc.first {
				t.Errorf("on the redirect: %s, want %s", got, tc.first)
			}
			res = s.do(request("GET", tc.url+res.Header.Get("Location"), "", with(clicked, "Cookie: "+ownCookieOf(res))...))
			if got := res.Header.Get("Clear-Site-Data"); got != tc.landing {
				t.Errorf("on the landing page: %s, want %s", got, tc.landing)
			}
			if strings.Contains(tc.landing, "cache") != strings.Contains(bodyOf(t, res), "data-evict-from") {
				t.Error("a second answer with cache is what evicts the back/forward cache")
			}
		})
	}
}

// ownCookieOf is the cookie of ours that an answer gave.
func ownCookieOf(res *http.Response) string {
	for _, c := range res.Cookies() {
		if cookie.IsOwn(c.Name) {
			return c.Name + "=" + c.Value
		}
	}
	return ""
}

// TestThroughWorker: Clear-Site-Data on a navigation that a service worker
// fetches can hang the tab (BR-04), so such answers go without
// it, dismiss the worker and come again.
func TestThroughWorker(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	worker := []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty", "Accept: text/html", "Referer: https://app.example.com/page", "Cookie: sessionid=one"}
	for _, method := range []string{"GET", "POST"} {
		res := s.do(request(method, "https://app.example.com/logout", "", with(worker, "Origin: https://app.example.com")...))
		page := bodyOf(t, res)
		if res.StatusCode != 200 || res.Header.Get("Clear-Site-Data") != "" || !strings.Contains(page, "data-forget-workers") {
			t.Errorf("%s: %d %v", method, res.StatusCode, res.Header)
		}
		next := metaRefresh(page)
		still := s.do(request("GET", "https://app.example.com"+next, "", with(worker, "Cookie: "+ownCookieOf(res))...))
		if still.Header.Get("Clear-Site-Data") != "" || metaRefresh(bodyOf(t, still)) == next {
			t.Errorf("%s: through the worker again: %v", method, still.Header)
		}
		free := s.do(request("GET", "https://app.example.com"+next, "", with(clicked, "Cookie: "+ownCookieOf(res))...))
		if free.Header.Get("Clear-Site-Data") != `"storage"` {
			t.Errorf("%s: without the worker: %v", method, free.Header)
		}
	}
}

// TestLandingIsBound: an address of a landing page tells and clears nothing in
// another browser, on another host, later, or changed.
func TestLandingIsBound(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `https:// {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	res := s.do(request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...))
	location, own := res.Header.Get("Location"), ownCookieOf(res)
	u, err := url.Parse(location)
	if err != nil || u.Query().Get("t") == "" {
		t.Fatal(location)
	}
	changed := []byte(location)
	changed[len(changed)-5] ^= 1
	for _, tc := range []struct {
		name, url string
		headers   []string
		after     time.Duration
		told      bool
		clears    bool
	}{
		{"the browser that logged out", "https://app.example.com" + location, with(clicked, "Cookie: "+own), 0, true, true},
		{"another browser", "https://app.example.com" + location, clicked, 0, true, false},
		{"another browser's logout", "https://app.example.com" + location, with(clicked, "Cookie: "+strings.Replace(own, "=", "=x", 1)), 0, true, false},
		{"in a frame", "https://app.example.com" + location, with([]string{"Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, "Cookie: "+own), 0, true, false},
		{"another host", "https://other.example.com" + location, with(clicked, "Cookie: "+own), 0, false, false},
		{"too late", "https://app.example.com" + location, with(clicked, "Cookie: "+own), 11 * time.Minute, false, false},
		{"changed", "https://app.example.com" + string(changed), with(clicked, "Cookie: "+own), 0, false, false},
		{"without a token", "https://app.example.com/.universal-logout/done", with(clicked, "Cookie: "+own), 0, false, false},
		{"junk", "https://app.example.com/.universal-logout/done?t=%00" + strings.Repeat("x", 9000), clicked, 0, false, false},
	} {
		s.app.now = func() time.Time { return time.Now().Add(tc.after) }
		res := s.do(request("GET", tc.url, "", tc.headers...))
		page := bodyOf(t, res)
		if res.StatusCode != 200 || !strings.Contains(page, `data-page="landing"`) {
			t.Errorf("%s: %d", tc.name, res.StatusCode)
		}
		if told := strings.Contains(page, "app.example.com"); told != tc.told {
			t.Errorf("%s: tells the outcome: %v", tc.name, told)
		}
		if clears := res.Header.Get("Clear-Site-Data") != "" || strings.Contains(page, "data-forget-workers"); clears != tc.clears {
			t.Errorf("%s: clears: %v", tc.name, clears)
		}
	}
}

// TestSessionlessLimit: 30 logouts a minute that present no session; then a
// page, or JSON. Whoever has a session is never refused.
func TestSessionlessLimit(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	s.app.process.limit = newSessionlessLimit()
	for i := range 30 {
		if res := s.do(request("GET", "https://app.example.com/logout", "", clicked...)); res.StatusCode != 303 {
			t.Fatalf("logout %d: %d", i, res.StatusCode)
		}
	}
	before := len(app.requests())
	if res := s.do(request("GET", "https://app.example.com/logout", "", clicked...)); res.StatusCode != 429 || !strings.Contains(bodyOf(t, res), `data-page="error"`) {
		t.Errorf("a person gets %d", res.StatusCode)
	}
	if res := s.do(request("POST", "https://app.example.com/logout", "", fetched...)); res.StatusCode != 429 || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("a script gets %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	if len(app.requests()) != before {
		t.Error("a refused logout reached the app")
	}
	for _, session := range []string{"Cookie: sessionid=one", "Cookie: Bugzilla_logincookie=abcdefghij0123456789ab", "Authorization: Bearer abc"} {
		if res := s.do(request("GET", "https://app.example.com/logout", "", with(clicked, session)...)); res.StatusCode != 303 {
			t.Errorf("with %s: %d", session, res.StatusCode)
		}
	}
	s.app.now = func() time.Time { return time.Now().Add(time.Minute) }
	if res := s.do(request("GET", "https://app.example.com/logout", "", clicked...)); res.StatusCode != 303 {
		t.Errorf("a minute later: %d", res.StatusCode)
	}
}

package universallogout

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
)

// TestLogoutOfRevoked: whoever logs out with a session that is over already
// gets what everybody gets. The app does not see the session with what the
// browser asked for, and ends it by our own call.
func TestLogoutOfRevoked(t *testing.T) {
	for _, words := range []string{"", "on_revoked reject", "on_revoked redirect /login"} {
		for by, c := range callers {
			t.Run(words+" "+by, func(t *testing.T) {
				app := newSessions(t, endsSession)
				s := newSite(t, "", "app.example.com {\nuniversal_logout {\n"+words+"\n}\nreverse_proxy "+app.addr()+"\n}")
				app.login(revokedSession)
				s.revoke(revokedSession)
				res := s.do(request(c.method, "https://app.example.com/logout", c.body, with(c.headers, "Cookie: sessionid="+revokedSession)...))
				if res.StatusCode/100 > 3 || res.Header.Get("Location") == "/login" {
					t.Errorf("%d %v", res.StatusCode, res.Header)
				}
				wantExpired(t, res, "sessionid")
				eventually(t, "the app has ended it", func() bool { return !app.isAlive(revokedSession) })
				if seen := app.requests()[0]; seen.URL.Path != "/logout" || seen.Header.Get("Cookie") != "" {
					t.Errorf("the app got %s with %q", seen.URL, seen.Header.Get("Cookie"))
				}
				app.mu.Lock()
				defer app.mu.Unlock()
				if app.bodies[0] != c.body {
					t.Errorf("the app got the body %q", app.bodies[0])
				}
			})
		}
	}
}

// TestLogoutIsNoWayIn: apps take the last of two pairs where we take any. What
// is a logout to us and a page to them is no way in with a refused session.
func TestLogoutIsNoWayIn(t *testing.T) {
	s, app := newEnforced(t, "paths /index.php?action=logout\nlogout_call off\nsession_headers Authorization X-Token", nil)
	for _, credential := range []string{"Cookie: sessionid=" + revokedSession, "Authorization: Bearer " + revokedSession, "X-Token: " + revokedSession} {
		for _, method := range []string{"GET", "POST"} {
			s.do(request(method, "https://app.example.com/index.php?action=logout&action=secrets", "", with(fetched, credential, "Cookie: theme=dark")...))
		}
	}
	if len(app.requests()) != 6 {
		t.Errorf("the app saw %d requests", len(app.requests()))
	}
	for _, r := range app.requests() {
		for name, lines := range r.Header {
			if strings.Contains(strings.Join(lines, "\n"), revokedSession) {
				t.Errorf("the app got %s: %q", name, lines)
			}
		}
	}
}

// TestLogoutBesideRevoked: a fresh session beside one that is over: the app
// ends the fresh one itself.
func TestLogoutBesideRevoked(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		universal_logout
		handle_path /app/* {
			universal_logout {
				session_cookies mine sessionid
			}
			reverse_proxy `+app.addr()+`
		}
		reverse_proxy `+app.addr()+`
	}`)
	s.revoke(revokedSession)
	for path, fresh := range map[string]string{"/logout": aliveSession, "/app/logout": "Zu6mXk1RwB4cVn8TqD3yLs7HgP2fJaEo"} {
		app.login(fresh)
		before := len(app.requests())
		res := s.do(request("POST", "https://app.example.com"+path, "", with(submitted, "Cookie: mine="+revokedSession+"; sessionid="+fresh)...))
		for _, name := range []string{"sessionid", "mine"} {
			wantExpired(t, res, name)
		}
		if seen := app.requests()[before:]; len(seen) != 1 || seen[0].Header.Get("Cookie") != "sessionid="+fresh || app.isAlive(fresh) {
			t.Errorf("%s: the app saw %d requests, alive: %v", path, len(seen), app.isAlive(fresh))
		}
	}
}

// TestTourOfRevoked: with all siblings refusing already, the tour still ends
// the sessions at their apps.
func TestTourOfRevoked(t *testing.T) {
	lab := newTourLab(t, "on_revoked reject", groupSites...)
	j := lab.visitor("alice-anderson")
	for _, host := range lab.hosts[1:] {
		lab.revoke("alice-anderson@" + host)
	}
	p := lab.signOut(j, lab.hosts[0])
	for range 20 {
		if strings.Contains(p.body, `data-page="landing"`) {
			break
		}
		p = lab.goOn(j, p)
	}
	if left := lab.left(j, "alice-anderson"); len(left) > 0 || p.StatusCode != 200 {
		t.Errorf("%d, left at %v", p.StatusCode, left)
	}
}

// TestOwnAddressesOfRevoked: our own pages do not mind.
func TestOwnAddressesOfRevoked(t *testing.T) {
	for _, words := range []string{"", "on_revoked reject", "on_revoked redirect /login"} {
		s, app := newEnforced(t, words, nil)
		for path, want := range map[string]int{"/": 200, "/done": 200, "/hop": 200, "/callback": 200, "/nothing": 404} {
			res := s.do(request("GET", "https://app.example.com"+oursAt+path, "", with(clicked, "Cookie: sessionid="+revokedSession)...))
			if res.StatusCode != want {
				t.Errorf("%s %s: %d", words, path, res.StatusCode)
			}
		}
		if len(app.requests()) != 0 {
			t.Errorf("%s: the app saw %d requests", words, len(app.requests()))
		}
	}
}

// TestMarkerOfRevoked: a logout that a script began goes on with the next page,
// whatever on_revoked says about the cookie that is still there.
func TestMarkerOfRevoked(t *testing.T) {
	so := newSignOn(t, signOnConfig{site: "on_revoked reject"})
	so.setCookie("sessionid=" + revokedSession)
	r := request("POST", "https://app.example.com/logout", "", fetched...)
	r.Header.Set("Cookie", so.jar.header("app.example.com", "/logout", true))
	res := so.do(r)
	so.jar.store("app.example.com", "/", true, res.Header["Set-Cookie"])
	so.setCookie("sessionid=" + revokedSession) // it was not expired in time
	so.revoke(revokedSession)
	f := so.follow(so.jar, request("GET", "https://app.example.com/", "", clicked...))
	if f.StatusCode >= 400 {
		t.Errorf("%d, went to %v", f.StatusCode, f.visited)
	}
}

// TestSessionHeaders: credentials in headers, in every form that apps take.
func TestSessionHeaders(t *testing.T) {
	for headers, refused := range map[string]bool{
		"Authorization: Bearer " + revokedSession:                                      true,
		"Authorization: bearer   " + revokedSession:                                    true,
		"authorization: BEARER\t" + revokedSession + " ":                               true,
		"Authorization: Bearer " + revokedSession + ", x":                              true,
		"Authorization: Basic YTpi, Bearer " + revokedSession:                          true,
		"Authorization: " + revokedSession:                                             true,
		"Authorization: Bearer x|Authorization: Bearer " + revokedSession:              true,
		"Authorization: Bearer " + revokedSession + "|Authorization: Bearer x":         true,
		"X-Api-Token:  " + revokedSession + " ":                                        true,
		"X-API-TOKEN: " + revokedSession:                                               true,
		"Authorization: Token " + revokedSession:                                       true,
		"Authorization: JWT " + revokedSession:                                         true,
		"Authorization: x " + revokedSession:                                           true,
		"Authorization: Token token=\"" + revokedSession + "\", x=y":                   true,
		"Authorization: Token token=" + revokedSession + ";x=y":                        true,
		"Authorization: Basic " + revokedSession:                                       false,
		"Authorization: basic " + revokedSession:                                       false,
		"Authorization: Bearer " + aliveSession:                                        false,
		"X-Other: " + revokedSession:                                                   false,
		"Authorization: Bearer " + aliveSession + "|X-Api-Token: " + aliveSession[:16]: false,
	} {
		for _, words := range []string{"", "on_revoked redirect /login", "on_revoked reject"} {
			t.Run(words+" "+headers, func(t *testing.T) {
				s, app := newEnforced(t, "session_headers authorization X-Api-Token\n"+words, nil)
				res := s.do(request("GET", "https://app.example.com/api", "", with(fetched, strings.Split(headers, "|")...)...))
				if got := res.StatusCode == 401; got != refused || len(app.requests()) != map[bool]int{false: 1}[refused] {
					t.Fatalf("%d, the app saw %d requests", res.StatusCode, len(app.requests()))
				}
				if !refused {
					return
				}
				challenge := res.Header.Get("Www-Authenticate")
				if bearer := strings.HasPrefix(strings.ToLower(headers), "authorization"); bearer != (challenge == `Bearer error="invalid_token"`) {
					t.Errorf("challenge %q", challenge)
				}
				if res.Header.Get("Cache-Control") != "no-store" {
					t.Error("it may be kept")
				}
				if body := bodyOf(t, res); words != "on_revoked reject" && !json.Valid([]byte(body)) {
					t.Error(body)
				}
			})
		}
	}
	t.Run("none by default", func(t *testing.T) {
		s, app := newEnforced(t, "", nil)
		s.do(request("GET", "https://app.example.com/api", "", with(fetched, "Authorization: Bearer "+revokedSession)...))
		if len(app.requests()) != 1 {
			t.Error("it is refused")
		}
	})
	t.Run("with a refused cookie", func(t *testing.T) {
		s, _ := newEnforced(t, "session_headers Authorization", nil)
		res := s.do(request("GET", "https://app.example.com/api", "", with(fetched, "Authorization: Bearer "+revokedSession, "Cookie: sid="+revokedSession)...))
		wantExpired(t, res, "sid")
	})
}

// TestManyRefused: what a refused request costs is bounded by its size.
func TestManyRefused(t *testing.T) {
	s, app := newEnforced(t, "", nil)
	var line strings.Builder
	for i := range 1000 {
		line.WriteString("c" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "=" + revokedSession + "; ")
	}
	res := s.do(request("GET", "https://app.example.com/", "", with(clicked, "Cookie: "+line.String()+"a=b")...))
	if n := cookie.LinesBytes(res.Header["Set-Cookie"]); n == 0 || n > cookie.ExpirationBudget {
		t.Errorf("%d bytes of expirations", n)
	}
	if got := app.requests()[0].Header.Get("Cookie"); got != "a=b" {
		t.Errorf("the app got %q", got)
	}
	// In the end all of them are gone.
	j := &jar{now: time.Now()}
	for i := range 40 {
		j.store("app.example.com", "/a/b/c", true, []string{"c" + string(rune('A'+i)) + "=" + revokedSession + "; Path=/a/b; Domain=example.com; Secure"})
	}
	for n := 0; len(j.cookies) > 0; n++ {
		if n == 2000 {
			t.Fatalf("%d left", len(j.cookies))
		}
		s.open(j, request("GET", "https://app.example.com/a/b/c", "", clicked...))
	}
}

package universallogout

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
)

// TestRevokedCookie: what becomes of a request with a session that is
// over, whoever sends it.
func TestRevokedCookie(t *testing.T) {
	for words, want := range map[string]struct {
		navigation, script int
		app                bool
		location           string
	}{
		"":                           {200, 200, true, ""},
		"on_revoked strip":           {200, 200, true, ""},
		"on_revoked reject":          {401, 401, false, ""},
		"on_revoked redirect /login": {303, 401, false, "/login"},
		"on_revoked redirect https://www.example.com/?in": {303, 401, false, "https://www.example.com/?in"},
	} {
		t.Run(words, func(t *testing.T) {
			s, app := newEnforced(t, words, nil)
			for by, headers := range map[string][]string{"navigation": clicked, "script": fetched} {
				for _, method := range []string{"GET", "POST", "HEAD", "OPTIONS", "DELETE"} {
					before := len(app.requests())
					r := request(method, "https://app.example.com/inbox", "", with(headers, "Cookie: theme=dark; sessionid="+revokedSession+"; lang=en")...)
					res := s.do(r)
					wantExpired(t, res, "sessionid")
					status := want.script
					if by == "navigation" {
						status = want.navigation
					}
					if res.StatusCode != status {
						t.Errorf("%s by %s: %d", method, by, res.StatusCode)
					}
					if status == 303 && res.Header.Get("Location") != want.location {
						t.Errorf("%s by %s: to %q", method, by, res.Header.Get("Location"))
					}
					if body := bodyOf(t, res); status == 401 && want.location != "" && !json.Valid([]byte(body)) && method != "HEAD" {
						t.Errorf("%s by %s: %s", method, by, body)
					}
					seen := app.requests()[before:]
					if len(seen) > 0 != want.app {
						t.Errorf("%s by %s: the app saw %d requests", method, by, len(seen))
					}
					for _, r := range seen {
						if got := r.Header.Get("Cookie"); got != "theme=dark; lang=en" {
							t.Errorf("%s by %s: the app got %q", method, by, got)
						}
					}
				}
			}
			res := s.do(request("GET", "https://app.example.com/inbox", "", with(clicked, "Cookie: sessionid="+aliveSession)...))
			if seen := app.requests(); res.StatusCode != 200 || len(res.Header["Set-Cookie"]) > 0 || res.Header.Get("Cache-Control") != "" || seen[len(seen)-1].Header.Get("Cookie") != "sessionid="+aliveSession {
				t.Errorf("another session: %d %v", res.StatusCode, res.Header)
			}
		})
	}
}

// TestRevokedOnAllSites: a copied cookie is worth nothing anywhere, whatever it
// is called there.
func TestRevokedOnAllSites(t *testing.T) {
	lab := newTourLab(t, "", groupSites...)
	lab.revoke(revokedSession)
	for _, host := range lab.hosts {
		for _, name := range []string{"sessionid", "PHPSESSID", "anything", "__Host-session", "csrftoken"} {
			res := lab.do(request("GET", "https://"+host+"/", "", with(clicked, "Cookie: "+name+"="+revokedSession+"; a=b")...))
			seen := lab.apps.requests()
			if got := seen[len(seen)-1].Header.Get("Cookie"); res.StatusCode != 200 || got != "a=b" {
				t.Errorf("%s: %d, the app got %q", host, res.StatusCode, got)
			}
		}
	}
}

// TestRevokedAnswers: 103s have nothing of ours, encodings stay, and
// a flush before the first byte does not get past us.
func TestRevokedAnswers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"early hints": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</app.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			fmt.Fprint(w, strings.Repeat("app ", 1000))
		},
		"flush first": func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			fmt.Fprint(w, strings.Repeat("app ", 1000))
		},
		"public cache": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=31536000")
			w.Header().Set("CDN-Cache-Control", "max-age=31536000")
			w.Header().Set("Expires", "Thu, 01 Jan 2099 00:00:00 GMT")
			fmt.Fprint(w, strings.Repeat("app ", 1000))
		},
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"breaks off": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Repeat("app ", 1000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		for _, encode := range []string{"", "encode\n"} {
			t.Run(name+" "+encode, func(t *testing.T) {
				app := httptest.NewServer(answer)
				defer app.Close()
				s := newSite(t, "", "app.example.com {\nuniversal_logout\n"+encode+"reverse_proxy "+strings.TrimPrefix(app.URL, "http://")+"\n}")
				s.revoke(revokedSession)
				w := &earlyRecorder{recorder: recorder{ResponseRecorder: httptest.NewRecorder()}}
				s.doWith(w, request("GET", "https://app.example.com/", "", with(clicked, "Accept-Encoding: gzip", "Cookie: sessionid="+revokedSession)...))
				wantExpired(t, w.Result(), "sessionid")
				if got := w.Result().Header; got.Get("Cdn-Cache-Control") != "" || got.Get("Expires") != "" {
					t.Errorf("a cache may keep it: %v", got)
				}
				if name == "early hints" && len(w.early) != 1 {
					t.Errorf("%d early hints", len(w.early))
				}
				for _, early := range w.early {
					if len(early["Set-Cookie"]) > 0 || early.Get("Link") == "" {
						t.Errorf("early: %v", early)
					}
				}
				if zipped := w.Header().Get("Content-Encoding") == "gzip"; zipped != (encode != "" && name != "no content") {
					t.Errorf("zipped: %v", zipped)
				}
			})
		}
	}
}

// earlyRecorder keeps the headers of 1xx answers.
type earlyRecorder struct {
	recorder
	early []http.Header
}

func (w *earlyRecorder) WriteHeader(status int) {
	if status < 200 {
		w.early = append(w.early, w.Header().Clone())
		return
	}
	w.recorder.WriteHeader(status)
}

// doWith is do for a writer of one's own.
func (s *site) doWith(w http.ResponseWriter, r *http.Request) {
	s.t.Helper()
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	r.TLS = &tls.ConnectionState{ServerName: r.URL.Hostname()}
	for _, server := range s.http.Servers {
		if len(server.TLSConnPolicies) > 0 {
			server.ServeHTTP(w, r)
		}
	}
}

// TestSignInAgain: who logs in again gets in, with the old cookie still there
// in whatever shape; the old one does not.
func TestSignInAgain(t *testing.T) {
	for shape, line := range map[string]string{
		"same":            "sessionid=" + revokedSession + "; Path=/; Secure",
		"of the domain":   "sessionid=" + revokedSession + "; Path=/; Domain=example.com; Secure",
		"of a folder":     "sessionid=" + revokedSession + "; Path=/accounts; Secure",
		"another's name":  "SESSION=" + revokedSession + "; Path=/; Secure",
		"partitioned too": "sessionid=" + revokedSession + "; Path=/; Secure; Partitioned",
	} {
		for _, words := range []string{"", "on_revoked redirect /accounts/login"} {
			t.Run(shape+" "+words, func(t *testing.T) {
				s, app := newEnforced(t, words, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/accounts/login" {
						w.Header().Add("Set-Cookie", "sessionid="+aliveSession+"; Path=/; Secure; HttpOnly")
					}
				})
				j := &jar{now: time.Now()}
				j.store("app.example.com", "/accounts/", true, []string{line})
				p := s.open(j, request("POST", "https://app.example.com/accounts/login", "user=x", submitted...))
				if p.StatusCode != 200 {
					t.Fatalf("logging in: %d %v", p.StatusCode, p.Header)
				}
				for range 3 {
					p = s.open(j, request("GET", "https://app.example.com/accounts/inbox", "", clicked...))
					seen := app.requests()
					if got := seen[len(seen)-1].Header.Get("Cookie"); p.StatusCode != 200 || got != "sessionid="+aliveSession {
						t.Errorf("%d, the app got %q", p.StatusCode, got)
					}
				}
			})
		}
	}
}

// TestRevokedBesideNew: with the session of who logged in again there is
// nothing to reject, and its name is not expired.
func TestRevokedBesideNew(t *testing.T) {
	for _, words := range []string{"", "on_revoked reject", "on_revoked redirect /login"} {
		for _, cookies := range []string{"sessionid=" + revokedSession + "; sessionid=" + aliveSession, "sessionid=" + aliveSession + "; sessionid=" + revokedSession} {
			s, app := newEnforced(t, words, nil)
			res := s.do(request("GET", "https://app.example.com/", "", with(clicked, "Cookie: "+cookies)...))
			if res.StatusCode != 200 || len(res.Header["Set-Cookie"]) > 0 {
				t.Errorf("%s: %d %v", words, res.StatusCode, res.Header)
			}
			if got := app.requests()[0].Header.Get("Cookie"); got != "sessionid="+aliveSession {
				t.Errorf("%s: the app got %q", words, got)
			}
		}
	}
}

// TestRevokedNeverAgain: CK-19, an answer does not bring back what is refused.
func TestRevokedNeverAgain(t *testing.T) {
	s, _ := newEnforced(t, "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "sessionid="+revokedSession+"; Path=/")
		w.Header().Add("Set-Cookie", "theme=dark; Path=/")
	})
	j := &jar{now: time.Now()}
	j.store("app.example.com", "/", true, []string{"sessionid=" + revokedSession + "; Path=/"})
	s.open(j, request("GET", "https://app.example.com/", "", clicked...))
	if got := j.names(); !slices.Equal(got, []string{"theme"}) {
		t.Errorf("the browser has %v", got)
	}
}

// TestSetAgainUnderWay: CK-19, a session that ends while the app has a request
// does not go on as what the answer sets.
func TestSetAgainUnderWay(t *testing.T) {
	const rotated = "Kd8sLq2XvN5bZt7WcR1mYf4HgJ9pTaUe"
	for name, tc := range map[string]struct {
		set     string
		presses bool // the body breaks off
		refused bool
	}{
		"rotated":           {"sessionid=" + rotated, false, true},
		"and breaks off":    {"sessionid=" + rotated, true, true},
		"expired":           {"sessionid=" + rotated + "; Max-Age=0", false, false},
		"no session":        {"csrftoken=" + rotated, false, false},
		"the same for many": {"sessionid=guest-guest-guest-guest-guest", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var s *site
			s, _ = newEnforced(t, "", func(w http.ResponseWriter, _ *http.Request) {
				s.revoke(aliveSession) // the user logs out in another tab
				w.Header().Set("Set-Cookie", tc.set)
				fmt.Fprint(w, strings.Repeat("app ", 1000))
				if tc.presses {
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
			})
			s.do(request("GET", "https://app.example.com/", "", with(fetched, "Cookie: sessionid="+aliveSession)...))
			eventually(t, "the work is done", s.isIdle)
			value := cookie.ParseSet(tc.set, time.Now()).Value
			if got := s.app.process.revocations.list.Load().Refuses(value); got != tc.refused {
				t.Errorf("%s is refused: %v", value, got)
			}
		})
	}
	t.Run("somebody else's session ended", func(t *testing.T) {
		var s *site
		s, _ = newEnforced(t, "", func(w http.ResponseWriter, _ *http.Request) {
			s.revoke(aliveSession)
			w.Header().Set("Set-Cookie", "sessionid="+rotated)
		})
		s.do(request("GET", "https://app.example.com/", "", with(fetched, "Cookie: sessionid=Zu6mXk1RwB4cVn8TqD3yLs7HgP2fJaEo")...))
		eventually(t, "the work is done", s.isIdle)
		if s.app.process.revocations.list.Load().Refuses(rotated) {
			t.Error("it is refused")
		}
	})
}

// TestRevokedInBlocks: several directives on a host: the one that knows the app
// best says what becomes of the request, and the app never sees the session.
func TestRevokedInBlocks(t *testing.T) {
	app := newSessions(t, nil)
	s := newSite(t, "", `app.example.com {
		universal_logout /wiki/* {
			on_revoked reject
		}
		universal_logout
		handle_path /grafana/* {
			universal_logout {
				on_revoked redirect /grafana/login
			}
			reverse_proxy `+app.addr()+`
		}
		handle /admin/* {
			universal_logout {
				on_revoked reject
			}
			reverse_proxy `+app.addr()+`
		}
		handle {
			reverse_proxy `+app.addr()+`
		}
	}`)
	s.revoke(revokedSession)
	for path, want := range map[string]int{
		"/": 200, "/wiki/page": 401, "/grafana/d": 303, "/grafana/login": 200, "/admin/x": 401, "/other": 200,
	} {
		before := len(app.requests())
		res := s.do(request("GET", "https://app.example.com"+path, "", with(clicked, "Cookie: sessionid="+revokedSession)...))
		wantExpired(t, res, "sessionid")
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
		if lines := res.Header["Set-Cookie"]; len(slices.Compact(slices.Sorted(slices.Values(lines)))) != len(lines) {
			t.Errorf("%s: told twice: %v", path, lines)
		}
		seen := app.requests()[before:]
		if len(seen) != map[bool]int{true: 1}[want == 200] {
			t.Errorf("%s: the app saw %d requests", path, len(seen))
		}
		for _, r := range seen {
			if r.Header.Get("Cookie") != "" {
				t.Errorf("%s: the app got %q", path, r.Header.Get("Cookie"))
			}
		}
	}
}

// TestRejectByErrorRoutes: handle_errors answers, and an app behind it does not
// see the session either.
func TestRejectByErrorRoutes(t *testing.T) {
	app := newSessions(t, nil)
	s := newSite(t, "", `app.example.com {
		universal_logout {
			on_revoked reject
			session_headers Authorization
		}
		reverse_proxy localhost:1
		handle_errors 401 {
			@script header Sec-Fetch-Mode cors
			respond @script "over: {http.universal_logout.reason}" 401
			reverse_proxy `+app.addr()+`
		}
	}`)
	s.revoke(revokedSession)
	for _, credential := range []string{"Cookie: sessionid=" + revokedSession, "Authorization: Bearer " + revokedSession} {
		res := s.do(request("GET", "https://app.example.com/", "", with(fetched, credential)...))
		if body := bodyOf(t, res); res.StatusCode != 401 || body != "over: revoked" {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		if challenge := res.Header.Get("Www-Authenticate"); (challenge != "") != strings.HasPrefix(credential, "Auth") {
			t.Errorf("%s: %q", credential, challenge)
		}
		res = s.do(request("GET", "https://app.example.com/", "", with(clicked, credential)...))
		seen := app.requests()
		if last := seen[len(seen)-1]; bodyOf(t, res) != "app" || last.Header.Get("Cookie") != "" || last.Header.Get("Authorization") != "" {
			t.Errorf("%d, the app got %v", res.StatusCode, last.Header)
		}
	}
}

// TestRedirectEnds: a browser that keeps the cookie whatever we say does not go
// round in circles, and gets to log in.
func TestRedirectEnds(t *testing.T) {
	s, app := newEnforced(t, "on_revoked redirect /login?next=%2F", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			w.Header().Set("Location", "/signin") // the app's own idea
			w.WriteHeader(http.StatusFound)
		}
	})
	j := &jar{now: time.Now()}
	next, stuck := "https://app.example.com/inbox", "sessionid="+revokedSession+"; Path=/; Secure"
	visited := make([]string, 0, 10)
	for range 10 {
		j.store("app.example.com", "/", true, []string{stuck})
		p := s.open(j, request("GET", next, "", clicked...))
		visited = append(visited, p.url.RequestURI())
		location := p.Header.Get("Location")
		if location == "" {
			break
		}
		u, err := p.url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		next = u.String()
	}
	if want := []string{"/inbox", "/login?next=%2F", "/signin"}; !slices.Equal(visited, want) {
		t.Errorf("went to %v, want %v", visited, want)
	}
	j.store("app.example.com", "/", true, []string{stuck})
	if p := s.open(j, formFrom(mustURL("https://app.example.com/signin"), "/session", url.Values{"user": {"x"}})); p.StatusCode != 200 {
		t.Errorf("logging in: %d", p.StatusCode)
	}
	for _, r := range app.requests() {
		if strings.Contains(r.Header.Get("Cookie"), "sessionid") {
			t.Errorf("%s: the app got %q", r.URL, r.Header.Get("Cookie"))
		}
	}
}

// TestUnopenedList: a list that cannot be opened, or not in time, makes nobody
// wait longer than a logout may take.
func TestUnopenedList(t *testing.T) {
	s, app := newEnforced(t, "", nil)
	closed := newRevocations()
	closed.start.Do(func() {})
	closed.began.Store(time.Now().Add(-time.Hour).UnixNano())
	s.app.process.revocations = closed
	s.app.use(s.app.process)
	res := s.do(request("GET", "https://app.example.com/", "", with(clicked, "Cookie: sessionid="+revokedSession)...))
	if res.StatusCode != 200 || len(app.requests()) != 1 {
		t.Errorf("%d, the app saw %d requests", res.StatusCode, len(app.requests()))
	}
}

// TestRevokedPreference: somebody had a value refused that many people have in
// a cookie that holds no session: they do without it, and are not sent away.
func TestRevokedPreference(t *testing.T) {
	for _, words := range []string{"on_revoked reject", "on_revoked redirect /login"} {
		s, app := newEnforced(t, words, nil)
		res := s.do(request("GET", "https://app.example.com/", "", with(clicked, "Cookie: euconsent-v2="+revokedSession+"; sessionid="+aliveSession)...))
		if res.StatusCode != 200 || len(res.Header["Set-Cookie"]) > 0 || app.requests()[0].Header.Get("Cookie") != "sessionid="+aliveSession {
			t.Errorf("%s: %d %v", words, res.StatusCode, res.Header)
		}
	}
}

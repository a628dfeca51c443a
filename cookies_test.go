package universallogout

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCookiesGone: CK-01 to CK-16 and BR-10, against a jar that follows
// the RFC. Each case is what an app set before; nothing of it may be left.
func TestCookiesGone(t *testing.T) {
	app := newSessions(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "bye") })
	for _, tc := range []struct{ name, host, path, set string }{
		{"CK-01 host-only", "app.example.com", "/logout", "sessionid=v; Path=/"},
		{"CK-01 Domain is the host", "app.example.com", "/logout", "sessionid=v; Path=/; Domain=app.example.com"},
		{"CK-02 Domain is the registrable domain", "app.example.com", "/logout", "sessionid=v; Path=/; Domain=example.com"},
		{"CK-02 Domain between", "a.b.c.example.com", "/logout", "sessionid=v; Path=/; Domain=c.example.com"},
		{"CK-02 Domain with a dot in front", "app.example.com", "/logout", "sessionid=v; Path=/; Domain=.example.com"},
		{"CK-02 path of the app", "app.example.com", "/hub/logout", "sessionid=v; Path=/hub"},
		{"CK-02 path of the app with a slash", "app.example.com", "/hub/logout", "sessionid=v; Path=/hub/"},
		{"CK-02 path and Domain", "app.example.com", "/hub/logout", "sessionid=v; Path=/hub/; Domain=example.com"},
		{"CK-20 path two deep", "app.example.com", "/api/auth/logout", "sessionid=v; Path=/api/auth"},
		{"CK-20 default path", "app.example.com", "/hub/logout", "sessionid=v; Path=/hub"},
		{"CK-03 under a long public suffix", "app.example.co.uk", "/logout", "sessionid=v; Path=/; Domain=example.co.uk"},
		{"CK-03 under a private suffix", "me.github.io", "/logout", "sessionid=v; Path=/; Domain=me.github.io"},
		{"CK-03 address", "192.0.2.7", "/logout", "sessionid=v; Path=/"},
		{"CK-03 one label", "intranet", "/logout", "sessionid=v; Path=/"},
		{"CK-06 __Host-", "app.example.com", "/logout", "__Host-sessionid=v; Path=/; Secure"},
		{"CK-06 __Host- is compared without case", "app.example.com", "/logout", "__hOST-sessionid=v; Path=/; Secure"},
		{"CK-06 __Secure- with Domain", "app.example.com", "/logout", "__Secure-sessionid=v; Path=/; Secure; Domain=example.com"},
		{"CK-06 __Http-", "app.example.com", "/logout", "__Http-sessionid=v; Path=/; Secure; HttpOnly"},
		{"CK-06 __Host-Http-", "app.example.com", "/logout", "__Host-Http-sessionid=v; Path=/; Secure; HttpOnly"},
		{"CK-07 Secure", "app.example.com", "/logout", "sessionid=v; Path=/; Secure; HttpOnly"},
		{"CK-08 SameSite=Strict", "app.example.com", "/logout", "sessionid=v; Path=/; Secure; SameSite=Strict"},
		{"CK-08 SameSite=None", "app.example.com", "/logout", "sessionid=v; Path=/; Secure; SameSite=None"},
		{"CK-09 Partitioned", "app.example.com", "/logout", "sessionid=v; Path=/; Secure; SameSite=None; Partitioned"},
		{"CK-09 Partitioned __Host-", "app.example.com", "/logout", "__Host-sessionid=v; Path=/; Secure; SameSite=None; Partitioned"},
		{"CK-09 Partitioned with Domain", "app.example.com", "/logout", "sessionid=v; Path=/; Secure; SameSite=None; Partitioned; Domain=example.com"},
		{"CK-09 Partitioned with path", "app.example.com", "/hub/logout", "sessionid=v; Path=/hub; Secure; SameSite=None; Partitioned"},
		{"CK-10 HttpOnly is no part of a cookie's identity", "app.example.com", "/logout", "sessionid=v; Path=/; HttpOnly"},
		{"CK-13 long value", "app.example.com", "/logout", "sessionid=" + strings.Repeat("v", 4000) + "; Path=/"},
		{"CK-14 ports do not part cookies", "app.example.com", "/logout", "sessionid=v; Path=/; Secure"},
		{"CK-15 chunk", "app.example.com", "/logout", "_oauth2_proxy_1=v; Path=/"},
		{"CK-15 chunk with a dot", "app.example.com", "/logout", "__Secure-next-auth.session-token.0=v; Path=/; Secure"},
		{"CK-15 chunk with a dash", "app.example.com", "/logout", "argocd.token-1=v; Path=/"},
		{"CK-15 chunk of ASP.NET", "app.example.com", "/logout", ".AspNetCore.CookiesC2=v; Path=/"},
		{"CK-16 brackets in the name", "app.example.com", "/logout", "s[id]=" + credential + "; Path=/"},
		{"CK-16 space in the name", "app.example.com", "/logout", "my token=" + credential + "; Path=/"},
		{"CK-16 beyond ASCII", "app.example.com", "/logout", "sitzungä=" + credential + "; Path=/"},
		{"CK-16 underscore in the host", "app_1.example.com", "/logout", "sessionid=v; Path=/; Domain=app_1.example.com"},
		{"by its looks", "app.example.com", "/logout", "whatever=" + credential + "; Path=/"},
		{"by its looks, hex", "app.example.com", "/logout", "x=d41d8cd98f00b204e9800998ecf8427e; Path=/"},
		{"by its looks, UUID", "app.example.com", "/logout", "x=550e8400-e29b-41d4-a716-446655440000; Path=/"},
		{"by its looks, quoted", "app.example.com", "/logout", `x="` + credential + `"; Path=/`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t, "", `https:// {
				universal_logout {
					paths /logout /*/logout /*/*/logout
				}
				reverse_proxy `+app.addr()+`
			}`)
			j := &jar{now: time.Now()}
			j.store(tc.host, tc.path, true, []string{tc.set})
			if len(j.cookies) != 1 {
				t.Fatal("the jar did not take the cookie")
			}
			f := s.follow(j, request("GET", "https://"+tc.host+tc.path, "", clicked...))
			if len(j.cookies) != 0 {
				t.Errorf("left: %v after %d redirects", j.cookies, f.redirects)
			}
		})
	}
}

// TestCookiesKept: what is no session stays (CK-17).
func TestCookiesKept(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		universal_logout {
			session_cookies sessionid mine-*
			keep_cookies mine-theme *_state
		}
		reverse_proxy `+app.addr()+`
	}`)
	for name, tc := range map[string]struct {
		set  string
		kept bool
	}{
		"plain preference":               {"theme=dark; Path=/", true},
		"long words":                     {"last=how-to-write-a-very-long-title-without-any-number-in-it; Path=/", true},
		"a slug with a year":             {"last=2026-11-20-how-we-moved-the-whole-thing-in-2-days; Path=/", true},
		"a long number":                  {"seen=12345678901234567890123456789012345; Path=/", true},
		"statistics":                     {"_ga=GA1.2." + credential + "; Path=/", true},
		"bot check":                      {"cf_clearance=" + credential + "; Path=/", true},
		"load balancer":                  {"AWSALB=" + credential + "; Path=/", true},
		"token of the login page":        {"csrftoken=" + credential + "; Path=/", true},
		"keep_cookies":                   {"mine-theme=" + credential + "; Path=/", true},
		"keep_cookies *suffix":           {"__Host-login_state=" + credential + "; Path=/; Secure", true},
		"session_cookies prefix*":        {"mine-thing=x; Path=/", false},
		"configured replaces the others": {"PHPSESSID=short; Path=/", true},
	} {
		t.Run(name, func(t *testing.T) {
			j := &jar{now: time.Now()}
			j.store("app.example.com", "/", true, []string{tc.set})
			s.follow(j, request("GET", "https://app.example.com/logout", "", clicked...))
			if kept := len(j.cookies) > 0; kept != tc.kept {
				t.Errorf("kept: %v", kept)
			}
		})
	}
}

// TestFortyCookies: the header of a logout stays below what proxies buffer
// (T18), and all session cookies go, over several answers if need be.
func TestFortyCookies(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		universal_logout {
			paths /logout /api/v1/auth/logout /app/logout /a/b/c/d/e/logout
		}
		reverse_proxy `+app.addr()+`
	}`)
	value := func(i int) string { return strings.ReplaceAll(credential, "Z", fmt.Sprint(i)) }
	for _, tc := range []struct {
		name, path, attributes string
		sessions               int
	}{
		{"five sessions", "/logout", "", 5},
		{"all sessions, host-only", "/logout", "", 40},
		{"all sessions, Domain", "/logout", "; Domain=example.com", 40},
		{"all sessions, Partitioned", "/logout", "; Secure; SameSite=None; Partitioned", 40},
		{"five sessions, deep path", "/api/v1/auth/logout", "; Domain=example.com", 5},
		{"sessions of the path only", "/api/v1/auth/logout", "; Path=/api/v1/", 12},
		{"sessions of the path only, with Domain", "/api/v1/auth/logout", "; Path=/api/v1; Domain=example.com", 12},
		{"all sessions of the path", "/app/logout", "; Path=/app", 40},
		{"all sessions of the path, with Domain", "/app/logout", "; Path=/app; Domain=example.com", 40},
		{"all sessions of the path, with everything", "/app/logout", "; Path=/app; Domain=example.com; Secure; SameSite=None; Partitioned", 12},
		{"odd spelling", "//logout", "", 40},
		{"another odd spelling", "/x/../logout", "; Domain=example.com", 40},
		{"innermost folder", "/a/b/c/d/e/logout", "; Path=/a/b/c/d/e", 1},
		{"180 sessions", "/logout", "; Domain=example.com", 180},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := &jar{now: time.Now()}
			for i := range max(40, tc.sessions) {
				line := fmt.Sprintf("preference%d=%d; Path=/", i, i)
				if i < tc.sessions {
					line = fmt.Sprintf("c%d=%s; Path=/%s", i, value(i), tc.attributes)
				}
				j.store("app.example.com", "/", true, []string{line})
			}
			f := s.follow(j, request("GET", "https://app.example.com"+tc.path, "", clicked...))
			for _, n := range f.headers {
				if limit := 4096; n > limit && tc.sessions <= 40 || n > 8192 {
					t.Errorf("a header of %d bytes", n)
				}
			}
			if left := len(j.cookies) - max(0, 40-tc.sessions); left != 0 && tc.sessions <= 40 {
				t.Errorf("%d session cookies left: %v", left, j.names())
			}
			if f.StatusCode != 200 || f.redirects > 15 {
				t.Errorf("ends with %d after %d redirects", f.StatusCode, f.redirects)
			}
			t.Logf("headers of %v bytes", f.headers)
		})
	}
}

// TestHeaderOfChattyApp: an app that deletes its forty cookies itself, a long
// return URL, and names that nobody needs make no header that proxies refuse.
func TestHeaderOfChattyApp(t *testing.T) {
	app := newSessions(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 40 {
			w.Header().Add("Set-Cookie", fmt.Sprintf("c%d=; Path=/; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT", i))
		}
		w.Header().Set("Location", "/login")
		w.WriteHeader(302)
	})
	s := newSite(t, "", "app.example.com {\n universal_logout\n reverse_proxy "+app.addr()+"\n}")
	for name, c := range callers {
		for what, target := range map[string]string{"short": "/logout", "long return URL": "/logout?rd=/" + strings.Repeat("a", 2000)} {
			j := &jar{now: time.Now()}
			for i := range 40 {
				j.store("app.example.com", "/", true, []string{fmt.Sprintf("c%d=%d%s; Path=/", i, i, credential)})
			}
			f := s.follow(j, request(c.method, "https://app.example.com"+target, c.body, c.headers...))
			if !c.person { // goes on with the next page, wherever the script leads
				f.headers = append(f.headers, s.follow(j, request("GET", "https://app.example.com/welcome", "", clicked...)).headers...)
			}
			limit := map[string]int{"short": 4096, "long return URL": 8192}[what]
			for _, n := range f.headers {
				if n > limit {
					t.Errorf("%s, %s: a header of %d bytes", name, what, n)
				}
			}
			if slices.Contains(j.names(), "c39") || slices.Contains(j.names(), "c0") {
				t.Errorf("%s, %s: left %v", name, what, j.names())
			}
		}
	}
	res := s.do(request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: "+strings.Repeat("x", 9000)+"="+credential)...))
	if n := headerBytes(res); n > 8192 {
		t.Errorf("a name that no browser keeps: %d bytes", n)
	}
}

// TestAppSetCookie: CK-18. The app's lines come first, ours after them, and
// sessions it begins anew do not arrive.
func TestAppSetCookie(t *testing.T) {
	app := newSessions(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "sessionid=anonymous; Path=/deep; HttpOnly")
		w.Header().Add("Set-Cookie", "flash=bye; Path=/")
		w.Header().Add("Set-Cookie", "remember_token=; Path=/old; Max-Age=0")
		fmt.Fprint(w, "{}")
	})
	s := newSite(t, "", `app.example.com {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	for name, headers := range map[string][]string{"click": clicked, "fetch": fetched} {
		t.Run(name, func(t *testing.T) {
			method := map[string]string{"click": "GET", "fetch": "POST"}[name]
			res := s.do(request(method, "https://app.example.com/logout", "", with(headers, "Cookie: sessionid=one; flash=x")...))
			lines := res.Header["Set-Cookie"]
			at := func(prefix string) int {
				return slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
			}
			if at("sessionid=anonymous") >= 0 {
				t.Error("the new session arrived")
			}
			if at("flash=bye") < 0 || at("remember_token=; Path=/old") < 0 || at("sessionid=;") < at("remember_token=") {
				t.Errorf("lines: %q", lines)
			}
		})
	}
}

// TestMarker: what does not fit into the answer that an app gave its script
// goes with the next page, and never touches a new session.
func TestMarker(t *testing.T) {
	app := newSessions(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"ok":true}`) })
	setup := func(t *testing.T) (*site, *jar) {
		s := newSite(t, "", `app.example.com {
			universal_logout {
				paths /api/v1/auth/logout
				clear_site_data cookies storage
			}
			reverse_proxy `+app.addr()+`
		}`)
		j := &jar{now: time.Now()}
		for i := range 12 { // more than one answer can take
			j.store("app.example.com", "/", true, []string{fmt.Sprintf("c%d=%d%s; Path=/; Domain=example.com; Secure; SameSite=None; Partitioned", i, i, credential)})
		}
		r := request("POST", "https://app.example.com/api/v1/auth/logout", "", fetched...)
		r.Header.Set("Cookie", j.header("app.example.com", "/api/v1/auth/logout", true))
		res := s.do(r)
		j.store("app.example.com", "/api/v1/auth/logout", true, res.Header["Set-Cookie"])
		if !slices.Contains(j.names(), "__Host-universal-logout-marker") {
			t.Fatalf("no marker among %v", j.names())
		}
		if csd := res.Header.Get("Clear-Site-Data"); csd != `"storage"` {
			t.Errorf("with a marker Clear-Site-Data is %s", csd)
		}
		if body := bodyOf(t, res); body != `{"ok":true}` {
			t.Errorf("the app's answer became %s", body)
		}
		return s, j
	}
	visit := func(s *site, j *jar, path string, headers []string) *http.Response {
		r := request("GET", "https://app.example.com"+path, "", headers...)
		r.Header.Set("Cookie", j.header("app.example.com", path, true))
		res := s.do(r)
		j.store("app.example.com", path, true, res.Header["Set-Cookie"])
		return res
	}
	t.Run("continues with the next navigation", func(t *testing.T) {
		s, j := setup(t)
		before, reached, path := len(app.requests()), 0, "/welcome?x=1"
		res := visit(s, j, path, clicked)
		for ; res.StatusCode == http.StatusSeeOther && reached < 15; reached++ {
			path = res.Header.Get("Location")
			res = visit(s, j, path, clicked)
		}
		if len(j.cookies) != 0 || path != "/welcome?x=1" || res.StatusCode != 200 {
			t.Errorf("%d at %s after %d redirects, left: %v", res.StatusCode, path, reached, j.names())
		}
		if got := len(app.requests()) - before; got != 1 {
			t.Errorf("the app saw %d requests", got)
		}
	})
	t.Run("not with a script", func(t *testing.T) {
		s, j := setup(t)
		if res := visit(s, j, "/api", fetched); res.StatusCode != 200 || !slices.Contains(j.names(), "__Host-universal-logout-marker") {
			t.Errorf("%d, left %v", res.StatusCode, j.names())
		}
	})
	t.Run("not on the way back from a login", func(t *testing.T) {
		s, j := setup(t)
		if res := visit(s, j, "/callback?code=1&state=2", clicked); res.StatusCode != 200 || !slices.Contains(j.names(), "__Host-universal-logout-marker") {
			t.Errorf("%d, left %v", res.StatusCode, j.names())
		}
	})
	t.Run("dropped after a fresh login", func(t *testing.T) {
		s, j := setup(t)
		j.store("app.example.com", "/", true, []string{"sessionid=new; Path=/"})
		res := visit(s, j, "/", clicked)
		if res.StatusCode != 200 || !slices.Contains(j.names(), "sessionid") || slices.Contains(j.names(), "__Host-universal-logout-marker") {
			t.Errorf("%d, left %v", res.StatusCode, j.names())
		}
	})
	t.Run("none when everything fitted", func(t *testing.T) {
		s := newSite(t, "", `app.example.com {
			universal_logout
			reverse_proxy `+app.addr()+`
		}`)
		res := s.do(request("POST", "https://app.example.com/logout", "", with(fetched, "Cookie: sessionid=one")...))
		for _, line := range res.Header["Set-Cookie"] {
			if !strings.HasPrefix(line, "sessionid=;") {
				t.Errorf("unexpected %q", line)
			}
		}
	})
	t.Run("over after a minute", func(t *testing.T) {
		s, j := setup(t)
		s.app.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
		if res := visit(s, j, "/", clicked); res.StatusCode != 200 {
			t.Errorf("%d", res.StatusCode)
		}
	})
}

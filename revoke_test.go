package universallogout

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// statelessApp has sessions that it cannot end: whoever has the cookie is in.
func statelessApp(t testing.TB, words string) (*site, *sessions) {
	t.Helper()
	app := newSessions(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "bye") })
	return newSite(t, "", "app.example.com {\nuniversal_logout {\n"+words+"\n}\nreverse_proxy "+app.addr()+"\n}"), app
}

// logoutWith is a logout by the app's own form, from an address.
func logoutWith(ip string, header http.Header) *http.Request {
	r := formFrom(mustURL("https://app.example.com/inbox"), "/logout", url.Values{})
	maps.Copy(r.Header, header)
	r.RemoteAddr = ip + ":40000"
	return r
}

// TestTheOldSessionIsRefused: what a logout presented is refused from then on,
// whatever the app makes of it (APP-01, class C), also when the app is down.
func TestTheOldSessionIsRefused(t *testing.T) {
	const opaque = "kQ8wZ3pXv1T6yR2nB9mL4cJ7hG5fD0sA"
	jwt := jwtOf(`{"sub":"alice","exp":1795000000}`, strings.Repeat("s", 32))
	for name, tc := range map[string]struct {
		words, header, value string
		want                 outcome.Outcome
	}{
		"an opaque cookie":            {"", "Cookie", "session=" + opaque, outcome.Revoked},
		"a short one":                 {"", "Cookie", "PHPSESSID=k8wz3pxv1t6yr2nb9ml4cj7hg5", outcome.Revoked},
		"a JWT":                       {"", "Cookie", "token=" + jwt, outcome.Revoked},
		"one that the site names":     {"session_cookies who", "Cookie", "who=" + opaque, outcome.Revoked},
		"a bearer token":              {"session_headers Authorization", "Authorization", "Bearer " + jwt, outcome.None},
		"a header of the app's own":   {"session_headers X-Session", "X-Session", opaque, outcome.None},
		"one cut into chunks":         {"", "Cookie", "session.1=" + jwt[:40] + "; session.2=" + jwt[40:], outcome.Revoked},
		"a cookie of no known name":   {"", "Cookie", "u=" + opaque, outcome.Revoked},
		"a JWT of {user}":             {"", "Cookie", "token=" + jwtOf(`{"user":{"_id":"4711"},"iat":1790000000}`, strings.Repeat("s", 32)), outcome.Revoked},
		"a JWT of {_id}":              {"", "Cookie", "token=" + jwtOf(`{"_id":"4711","iat":1790000000}`, strings.Repeat("s", 32)), outcome.Revoked},
		"in pieces":                   {"", "Cookie", "session.0=" + jwt[:40] + "; session.1=" + jwt[40:], outcome.Revoked},
		"a signed session of Flask":   {"", "Cookie", "session=eyJfdXNlcl9pZCI6IjEifQ.aF3kAA.a8b4c2d9e6VYmFyYmF6cXV4MTIz", outcome.Revoked},
		"a session of Laravel":        {"", "Cookie", "laravel_session=eyJpdiI6Ik8rL0E9PSIsInZhbHVlIjoiSzh3WjNwWHYifQ%3D%3D", outcome.Revoked},
		"a value that can be counted": {"", "Cookie", "session=1234567890123456789", outcome.Cleared},
	} {
		t.Run(name, func(t *testing.T) {
			s, app := statelessApp(t, tc.words)
			if !reaches(s, app, tc.header, tc.value) {
				t.Fatal("refused before any logout")
			}
			res := s.do(logoutWith("192.0.2.1", http.Header{tc.header: {tc.value}}))
			if body := bodyOf(t, res); res.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
			if refused := !reaches(s, app, tc.header, tc.value); refused != (tc.want != outcome.Cleared) {
				t.Errorf("refused: %v", refused)
			}
		})
	}
}

// TestBearerInACookie: the same token in a header is the same session.
func TestBearerInACookie(t *testing.T) {
	token := jwtOf(`{"sub":"alice","exp":1795000000}`, strings.Repeat("s", 32))
	for _, value := range []string{`"Bearer ` + token + `"`, "bearer%20" + token} {
		s, app := statelessApp(t, "session_headers Authorization")
		s.do(logoutWith("192.0.2.1", http.Header{"Cookie": {"access_token=" + value}}))
		if reaches(s, app, "Authorization", "Bearer "+token) || reaches(s, app, "Cookie", "access_token="+value) || reaches(s, app, "Cookie", "access_token="+token) {
			t.Errorf("%s passes", value)
		}
	}
}

// TestRoutes: Jetty and its kin take a session id with any node behind it.
func TestRoutes(t *testing.T) {
	for _, value := range []string{"node01abq8wz3pxv1t6yr2nb9ml4cj7.node0", "Q8WZ3PXV1T6YR2NB9ML4CJ7HG5FD0SA1!-123456789!NONE", "0000q8wz3PXv1t6yr2nB9ml4cj7:1a2b3c"} {
		s, app := statelessApp(t, "")
		s.do(logoutWith("192.0.2.1", http.Header{"Cookie": {"JSESSIONID=" + value}}))
		id := revocation.WithoutRoute(value)
		for _, presented := range []string{value, id, id + ".node1", id + "!x", id + ":x", `"` + id + `.node17"`} {
			if reaches(s, app, "Cookie", "JSESSIONID="+presented) {
				t.Errorf("%s: %s passes", value, presented)
			}
		}
		if !reaches(s, app, "Cookie", "JSESSIONID=x"+value) {
			t.Error("another one is refused")
		}
	}
}

// TestNobodyElseIsRefused is what somebody could try who wants others to be
// logged out: nobody but the presenter is refused.
func TestNobodyElseIsRefused(t *testing.T) {
	victim := jwtOf(`{"sub":"alice","iat":1790000000,"exp":1795000000}`, strings.Repeat("s", 32))
	anonymous := jwtOf(`{"iss":"app","role":"anon","iat":1790000000,"exp":2095000000}`, strings.Repeat("p", 32))
	program := jwtOf(`{"iss":"sso","sub":"web","azp":"web","jti":"1","exp":2095000000}`, strings.Repeat("q", 32))
	for name, tc := range map[string]struct {
		words            string
		attack           http.Header
		header, ofOthers string
	}{
		"Basic": {
			"session_headers Authorization",
			http.Header{"Authorization": {"Basic YWxpY2U6c2VjcmV0c2VjcmV0c2VjcmV0"}},
			"Authorization", "Basic YWxpY2U6c2VjcmV0c2VjcmV0c2VjcmV0",
		},
		"Basic, as a cookie": {
			"",
			http.Header{"Cookie": {"session=YWxpY2U6c2VjcmV0c2VjcmV0c2VjcmV0"}},
			"Authorization", "Basic YWxpY2U6c2VjcmV0c2VjcmV0c2VjcmV0",
		},
		"a bearer token that no site names": {"", http.Header{"Authorization": {"Bearer " + victim}}, "Authorization", "Bearer " + victim},
		"an API key":                        {"", http.Header{"X-Api-Key": {"kQ8wZ3pXv1T6yR2nB9mL4cJ7hG5fD0sA"}}, "X-Api-Key", "kQ8wZ3pXv1T6yR2nB9mL4cJ7hG5fD0sA"},
		"a public bearer token":             {"session_headers Authorization", http.Header{"Authorization": {"Bearer " + anonymous}}, "Authorization", "Bearer " + anonymous},
		"a public token, as a cookie":       {"session_headers Authorization", http.Header{"Cookie": {"session=" + anonymous}}, "Authorization", "Bearer " + anonymous},
		"a number":                          {"", http.Header{"Cookie": {"session=1234567890123456"}}, "Cookie", "session=1234567890123456"},
		"a name":                            {"", http.Header{"Cookie": {"session=anonymous-visitor"}}, "Cookie", "session=anonymous-visitor"},
		"one letter":                        {"", http.Header{"Cookie": {"session=" + strings.Repeat("a", 64)}}, "Cookie", "session=" + strings.Repeat("a", 64)},
		"a short value":                     {"", http.Header{"Cookie": {"session=a1B2c3D4"}}, "Cookie", "session=a1B2c3D4"},
		"a preference":                      {"", http.Header{"Cookie": {"theme=kQ8wZ3pXv1T6yR2nB9mL4cJ7hG5fD0sA"}}, "Cookie", "theme=kQ8wZ3pXv1T6yR2nB9mL4cJ7hG5fD0sA"},
		"a guessed JWT": {
			"",
			http.Header{"Cookie": {"token=" + victim[:strings.LastIndexByte(victim, '.')] + "." + strings.Repeat("A", 43)}},
			"Cookie", "token=" + victim,
		},
		"an unsigned JWT": {
			"",
			http.Header{"Cookie": {"token=" + victim[:strings.LastIndexByte(victim, '.')] + "."}},
			"Cookie", "token=" + victim,
		},
		"a public token in percent":          {"session_headers Authorization", http.Header{"Cookie": {"session=%65" + anonymous[1:]}}, "Authorization", "Bearer " + anonymous},
		"a public token in quotes":           {"session_headers Authorization", http.Header{"Cookie": {`session="` + anonymous + `"`}}, "Authorization", "Bearer " + anonymous},
		"a public token, padded":             {"session_headers Authorization", http.Header{"Cookie": {"session=" + anonymous + "=="}}, "Authorization", "Bearer " + anonymous},
		"a public token in other capitals":   {"session_headers Authorization", http.Header{"Cookie": {"session=E" + anonymous[1:]}}, "Authorization", "Bearer " + anonymous},
		"... of its claims":                  {"session_headers Authorization", http.Header{"Cookie": {"session=" + strings.Replace(anonymous, ".eyJ", ".EyJ", 1)}}, "Authorization", "Bearer " + anonymous},
		"a public token with junk":           {"session_headers Authorization", http.Header{"Cookie": {"session=" + anonymous[:9] + "!" + anonymous[9:]}}, "Authorization", "Bearer " + anonymous},
		"a public token with a dot more":     {"session_headers Authorization", http.Header{"Cookie": {"session=" + anonymous[:9] + "." + anonymous[9:]}}, "Authorization", "Bearer " + anonymous},
		"a public token with a dot in front": {"session_headers Authorization", http.Header{"Cookie": {"session=." + anonymous}}, "Authorization", "Bearer " + anonymous},
		"a public token without dots":        {"session_headers Authorization", http.Header{"Cookie": {"session=" + strings.ReplaceAll(anonymous, ".", "")}}, "Authorization", "Bearer " + anonymous},
		"a public token in pieces":           {"session_headers Authorization", http.Header{"Cookie": {"session.0=" + anonymous[:30] + "; session.1=" + anonymous[30:]}}, "Authorization", "Bearer " + anonymous},
		"a program's token":                  {"session_headers Authorization", http.Header{"Authorization": {"Bearer " + program}}, "Authorization", "Bearer " + program},
		"words in other capitals":            {"", http.Header{"Cookie": {"session=aNoNyMoUs-ViSiToR"}}, "Cookie", "session=anonymous-visitor"},
		"... and a number":                   {"", http.Header{"Cookie": {"session=aNoNyMoUsViSiToR2024"}}, "Cookie", "session=anonymous-visitor-2024"},
		"claims of another's": {
			"identify jwt",
			http.Header{"Cookie": {"token=" + jwtOf(`{"iss":"https://sso.example.com","sid":"sid-of-alice-0001","sub":"alice","iat":1790000001}`, "x")}},
			"Cookie", "token=" + jwtOf(`{"iss":"https://sso.example.com","sid":"sid-of-alice-0001","sub":"alice","iat":1790000000}`, strings.Repeat("s", 32)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, app := statelessApp(t, tc.words)
			for range 3 {
				s.do(logoutWith("192.0.2.66", tc.attack))
			}
			if !reaches(s, app, tc.header, tc.ofOthers) {
				t.Error("somebody else is refused")
			}
			if stats := s.list().Stats(); stats.Sessions+stats.Subjects > 0 {
				t.Errorf("unverified claims are on the list: %+v", stats)
			}
		})
	}
}

// TestFloodsAreBounded: a client that makes up sessions fills no list, and
// takes nothing from anybody else.
func TestFloodsAreBounded(t *testing.T) {
	s, app := statelessApp(t, "")
	random := func(n int) string { return fmt.Sprintf("kQ8wZ3pXv1T6yR2nB9mL4cJ7%08x", n*2654435761%(1<<32)) }
	for n := range 300 {
		if res := s.do(logoutWith("192.0.2.66", http.Header{"Cookie": {"session=" + random(n)}})); res.StatusCode != http.StatusOK {
			t.Fatalf("logout %d: %d: a person behind the same address must still be logged out", n, res.StatusCode)
		}
	}
	if n := s.list().Stats().Credentials; n > unknownAtOnce+5 {
		t.Errorf("%d entries", n)
	}
	var many []string
	for n := range 60 {
		many = append(many, fmt.Sprintf("s%d=%s", n, random(1000+n)))
	}
	before := s.list().Stats().Credentials
	s.do(logoutWith("192.0.2.67", http.Header{"Cookie": {strings.Join(many, "; ")}}))
	if n := s.list().Stats().Credentials - before; n > 16 {
		t.Errorf("one request made %d entries", n)
	}
	const own = "session=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy"
	s.do(logoutWith("192.0.2.1", http.Header{"Cookie": {own}}))
	if reaches(s, app, "Cookie", own) {
		t.Error("in a flood, a real logout is not refused from then on")
	}
}

// TestFullList: when the list takes no more, people are logged out all the
// same, and nobody says that the session is refused.
func TestFullList(t *testing.T) {
	s, app := statelessApp(t, "")
	full, err := revocation.Open(t.Context(), revocation.Options{Key: revocation.Key{1}, Max: 1, Lifetime: time.Hour, Now: time.Now, Logger: s.app.logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = full.Close() })
	for n := range 3 { // until it is
		_ = full.Revoke(t.Context(), full.OfCredential(revocation.Fingerprint{1, byte(n)}, time.Time{}))
	}
	s.app.process.revocations.list.Store(full)
	const own = "session=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy"
	res := s.do(logoutWith("192.0.2.1", http.Header{"Cookie": {own}}))
	if body := bodyOf(t, res); res.StatusCode != http.StatusOK || !strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "session=; ") {
		t.Errorf("not logged out: %d %s", res.StatusCode, body)
	}
	if !reaches(s, app, "Cookie", own) {
		t.Error("refused")
	}
}

// TestSiblingsRefuseAtOnce: with a binding, all apps of the session refuse it
// before the browser has been there, and without one none but its own.
func TestSiblingsRefuseAtOnce(t *testing.T) {
	apps := newSessions(t, endsSession)
	sites := "a.example.com {\nuniversal_logout {\nWORDS\n}\nreverse_proxy APP\n}\nb.example.org {\nuniversal_logout\nreverse_proxy APP\n}"
	for name, tc := range map[string]struct {
		words   string
		bound   bool
		refused bool
	}{
		"bound":             {"", true, true},
		"not bound":         {"", false, false},
		"bound, fanout off": {"fanout off", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", strings.NewReplacer("APP", apps.addr(), "WORDS", tc.words).Replace(sites))
			list := s.list()
			const here, there = "kQ8wZ3pXv1T6yR2nB9mL4cJ7hG5fD0sA", "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy"
			if tc.bound {
				for _, value := range []string{here, there} {
					f, _ := list.Fingerprint(value)
					list.Bind(f, revocation.Session{Issuer: "https://sso.example.com", Sid: "sid-of-alice-0001", Sub: "alice", Started: testNow})
				}
			}
			r := formFrom(mustURL("https://a.example.com/inbox"), "/logout", url.Values{})
			r.Header.Set("Cookie", "sessionid="+here)
			s.do(r)
			if !list.Refuses(here) {
				t.Error("its own app does not refuse it")
			}
			if list.Refuses(there) != tc.refused {
				t.Errorf("the sibling refuses it: %v", !tc.refused)
			}
		})
	}
}

// TestKeptCookiesPass: what the site says is no session is none, whatever its
// value is.
func TestKeptCookiesPass(t *testing.T) {
	s, app := newEnforced(t, "keep_cookies device_sid", nil)
	s.revoke(revokedSession)
	for cookies, want := range map[string]string{
		"device_sid=" + revokedSession:                                             "device_sid=" + revokedSession,
		"theme=dark; device_sid=" + revokedSession + "; session=" + revokedSession: "theme=dark; device_sid=" + revokedSession,
		"device.sid=" + revokedSession:                                             "",
	} {
		before := len(app.requests())
		res := s.do(request("GET", "https://app.example.com/inbox", "", with(fetched, "Cookie: "+cookies)...))
		seen := app.requests()[before:]
		if len(seen) != 1 || strings.Join(seen[0].Header["Cookie"], "; ") != want {
			t.Errorf("%s: the app saw %v", cookies, seen)
		}
		for _, line := range res.Header["Set-Cookie"] {
			if strings.HasPrefix(line, "device_sid=") {
				t.Errorf("not kept: %s", line)
			}
		}
	}
}

// TestKeptCookiesPassBesideClaims: also where the claims of JWTs are read.
func TestKeptCookiesPassBesideClaims(t *testing.T) {
	s, app := newEnforced(t, "keep_cookies device_sid\nidentify jwt", nil)
	s.revoke(revokedSession)
	old := jwtOf(`{"iss":"https://sso.example.com","sid":"sid-of-alice-0001","sub":"alice","iat":1790000000}`, strings.Repeat("s", 32))
	if err := s.list().Revoke(t.Context(), s.list().OfSession("https://sso.example.com", "sid-of-alice-0001")); err != nil {
		t.Fatal(err)
	}
	s.do(request("GET", "https://app.example.com/inbox", "", with(fetched, "Cookie: theme=dark; token="+old+"; device_sid="+revokedSession)...))
	seen := app.requests()
	if len(seen) != 1 || strings.Join(seen[0].Header["Cookie"], "; ") != "theme=dark; device_sid="+revokedSession {
		t.Errorf("the app saw %v", seen)
	}
}

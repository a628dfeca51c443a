package universallogout

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
)

// TestRevokedUserIsOut: an administrator revokes a person, and the next
// request of each of its sessions is one of a stranger; others go on.
func TestRevokedUserIsOut(t *testing.T) {
	lab := newIdentifyLab(t, "", forwardAuth)
	portal := func(user string, n int) string { return "Cookie: portal=" + user + "; sessionid=" + sessionValue(n) }
	lab.get("https://app.example.com/?set="+url.QueryEscape("sid="+sessionValue(2)+"; Path=/; HttpOnly"), portal("ana", 1))
	lab.get("https://app.example.com/", portal("ben", 3))
	lab.revoke("group:default", "ana")
	for n, stripped := range map[int]bool{1: true, 2: true, 3: false, 4: false} {
		res := lab.get("https://app.example.com/", "Cookie: portal=dave; sessionid="+sessionValue(n))
		expired := strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "sessionid=; Path=/; Max-Age=0")
		app := lab.presented()
		if strings.Contains(app, sessionValue(n)) == stripped || expired != stripped || res.StatusCode != 200 {
			t.Errorf("session %d: %d, expired %t, the app saw %q", n, res.StatusCode, expired, app)
		}
	}
}

// TestRefusedJWT: as a cookie it is taken out, as a header it is answered with
// 401; what stands beside it stays.
func TestRefusedJWT(t *testing.T) {
	lab := newIdentifyLab(t, "", `app.example.com {
		universal_logout {
			identify jwt
			session_headers Authorization X-Token
		}
		reverse_proxy APP
	}
	reject.example.com {
		universal_logout {
			identify jwt
			on_revoked reject
		}
		reverse_proxy APP
	}`)
	old := tokenFor("ana", testNow)
	lab.revoke(jwtIssuer, "ana")
	again := tokenFor("ana", lab.now())
	for name, tc := range map[string]struct {
		url     string
		headers []string
		status  int
		app     string // the Cookie header that it sees
	}{
		"old":                   {"https://app.example.com/", []string{"Cookie: token=" + old + "; theme=dark"}, 200, "theme=dark"},
		"alone":                 {"https://app.example.com/", []string{"Cookie: token=" + old}, 200, ""},
		"signed in again":       {"https://app.example.com/", []string{"Cookie: token=" + again}, 200, "token=" + again},
		"both":                  {"https://app.example.com/", []string{"Cookie: token=" + old + "; token=" + again}, 200, "token=" + again},
		"beside somebody's":     {"https://app.example.com/", []string{"Cookie: sessionid=" + sessionValue(1) + "; token=" + old}, 200, "sessionid=" + sessionValue(1)},
		"rejected":              {"https://reject.example.com/", []string{"Cookie: token=" + old}, 401, ""},
		"not rejected":          {"https://reject.example.com/", []string{"Cookie: token=" + again}, 200, "token=" + again},
		"as Bearer":             {"https://app.example.com/", []string{"Authorization: Bearer " + old}, 401, ""},
		"as bearer":             {"https://app.example.com/", []string{"Authorization: bearer  " + old + "="}, 401, ""},
		"as Bearer, again":      {"https://app.example.com/", []string{"Authorization: Bearer " + again}, 200, ""},
		"bare":                  {"https://app.example.com/", []string{"Authorization: " + old}, 401, ""},
		"another header":        {"https://app.example.com/", []string{"X-Token: " + old}, 401, ""},
		"header that is none":   {"https://app.example.com/", []string{"X-Other: " + old}, 200, ""},
		"no session header":     {"https://reject.example.com/", []string{"Authorization: Bearer " + old}, 200, ""},
		"Basic":                 {"https://app.example.com/", []string{"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+old))}, 200, ""},
		"Basic, whatever it is": {"https://app.example.com/", []string{"Authorization: Basic " + old}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			lab.presented()
			res := lab.get(tc.url, tc.headers...)
			if app := lab.presented(); res.StatusCode != tc.status || app != tc.app {
				t.Errorf("%d, the app saw %q", res.StatusCode, app)
			}
		})
	}
}

// TestRefusedJWTInLogouts: a logout does not get it through to the app either,
// but for a call of our own that ends it there.
func TestRefusedJWTInLogouts(t *testing.T) {
	lab := jwtLab(t)
	old := tokenFor("ana", testNow)
	lab.revoke(jwtIssuer, "ana")
	res := lab.do(request("POST", "https://app.example.com/logout?mine", "", with(submitted, "Cookie: theme=dark; token="+old)...))
	if app := lab.presented(); res.StatusCode != 200 || app != "theme=dark" {
		t.Errorf("%d, the app saw %q", res.StatusCode, app)
	}
}

// TestManySessionCookiesAreRefused: what is not looked at is not let through.
func TestManySessionCookiesAreRefused(t *testing.T) {
	lab := newIdentifyLab(t, "", forwardAuth)
	cookies := func(n int) string {
		var b strings.Builder
		b.WriteString("Cookie: portal=ana")
		for i := range n {
			fmt.Fprintf(&b, "; sid_%d=%s", i, sessionValue(i))
		}
		return b.String()
	}
	if res := lab.get("https://app.example.com/", cookies(cookie.MaxSessionCookies+1)); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge || lab.list().Stats().Bindings != 0 {
		t.Errorf("%d, %d bindings", res.StatusCode, lab.list().Stats().Bindings)
	}
	if res := lab.get("https://app.example.com/", cookies(cookie.MaxSessionCookies)); res.StatusCode != 200 || lab.list().Stats().Bindings != cookie.MaxSessionCookies {
		t.Errorf("%d, %d bindings", res.StatusCode, lab.list().Stats().Bindings)
	}
}

// TestIdentifiedStreamsEnd: what is open when its user is revoked is closed,
// whoever said whose it is.
func TestIdentifiedStreamsEnd(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(app.Close)
	for name, tc := range map[string]struct{ words, cookie, issuer string }{
		"header": {"identify header Remote-User", "sessionid=" + sessionValue(1), "group:default"},
		"jwt":    {"identify jwt", "token=" + tokenFor("ana", testNow), jwtIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newIdentifyLab(t, "", "http://app.localhost {\nuniversal_logout {\n"+tc.words+"\n}\nforward_auth AUTH {\nuri /auth\ncopy_headers Remote-User\n}\nreverse_proxy "+strings.TrimPrefix(app.URL, "http://")+"\n}")
			conn, err := net.Dial("tcp", strings.TrimPrefix(lab.serveLoopback().URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: app.localhost\r\nAccept: text/event-stream\r\nCookie: portal=ana; %s\r\n\r\n", tc.cookie)
			answer := bufio.NewReader(conn)
			res, err := http.ReadResponse(answer, nil)
			if err != nil || res.StatusCode != 200 {
				t.Fatalf("%v %v", res, err)
			}
			events := bufio.NewReader(res.Body)
			if line, err := events.ReadString('\n'); line != "data: one\n" {
				t.Fatalf("%q %v", line, err)
			}
			lab.revoke(tc.issuer, "ana")
			if _, err := events.ReadString('x'); err == nil {
				t.Error("more events than there are")
			} else if e, ok := err.(net.Error); ok && e.Timeout() {
				t.Error("the stream is still open")
			}
		})
	}
}

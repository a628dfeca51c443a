package universallogout

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/finalheader"
)

// authByCookie is for many requests: beside them, a dial of forward_auth may
// still read the variables of a request when the app's reverse_proxy writes
// them, and the race detector finds that in Caddy 2.11.9.
const authByCookie = `app.example.com {
	universal_logout {
		identify header Remote-User
	}
	request_header Remote-User {cookie.portal}
	reverse_proxy APP
}`

const (
	basicAna   = "Authorization: Basic YW5hOnNlY3JldA=="
	basicBen   = "Authorization: Basic YmVuOnNlY3JldA=="
	basicWrong = "Authorization: Basic YW5hOndyb25n"
)

// TestIdentifyHeader: what forward_auth copies binds the session cookies of
// the request, wherever the app lies, if the answer is a success.
func TestIdentifyHeader(t *testing.T) {
	for path, bound := range map[string]bool{
		"/": true, "/files/x": true, "/kept/x": true, "/quiet": true,
		"/?status=204": true, "/?status=303": true, "/?status=304": true,
		"/gone/x": false, "/down": false, "/error": false,
		"/?status=400": false, "/?status=401": false, "/?status=403": false, "/?status=404": false, "/?status=500": false, "/files/?status=503": false,
	} {
		t.Run(path, func(t *testing.T) {
			lab := newIdentifyLab(t, "", forwardAuth)
			lab.get("https://app.example.com"+path, "Cookie: portal=ana; theme=darkdarkdarkdarkdark; sessionid="+sessionValue(1))
			lab.wantBound("group:default", "ana", sessionValue(1), bound)
			if lab.isBound("darkdarkdarkdarkdark") {
				t.Error("bound what is no session cookie")
			}
			lab.wantQuiet("ana", sessionValue(1))
		})
	}
}

// TestWhoLogsInAgainGetsIn: the old cookie does not.
func TestWhoLogsInAgainGetsIn(t *testing.T) {
	lab := newIdentifyLab(t, "", forwardAuth)
	lab.get("https://app.example.com/", "Cookie: portal=ana; sessionid="+sessionValue(1))
	lab.get("https://app.example.com/", "Cookie: portal=ben; sessionid="+sessionValue(2))
	lab.revoke("group:default", "ana")
	lab.get("https://app.example.com/", "Cookie: portal=ana; sessionid="+sessionValue(3))
	lab.get("https://app.example.com/?set="+url.QueryEscape("sessionid="+sessionValue(4)+"; Path=/"), "Cookie: portal=ana")
	for n, refused := range map[int]bool{1: true, 2: false, 3: false, 4: false} {
		if lab.list().Refuses(sessionValue(n)) != refused || !lab.isBound(sessionValue(n)) {
			t.Errorf("session %d: refused %t", n, !refused)
		}
	}
	lab.get("https://app.example.com/", "Cookie: portal=ana; sessionid="+sessionValue(1)) // used again, it is as old as before
	if !lab.list().Refuses(sessionValue(1)) {
		t.Error("the old session is refused no more")
	}
	lab.revoke("group:default", "ana")
	for n, refused := range map[int]bool{1: true, 2: false, 3: true, 4: true} {
		if lab.list().Refuses(sessionValue(n)) != refused {
			t.Errorf("after a second revocation, session %d: refused %t", n, !refused)
		}
	}
}

// TestSessionsOfAnAnswerOnItsWay are as old as their request: a revocation in
// between means them.
func TestSessionsOfAnAnswerOnItsWay(t *testing.T) {
	lab := newIdentifyLab(t, "", forwardAuth)
	h := lab.handlers()[0]
	s, r := lab.site, request("GET", "https://app.example.com/", "", "Cookie: sessionid="+sessionValue(1))
	s.serveWith(h, handlerOf(func(w http.ResponseWriter, r *http.Request) {
		lab.revoke("group:default", "ana")
		r.Header.Set("Remote-User", "ana")
		w.Header().Add("Set-Cookie", "sessionid="+sessionValue(2))
	}), r)
	for n := range 2 {
		if !lab.list().Refuses(sessionValue(n + 1)) {
			t.Errorf("session %d is not refused", n+1)
		}
	}
}

// TestForgedIdentity: a client that names a user itself binds nothing, is told
// nothing, and no app hears of it.
func TestForgedIdentity(t *testing.T) {
	forged := map[string][]string{
		"as it is":   {"Remote-User: mallory"},
		"small":      {"remote-user: mallory"},
		"twice":      {"Remote-User: mallory", "REMOTE-USER: mallory"},
		"empty":      {"Remote-User: "},
		"hop by hop": {"Remote-User: mallory", "Connection: Remote-User"},
	}
	for name, tc := range map[string]struct {
		url     string
		headers []string
		status  int
		user    string // whom the app sees
		bound   bool
	}{
		"no auth layer":      {"https://open.example.com/", []string{"Cookie: sessionid=" + sessionValue(1)}, 200, "", false},
		"not signed in":      {"https://app.example.com/", []string{"Cookie: sessionid=" + sessionValue(1)}, 302, "", false},
		"denied":             {"https://app.example.com/", []string{"Cookie: portal=denied; sessionid=" + sessionValue(1)}, 401, "", false},
		"a public path":      {"https://app.example.com/", []string{"Cookie: portal=bypass; sessionid=" + sessionValue(1)}, 200, "", false},
		"signed in":          {"https://app.example.com/", []string{"Cookie: portal=ana; sessionid=" + sessionValue(1)}, 200, "ana", true},
		"basic_auth":         {"https://basic.example.com/", []string{basicAna, "Cookie: sessionid=" + sessionValue(1)}, 200, "", false},
		"basic_auth, denied": {"https://basic.example.com/", []string{basicWrong, "Cookie: sessionid=" + sessionValue(1)}, 401, "", false},
	} {
		for spelling, headers := range forged {
			t.Run(name+", "+spelling, func(t *testing.T) {
				lab := newIdentifyLab(t, "", forwardAuth)
				honest := lab.get(tc.url, tc.headers...)
				honest.Header.Del("Date")
				want, user := fmt.Sprint(honest.StatusCode, honest.Header, bodyOf(t, honest)), lab.seen()
				again := newIdentifyLab(t, "", forwardAuth)
				res := again.get(tc.url, with(tc.headers, headers...)...)
				if res.StatusCode != tc.status || user != tc.user {
					t.Errorf("%d, the app sees %q", res.StatusCode, user)
				}
				res.Header.Del("Date")
				if tc.user != "" && spelling == "hop by hop" {
					user = "" // whom the auth layer names does not get through to the app then, but that is all
				}
				if got := fmt.Sprint(res.StatusCode, res.Header, bodyOf(t, res)); got != want || again.seen() != user {
					t.Errorf("an answer of its own:\n%s, without the header\n%s", got, want)
				}
				if again.isBound(sessionValue(1)) != tc.bound {
					t.Errorf("bound: %t", !tc.bound)
				}
				again.revoke("group:default", "mallory")
				if again.list().Refuses(sessionValue(1)) {
					t.Error("bound to whom the client named")
				}
			})
		}
	}
}

// TestForgedIdentityInLogouts: apps never see it, whatever the request is.
func TestForgedIdentityInLogouts(t *testing.T) {
	lab := newIdentifyLab(t, "", forwardAuth)
	cookies := "Cookie: sessionid=" + sessionValue(1)
	lab.do(request("POST", "https://open.example.com/logout", "", with(submitted, cookies, "Remote-User: mallory", "Origin: https://open.example.com")...))
	lab.do(request("GET", "https://open.example.com/logout", "", with(clicked, cookies, "Remote-User: mallory")...))
	lab.do(request("OPTIONS", "https://open.example.com/logout", "", cookies, "Remote-User: mallory"))
	lab.do(request("POST", "https://open.example.com/", "_method=delete", with(submitted, cookies, "Remote-User: mallory")...))
	if seen := lab.seen(); strings.Contains(seen, "mallory") || seen == "" || lab.isBound(sessionValue(1)) {
		t.Errorf("the app saw %q", seen)
	}
}

// TestIdentityOfTrustedProxy: what a proxy in front of Caddy says is deleted by
// identify header, told once, and counts as a placeholder.
func TestIdentityOfTrustedProxy(t *testing.T) {
	const sites = `app.example.com {
		universal_logout {
			identify header Remote-User
		}
		reverse_proxy APP
	}
	front.example.com {
		universal_logout {
			identify placeholder {header.Remote-User}
		}
		reverse_proxy APP
	}`
	for trusted, globals := range map[bool]string{true: "servers {\ntrusted_proxies static 192.0.2.0/24\n}", false: ""} {
		lab := newIdentifyLab(t, globals, sites)
		for range 2 {
			lab.get("https://app.example.com/", "Remote-User: ana", "Cookie: sessionid="+sessionValue(1))
		}
		if lab.seen() != "," || lab.isBound(sessionValue(1)) || lab.logs("identify placeholder {http.request.header.Remote-User}") > 1 || lab.logs("identify placeholder") == 1 != trusted {
			t.Errorf("trusted %t: header: bound %t, logged %v", trusted, lab.isBound(sessionValue(1)), lab.logged.All())
		}
		lab.get("https://front.example.com/", "Remote-User: ana", "Remote-User: mallory", "Cookie: sessionid="+sessionValue(3))
		lab.get("https://front.example.com/", "Remote-User: ana", "Cookie: sessionid="+sessionValue(2))
		if seen := lab.seen(); seen != "ana|mallory,ana" {
			t.Errorf("trusted %t: the app saw %q", trusted, seen)
		}
		if lab.isBound(sessionValue(3)) {
			t.Errorf("trusted %t: one of two names was taken", trusted)
		}
		lab.wantBound("group:default", "ana", sessionValue(2), trusted)
	}
}

const basicAuth = `app.example.com {
	universal_logout {
		identify placeholder {http.auth.user.id}
	}
	basic_auth /admin/* {
		ana $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
		ben $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
	}
	handle_path /admin/* {
		reverse_proxy APP
	}
	reverse_proxy APP
}
vars.example.com {
	universal_logout {
		identify placeholder {vars.user}
	}
	vars user ana
	reverse_proxy APP
}`

// TestIdentifyPlaceholder: basic_auth, and whatever sets a variable.
func TestIdentifyPlaceholder(t *testing.T) {
	for name, tc := range map[string]struct {
		url     string
		headers []string
		bound   bool
	}{
		"basic_auth":       {"https://app.example.com/admin/", []string{basicAna}, true},
		"wrong password":   {"https://app.example.com/admin/", []string{basicWrong}, false},
		"no password":      {"https://app.example.com/admin/", nil, false},
		"outside":          {"https://app.example.com/", []string{basicAna}, false},
		"the app's error":  {"https://app.example.com/admin/?status=403", []string{basicAna}, false},
		"client's headers": {"https://app.example.com/", []string{"Remote-User: ana", "X-Http.auth.user.id: ana"}, false},
		"vars":             {"https://vars.example.com/", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newIdentifyLab(t, "", basicAuth)
			lab.get(tc.url, with(tc.headers, "Cookie: sessionid="+sessionValue(1))...)
			lab.wantBound("group:default", "ana", sessionValue(1), tc.bound)
		})
	}
}

// TestBasicCredentialsAreNotBound: without a session cookie there is
// nothing to bind.
func TestBasicCredentialsAreNotBound(t *testing.T) {
	lab := newIdentifyLab(t, "", basicAuth)
	lab.get("https://app.example.com/admin/", basicAna)
	if n := lab.list().Stats().Bindings; n != 0 {
		t.Errorf("%d bindings", n)
	}
	lab.revoke("group:default", "ana")
	for _, value := range []string{basicAna, strings.TrimPrefix(basicAna, "Authorization: "), strings.TrimPrefix(basicAna, "Authorization: Basic ")} {
		if lab.list().Refuses(value) {
			t.Errorf("%q is refused", value)
		}
	}
}

// TestBoundCookieKeepsItsUser: a second user with the same cookie value neither
// takes it over nor has it refused.
func TestBoundCookieKeepsItsUser(t *testing.T) {
	lab := newIdentifyLab(t, "", basicAuth)
	lab.get("https://app.example.com/admin/", basicAna, "Cookie: sessionid="+sessionValue(1))
	lab.get("https://app.example.com/admin/", basicBen, "Cookie: sessionid="+sessionValue(1))
	lab.get("https://app.example.com/admin/", basicBen, "Cookie: sessionid="+sessionValue(1)+"; sid="+sessionValue(2))
	lab.get("https://app.example.com/admin/?set="+url.QueryEscape("sessionid="+sessionValue(1)), basicBen)
	lab.revoke("group:default", "ben")
	if lab.list().Refuses(sessionValue(1)) || !lab.list().Refuses(sessionValue(2)) {
		t.Errorf("ben's: %t, ana's: %t", lab.list().Refuses(sessionValue(2)), lab.list().Refuses(sessionValue(1)))
	}
	lab.revoke("group:default", "ana")
	if !lab.list().Refuses(sessionValue(1)) {
		t.Error("ana's session is not refused")
	}
}

// TestLoginAnswerBinds: the first request with a new session is bound already,
// also where a session that is bound gets a new value with every answer.
func TestLoginAnswerBinds(t *testing.T) {
	for name, presented := range map[string]string{
		"no cookie": "", "no session": "; theme=dark", "a session": "; sid=" + sessionValue(7), "a bound session": "; sid=" + sessionValue(8),
	} {
		t.Run(name, func(t *testing.T) {
			lab := newIdentifyLab(t, "", forwardAuth)
			lab.get("https://app.example.com/", "Cookie: portal=ana; sid="+sessionValue(8))
			query := url.Values{"set": {
				"sessionid=" + sessionValue(1) + "; Path=/; HttpOnly",
				"sid=" + sessionValue(2) + "; Max-Age=0",
				"sid=" + sessionValue(3) + "; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
				"theme=" + sessionValue(4),
				"csrftoken=" + sessionValue(5),
				"sid=short", "sid", "=", "",
			}}
			lab.get("https://app.example.com/?"+query.Encode(), "Cookie: portal=ana"+presented)
			for n := 2; n <= 5; n++ {
				if lab.isBound(sessionValue(n)) {
					t.Errorf("%d is bound", n)
				}
			}
			lab.wantBound("group:default", "ana", sessionValue(1), true)
		})
	}
	t.Run("of an error", func(t *testing.T) {
		lab := newIdentifyLab(t, "", forwardAuth)
		lab.get("https://app.example.com/?status=500&set="+url.QueryEscape("sessionid="+sessionValue(1)), "Cookie: portal=ana")
		lab.wantBound("group:default", "ana", sessionValue(1), false)
	})
	t.Run("of a denial", func(t *testing.T) {
		lab := newIdentifyLab(t, "", forwardAuth)
		lab.get("https://app.example.com/?set="+url.QueryEscape("sessionid="+sessionValue(1)), "Remote-User: ana")
		lab.wantBound("group:default", "ana", sessionValue(1), false)
	})
}

// TestIssuerOfIdentity: that of the provider, or else the group in a form that
// no provider has.
func TestIssuerOfIdentity(t *testing.T) {
	for words, issuer := range map[string]string{
		"":                                    "group:default",
		"GROUP":                               "group:intranet",
		"https://sso.example.com/realms/main": "https://sso.example.com/realms/main",
		"main":                                "https://sso.example.com/realms/main",
		"portal":                              "group:portal",
		"https://sso.example.com/realms/main edge": "https://sso.example.com/realms/main",
	} {
		t.Run(words, func(t *testing.T) {
			group := ""
			if words == "GROUP" {
				words, group = "", "group intranet\n"
			}
			lab := newIdentifyLab(t, `universal_logout {
				provider main https://sso.example.com/realms/main
				provider portal {
					logout_url https://auth.example.com/logout
				}
			}`, "app.example.com {\nuniversal_logout "+words+" {\n"+group+"identify header Remote-User\n}\nforward_auth AUTH {\nuri /auth\ncopy_headers Remote-User\n}\nreverse_proxy APP\n}")
			lab.get("https://app.example.com/", "Cookie: portal=ana; sessionid="+sessionValue(1))
			lab.revoke("https://other.example.com", "ana")
			if lab.list().Refuses(sessionValue(1)) {
				t.Error("refused by another issuer's revocation")
			}
			lab.wantBound(issuer, "ana", sessionValue(1), true)
		})
	}
}

// TestIdentifyWhileTheListOpens: nothing waits, nothing is bound, and what the
// client says is deleted all the same.
func TestIdentifyWhileTheListOpens(t *testing.T) {
	lab := newIdentifyLab(t, "", forwardAuth)
	lab.app.process.revocations = newRevocations()
	lab.app.use(lab.app.process)
	res := lab.get("https://open.example.com/", "Remote-User: mallory", "Cookie: sessionid="+sessionValue(1))
	if res.StatusCode != 200 || lab.seen() != "" {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestFloodOfBindings: one user who makes up session cookies leaves room for
// others, and the log says so once.
func TestFloodOfBindings(t *testing.T) {
	lab := newIdentifyLab(t, "", authByCookie)
	for n := range 3 * 1000 / 10 {
		var cookies strings.Builder
		for i := range 10 {
			fmt.Fprintf(&cookies, "; sid_%d=%s", i, sessionValue(10*n+i))
		}
		lab.get("https://app.example.com/?status=204", "Cookie: portal=mallory"+cookies.String())
	}
	if n := lab.list().Stats().Bindings; n != 1000 {
		t.Errorf("%d bindings", n)
	}
	if n := lab.logs("stays unbound"); n != 1 {
		t.Errorf("told %d times", n)
	}
	lab.wantQuiet("mallory", sessionValue(0))
	lab.get("https://app.example.com/", "Cookie: portal=ana; sessionid="+sessionValue(1_000_000))
	lab.pass(24 * time.Hour)
	lab.get("https://app.example.com/", "Cookie: portal=mallory; sessionid="+sessionValue(1_000_001))
	for n := 1_000_000; n <= 1_000_001; n++ {
		if !lab.isBound(sessionValue(n)) {
			t.Errorf("session %d is not bound", n)
		}
	}
}

// TestIdentifyConcurrently: many users and browsers at once, each with what is
// its own.
func TestIdentifyConcurrently(t *testing.T) {
	lab := newIdentifyLab(t, "", authByCookie)
	var wg sync.WaitGroup
	for user := range 8 {
		wg.Go(func() {
			for n := range 40 {
				value := sessionValue(1000*user + n%20)
				lab.get("https://app.example.com/?set="+url.QueryEscape("sid="+sessionValue(1000*user+500+n)), fmt.Sprintf("Cookie: portal=user%d; sessionid=%s", user, value), "Remote-User: mallory")
			}
		})
	}
	wg.Wait()
	if n := lab.list().Stats().Bindings; n != 8*(20+40) {
		t.Errorf("%d bindings", n)
	}
	lab.revoke("group:default", "user3")
	for user := range 8 {
		for n := range 20 {
			if lab.list().Refuses(sessionValue(1000*user+n)) != (user == 3) || lab.list().Refuses(sessionValue(1000*user+500+n)) != (user == 3) {
				t.Errorf("user %d, session %d", user, n)
			}
		}
	}
}

// TestIdentifyKeepsStreams: upgrades, flushes and files pass as without it, and
// a stream's session is bound while the stream is open.
func TestIdentifyKeepsStreams(t *testing.T) {
	hold := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_ = rw.Flush()
			line, _ := rw.ReadString('\n')
			fmt.Fprint(rw, line)
			_ = rw.Flush()
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		<-hold
	}))
	t.Cleanup(app.Close)
	t.Cleanup(func() { close(hold) })
	lab := newIdentifyLab(t, "", `http://app.localhost {
		universal_logout {
			identify header Remote-User
		}
		forward_auth AUTH {
			uri /auth
			copy_headers Remote-User
		}
		reverse_proxy `+strings.TrimPrefix(app.URL, "http://")+`
	}`)
	edge := lab.serveLoopback()
	addr := strings.TrimPrefix(edge.URL, "http://")
	ask := func(headers string) (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: app.localhost\r\n%s\r\n\r\n", headers)
		return conn, bufio.NewReader(conn)
	}
	conn, answer := ask("Connection: Upgrade\r\nUpgrade: echo\r\nCookie: portal=ana; sessionid=" + sessionValue(1))
	res, err := http.ReadResponse(answer, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := answer.ReadString('\n'); line != "hello\n" {
		t.Errorf("%q %v", line, err)
	}
	_, answer = ask("Accept: text/event-stream\r\nCookie: portal=ana; sessionid=" + sessionValue(2))
	if res, err = http.ReadResponse(answer, nil); err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	event := make([]byte, len("data: one\n\n"))
	if _, err := res.Body.Read(event); string(event) != "data: one\n\n" {
		t.Errorf("%q %v", event, err)
	}
	lab.revoke("group:default", "ana")
	for n := 1; n <= 2; n++ {
		if !lab.list().Refuses(sessionValue(n)) {
			t.Errorf("the session of stream %d is not bound while it is open", n)
		}
	}
}

// TestIdentifyKeepsFiles: sendfile is possible, and ranges are.
func TestIdentifyKeepsFiles(t *testing.T) {
	lab := newIdentifyLab(t, "", `http://app.localhost {
		universal_logout {
			identify placeholder {vars.user}
		}
		vars user ana
		root testdata
		file_server
	}`)
	edge := lab.serveLoopback()
	for n, tc := range []struct {
		path   string
		status int
		bound  bool
	}{{"/quick_start.caddyfiletest", 206, true}, {"/nothing", 404, false}} {
		r, err := http.NewRequest(http.MethodGet, edge.URL+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "app.localhost"
		r.Header.Set("Range", "bytes=0-9")
		r.Header.Set("Cookie", "sessionid="+sessionValue(n))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		discard(t, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != tc.status || lab.isBound(sessionValue(n)) != tc.bound {
			t.Errorf("%s: %d, bound %t", tc.path, res.StatusCode, !tc.bound)
		}
	}
}

// TestOnlyNewSessionsAreWrapped: where all is known, w goes on as it came.
func TestOnlyNewSessionsAreWrapped(t *testing.T) {
	lab := newIdentifyLab(t, "", forwardAuth)
	h := lab.handlers()[0]
	for _, wrapped := range []bool{true, false} {
		lab.serveWith(h, handlerOf(func(w http.ResponseWriter, r *http.Request) {
			if _, is := w.(*finalheader.Writer); is != wrapped {
				t.Errorf("wrapped: %t, want %t", is, wrapped)
			}
			r.Header.Set("Remote-User", "ana")
		}), request("GET", "https://app.example.com/", "", "Cookie: sessionid="+sessionValue(1)))
	}
}

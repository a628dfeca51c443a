package universallogout

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// serverLogoutSite is a sign-on whose provider has a server_logout at w.
func serverLogoutSite(t testing.TB, w *labtest.Wire, words, block string) *signOn {
	t.Helper()
	words = strings.ReplaceAll(words, "W", w.URL)
	return newSignOn(t, signOnConfig{options: "just_in_time_hint off\nserver_logout " + words + " {\n" + block + "\n}", site: "id_token {http.request.header.X-Kept}"})
}

// clickWith logs out with an ID token, of whatever kind, and waits for all that
// follows from it.
func (so *signOn) clickWith(token string) {
	so.t.Helper()
	so.app.login("one")
	so.setCookie("sessionid=one")
	if f := so.follow(so.jar, request("GET", "https://app.example.com/logout", "", with(clicked, "X-Kept: "+token)...)); f.StatusCode != 200 {
		so.t.Errorf("ends with %d: %s", f.StatusCode, f.body)
	}
	eventually(so.t, "the background is empty", so.isIdle)
}

// TestServerLogout: the request on the wire.
func TestServerLogout(t *testing.T) {
	const sid, sub = "a+b:c@d~e_f-g.h", "ana+1@example.com"
	const pathSID, pathSub = "a%2Bb%3Ac%40d~e_f-g.h", "ana%2B1%40example.com"
	for name, tc := range map[string]struct {
		words, block              string
		method, path, query, body string
		header                    map[string]string
	}{
		"in the path":  {words: "DELETE W/sessions/{sid}", method: "DELETE", path: "/sessions/" + pathSID},
		"in the query": {words: "POST W/end?user={sub}&sid={sid}", method: "POST", path: "/end", query: "user=" + pathSub + "&sid=" + pathSID},
		"a JSON body": {
			words: "POST W/end", block: "body application/json `{\"sid\":\"{sid}\",\"user\":{\"sub\":\"{sub}\"}}`", method: "POST", path: "/end",
			body: `{"sid":"` + sid + `","user":{"sub":"` + sub + `"}}`, header: map[string]string{"Content-Type": "application/json"},
		},
		"a form": {
			words: "PUT W/end", block: "body \"application/x-www-form-urlencoded; charset=utf-8\" user={sub}&all=1", method: "PUT", path: "/end",
			body: "user=" + pathSub + "&all=1", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
		},
		"headers": {
			words: "GET W/end?s={sid}", block: "header authorization \"Bearer admin-secret\"\nheader X-Literal {sid}x", method: "GET", path: "/end", query: "s=" + pathSID,
			header: map[string]string{"Authorization": "Bearer admin-secret"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "headers" { // no placeholder of ours has a meaning there
				if _, err := loadSite(t, providerConfig("https://sso.example.com", "server_logout POST https://sso.example.com/{sid} {\nheader X-Literal {sid}x\n}")); err == nil || !strings.Contains(err.Error(), "header X-Literal: ") {
					t.Errorf("%v", err)
				}
				tc.block, _, _ = strings.Cut(tc.block, "\n")
			}
			w := labtest.NewWire(t, nil)
			so := serverLogoutSite(t, w, tc.words, tc.block)
			logged := so.alone(8)
			so.clickWith(so.op.IDToken(edgeClient, sub, sid, nil))
			if len(w.Requests()) != 1 {
				t.Fatalf("%d requests\n%s", len(w.Requests()), logsOf(logged))
			}
			got := w.Requests()[0]
			if got.Method != tc.method || got.Path != tc.path || got.Query != tc.query || got.Body != tc.body {
				t.Errorf("%s %s?%s %s", got.Method, got.Path, got.Query, got.Body)
			}
			for header, want := range tc.header {
				if got.Header.Get(header) != want {
					t.Errorf("%s is %q", header, got.Header.Get(header))
				}
			}
			if got.Header.Get("Cookie") != "" {
				t.Error("with the user's cookies")
			}
			wantQuiet(t, logged, sid, sub, "admin-secret")
		})
	}
}

// TestForgedTokensNeverCall: only a token whose signature is right, of
// this issuer, for a client of ours, not too old, makes a request.
func TestForgedTokensNeverCall(t *testing.T) {
	claims := func(change map[string]any) func(*signOn) string {
		return func(so *signOn) string {
			return so.op.IDToken(edgeClient, "ana", "sid-1", func(c map[string]any) { maps.Copy(c, change) })
		}
	}
	forged := func(how oidctest.Forgery) func(*signOn) string {
		return func(so *signOn) string { return so.op.Forge(how, so.op.IDToken(edgeClient, "ana", "sid-1", nil)) }
	}
	for name, tc := range map[string]struct {
		token func(*signOn) string
		calls int
	}{
		"good":                   {claims(nil), 1},
		"expired":                {claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), 1},
		"expired for 23 hours":   {claims(map[string]any{"exp": time.Now().Add(-23 * time.Hour).Unix()}), 1},
		"expired for 31 days":    {claims(map[string]any{"exp": time.Now().Add(-31 * 24 * time.Hour).Unix()}), 0},
		"that never expires":     {claims(map[string]any{"exp": nil}), 0},
		"that expires in words":  {claims(map[string]any{"exp": "today"}), 0},
		"foreign key":            {forged(oidctest.ForeignKey), 0},
		"unknown kid":            {forged(oidctest.UnknownKid), 0},
		"alg none":               {forged(oidctest.AlgNone), 0},
		"public key as secret":   {forged(oidctest.PublicKeyAsSecret), 0},
		"tampered":               {forged(oidctest.Tampered), 0},
		"another issuer":         {claims(map[string]any{"iss": "https://evil.example"}), 0},
		"another audience":       {claims(map[string]any{"aud": "somebody"}), 0},
		"no audience":            {claims(map[string]any{"aud": nil}), 0},
		"an access token by typ": {claims(map[string]any{"typ": "Bearer"}), 0},
		"an access token, scope": {claims(map[string]any{"scope": "openid"}), 0},
		"an access token, at+jwt": {func(so *signOn) string {
			return so.op.Sign("at+jwt", map[string]any{"iss": so.op.Issuer(), "sub": "ana", "aud": edgeClient, "sid": "s", "iat": time.Now().Unix()})
		}, 0},
		"a logout token":  {claims(map[string]any{"events": map[string]any{}}), 0},
		"no sub":          {claims(map[string]any{"sub": ""}), 0},
		"sub is a number": {claims(map[string]any{"sub": 7}), 0},
		"sid is a list":   {claims(map[string]any{"sid": []string{"a"}}), 0},
		"junk":            {func(*signOn) string { return "eyJhbGciOiJSUzI1NiJ9.e30.AAAA" }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := labtest.NewWire(t, nil)
			so := serverLogoutSite(t, w, "POST W/{sid}?u={sub}", "")
			so.alone(8)
			so.clickWith(tc.token(so))
			if n := len(w.Requests()); n != tc.calls {
				t.Errorf("%d requests, want %d", n, tc.calls)
			}
		})
	}
}

// TestOddSessionNames: what could mean something in an address or a body
// never gets there, not even from a token that is right.
func TestOddSessionNames(t *testing.T) {
	t.Parallel()
	w := labtest.NewWire(t, nil)
	so := serverLogoutSite(t, w, "POST W/admin/{sid}", "body application/json `{\"u\":\"{sub}\"}`")
	logged := so.alone(8)
	odd := []string{"", "/", "a/b", "..", ".", "...", "../users", "a?b", "a#b", "%2e%2e", "a%", "a b", " ", `a"b`, `a\b`, "a'b", "a\r\nX: y", "a\nb", "a\x00b", "a,b", "a;b", "a&b", "a=b", "a{b}", "<a>", "ä", "\u202ea", strings.Repeat("a", 256)}
	for _, name := range odd {
		so.clickWith(so.op.IDToken(edgeClient, "ana", "x", func(c map[string]any) { c["sid"] = name }))
		so.clickWith(so.op.IDToken(edgeClient, "ana", "x", func(c map[string]any) { c["sub"] = name }))
	}
	if n := len(w.Requests()); n != 0 {
		t.Errorf("%d requests, such as %s %s", n, w.Requests()[0].Path, w.Requests()[0].Body)
	}
	for _, name := range []string{strings.Repeat("a", 255), "..a", "a.b"} {
		before := len(w.Requests())
		so.clickWith(so.op.IDToken(edgeClient, "ana", name, nil))
		if n := len(w.Requests()) - before; n != 1 || w.Requests()[before].Path != "/admin/"+name {
			t.Errorf("%q: %d requests", name, n)
		}
	}
	wantQuiet(t, logged, "users", "aaaaaa", "\u202e")
}

// TestServerLogoutAnswers: which statuses are good, which are tried again, and
// that nothing of it gets into the log.
func TestServerLogoutAnswers(t *testing.T) {
	elsewhere := labtest.NewWire(t, nil)
	for name, tc := range map[string]struct {
		block  string
		answer func(n int, w http.ResponseWriter, r *http.Request)
		calls  int
		fails  string
	}{
		"204":            {"", always(204), 1, ""},
		"201":            {"", always(201), 1, ""},
		"404":            {"", always(404), 1, "status 404"},
		"404 is fine":    {"success 204 404", always(404), 1, ""},
		"200 is not":     {"success 204", always(200), 1, "status 200"},
		"503 once":       {"", first(503), 2, ""},
		"500 once":       {"", first(500), 2, ""},
		"429 once":       {"", first(429), 2, ""},
		"no answer once": {"timeout 400ms", func(n int, _ http.ResponseWriter, r *http.Request) { hangFirst(n, r) }, 2, ""},
		"cut off once":   {"", func(n int, _ http.ResponseWriter, _ *http.Request) { cutFirst(n) }, 2, ""},
		"redirects": {"", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(307)
		}, 1, "status 307"},
		"redirects, is fine": {"success 302", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(302)
		}, 1, ""},
		"a long page": {"", func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 4<<20)) }, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := labtest.NewWire(t, tc.answer)
			so := serverLogoutSite(t, w, "POST W/{sid}?u={sub}", "header Authorization \"Bearer admin-secret\"\n"+tc.block)
			logged := so.alone(8)
			so.site.app.work.Retries = soon
			so.clickWith(so.op.IDToken(edgeClient, "ana-the-user", "sid-of-hers", nil))
			if n := len(w.Requests()); n != tc.calls {
				t.Errorf("%d requests, want %d", n, tc.calls)
			}
			failed := logged.FilterMessage("server_logout failed")
			if failed.Len() > 0 != (tc.fails != "") || tc.fails != "" && !strings.Contains(logsOf(failed), tc.fails) {
				t.Errorf("logged:\n%s", logsOf(logged))
			}
			wantQuiet(t, logged, "admin-secret", "ana-the-user", "sid-of-hers")
		})
	}
	t.Cleanup(func() {
		if n := len(elsewhere.Requests()); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

func always(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func first(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.WriteHeader(code)
		}
	}
}

func hangFirst(n int, r *http.Request) {
	if n == 1 {
		<-r.Context().Done()
	}
}

func cutFirst(n int) {
	if n == 1 {
		panic(http.ErrAbortHandler)
	}
}

// TestServerLogoutOfTheJustInTimeToken: the token that the silent question
// brings serves as well, once.
func TestServerLogoutOfTheJustInTimeToken(t *testing.T) {
	t.Parallel()
	w := labtest.NewWire(t, nil)
	so := newSignOn(t, signOnConfig{options: "server_logout DELETE " + w.URL + "/sessions/{sid}"})
	logged := so.alone(8)
	so.wantEnded(so.click())
	eventually(t, "it is called", func() bool { return so.isIdle() && len(w.Requests()) > 0 })
	if seen := w.Requests(); len(seen) != 1 || seen[0].Path != "/sessions/"+url.QueryEscape(so.sid) {
		t.Errorf("%d requests", len(seen))
	}
	wantQuiet(t, logged, so.sid)
}

// TestServerLogoutErrorsTellNothing: an error about a header says which, and
// not what was to stand in it.
func TestServerLogoutErrorsTellNothing(t *testing.T) {
	t.Setenv("UL_LINES", "admin-secret\r\nX: y")
	w := httptest.NewServer(http.NotFoundHandler())
	defer w.Close()
	_, err := loadSite(t, providerConfig("https://sso.example.com", "server_logout POST "+w.URL+"/{sid} {\nheader Authorization {env.UL_LINES}\n}"))
	if err == nil || !strings.Contains(err.Error(), "header Authorization") || strings.Contains(err.Error(), "admin-secret") {
		t.Errorf("%v", err)
	}
	_, err = loadSite(t, providerConfig("https://sso.example.com", "server_logout POST "+w.URL+"/{sid} {\nheader \"Author ization\" admin-secret\n}"))
	if err == nil || !strings.Contains(err.Error(), "Author ization") || strings.Contains(err.Error(), "admin-secret") {
		t.Errorf("%v", err)
	}
}

// soon is a schedule for tests that do not measure it.
var soon = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}

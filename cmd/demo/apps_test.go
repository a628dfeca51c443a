package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser is a client with cookies that does not follow redirects.
type browser struct {
	*http.Client
	t    *testing.T
	base string
}

func newBrowser(t *testing.T, client *http.Client, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *client
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{Client: &c, t: t, base: base}
}

// open opens one app for a browser, without Caddy.
func open(t *testing.T, name string) *browser {
	t.Helper()
	for _, s := range newSites(8443) {
		if s.Name == name {
			srv := httptest.NewTLSServer(s.handler) // the cookies are Secure
			t.Cleanup(srv.Close)
			return newBrowser(t, srv.Client(), srv.URL)
		}
	}
	t.Fatalf("no app %q", name)
	return nil
}

func (b *browser) get(path string) (int, string) {
	b.t.Helper()
	return b.read(b.Get(b.base + path))
}

func (b *browser) post(path string, form url.Values) (int, string) {
	b.t.Helper()
	return b.read(b.PostForm(b.base+path, form))
}

func (b *browser) read(resp *http.Response, err error) (int, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location") + "\n" + string(body)
}

// want fails the test unless an answer has this status and contains this text.
func want(t *testing.T, what string, status int, body string, wantStatus int, wantText string) {
	t.Helper()
	if status != wantStatus || !strings.Contains(body, wantText) {
		t.Fatalf("%s: got %d and\n%s\nwant %d and %q", what, status, body, wantStatus, wantText)
	}
}

func csrfIn(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="csrf" value="(\w+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no CSRF token in\n%s", page)
	}
	return m[1]
}

func TestNotesLogOutByLink(t *testing.T) {
	b := open(t, "Notes")
	status, body := b.get("/")
	want(t, "signed out", status, body, 302, "/login\n")
	status, body = b.post("/login", url.Values{"name": {"Ana <b>"}})
	want(t, "sign in", status, body, 303, "/\n")
	status, body = b.get("/")
	want(t, "page", status, body, 200, "<b>Ana &lt;b&gt;</b>")
	want(t, "sessions", status, body, 200, `<dd id="live">1</dd>`)
	status, body = b.get("/login")
	want(t, "signed in already", status, body, 302, "/\n")

	copied := b.Jar.Cookies(mustParse(t, b.base))
	status, body = b.get("/logout")
	want(t, "log out", status, body, 302, "/login\n")
	status, body = b.get("/login")
	want(t, "sessions", status, body, 200, `<dd id="live">0</dd>`)

	b.Jar.SetCookies(mustParse(t, b.base), copied)
	status, body = b.get("/")
	want(t, "a copied cookie of a session that ended", status, body, 302, "/login\n")
}

func TestShopLogsOutByFormWithToken(t *testing.T) {
	b := open(t, "Shop")
	b.post("/login", url.Values{"name": {"Ana"}})
	status, body := b.post("/session/end", url.Values{"csrf": {"wrong"}})
	want(t, "wrong token", status, body, 403, "CSRF")
	status, body = b.get("/session/end")
	want(t, "GET", status, body, 405, "")
	status, page := b.get("/")
	want(t, "still signed in", status, page, 200, "<b>Ana</b>")
	status, body = b.post("/session/end", url.Values{"csrf": {csrfIn(t, page)}})
	want(t, "log out", status, body, 200, "Goodbye.\n")
	status, body = b.get("/login")
	want(t, "sessions", status, body, 200, `<dd id="live">0</dd>`)
}

func TestChatLogsOutByFetch(t *testing.T) {
	b := open(t, "Chat")
	status, body := b.get("/")
	want(t, "page", status, body, 200, "/chat.js")
	status, body = b.post("/api/login", url.Values{"name": {"Ana"}})
	want(t, "sign in", status, body, 200, `"Ana"`)
	status, body = b.get("/api/me")
	want(t, "signed in", status, body, 200, `{"live":1,"user":"Ana"}`)
	status, body = b.post("/api/logout", nil)
	want(t, "log out", status, body, 200, `{"ok":true}`)
	status, body = b.get("/api/me")
	want(t, "signed out", status, body, 200, `{"live":0,"user":""}`)
}

func TestSignInNeedsAName(t *testing.T) {
	for app, path := range map[string]string{"Notes": "/login", "Shop": "/login", "Chat": "/api/login"} {
		for _, name := range []string{"", "  ", strings.Repeat("x", 41), "\xff"} {
			status, body := open(t, app).post(path, url.Values{"name": {name}})
			want(t, app, status, body, 400, "Please give a name")
		}
	}
}

func TestPagesNeedNothingFromElsewhere(t *testing.T) {
	b := open(t, "Notes")
	for _, path := range []string{"/style.css", "/kept.js", "/chat.js"} {
		status, body := b.get(path)
		want(t, path, status, body, 200, "")
		if strings.Contains(body, "http://") || strings.Contains(body, "https://") {
			t.Errorf("%s names another site", path)
		}
	}
	if status, _ := b.get("/pages/parts.html"); status != 404 {
		t.Errorf("a template is served as it is: %d", status)
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

package main

import (
	"crypto/tls"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

// browser is a client with cookies, at one of the sites. It does not follow redirects unless told to.
type browser struct {
	*http.Client
	t    *testing.T
	base string
}

func newBrowser(t *testing.T, client *http.Client, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		t.Fatal(err)
	}
	c := *client
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{Client: &c, t: t, base: base}
}

// direct makes requests of the demo without Caddy.
type direct struct{ *demo }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := backChannel{d.demo}.RoundTrip(r)
	if err == nil {
		res.Request, res.TLS = r, &tls.ConnectionState{}
	}
	return res, err
}

// open opens one app in a browser, without Caddy.
func open(t *testing.T, name string) (*browser, *demo) {
	t.Helper()
	d := newDemo(8443)
	for _, s := range d.sites() {
		if s.Name == name {
			return newBrowser(t, &http.Client{Transport: direct{d}}, s.URL), d
		}
	}
	t.Fatalf("no app %q", name)
	return nil, nil
}

// at is the same browser at another site.
func (b *browser) at(s *site) *browser {
	other := *b
	other.base = s.URL
	return &other
}

func (b *browser) get(path string) (int, string) {
	b.t.Helper()
	return b.read(b.Get(b.base + path))
}

func (b *browser) post(path string, form url.Values) (int, string) {
	b.t.Helper()
	return b.read(b.PostForm(b.base+path, form))
}

// follow opens a path, goes where it is sent, and returns where it ended up.
func (b *browser) follow(path string) (at, page string) {
	b.t.Helper()
	c := *b.Client
	c.CheckRedirect = nil
	return b.arrive(c.Get(b.base + path))
}

// submit fills in the form of a page, sends it and goes where it is sent.
func (b *browser) submit(page string, fields url.Values) (at, next string) {
	b.t.Helper()
	m := regexp.MustCompile(`<form method="post" action="([^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("no form in\n%s", page)
	}
	fields.Set("csrf", csrfIn(b.t, page))
	c := *b.Client
	c.CheckRedirect = nil
	return b.arrive(c.PostForm(html.UnescapeString(m[1]), fields))
}

func (b *browser) arrive(resp *http.Response, err error) (at, page string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.Request.URL.String(), string(body)
}

// signIn goes the whole way through the provider's form.
func (b *browser) signIn(user string) (page string) {
	b.t.Helper()
	at, form := b.follow("/login")
	if !strings.Contains(form, `type="password"`) {
		b.t.Fatalf("no password is asked for at %s\n%s", at, form)
	}
	at, page = b.submit(form, url.Values{"name": {user}, "password": {"demo"}})
	if at != b.base+"/" {
		b.t.Fatalf("signing in ended at %s\n%s", at, page)
	}
	return page
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

// has returns the browser's cookie of this name at this site, or nil.
func (b *browser) has(name string) *http.Cookie {
	for _, c := range b.Jar.Cookies(mustParse(b.t, b.base)) {
		if c.Name == name {
			return c
		}
	}
	return nil
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

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestNotesLogOutByLink(t *testing.T) {
	b, _ := open(t, "Notes")
	status, body := b.get("/")
	want(t, "signed out", status, body, 200, "Not signed in")
	page := b.signIn("Ana <b>")
	want(t, "page", 200, page, 200, "<b>Ana &lt;b&gt;</b>")
	want(t, "sessions", 200, page, 200, `<dd id="live" data-live="Notes">1</dd>`)
	status, body = b.get("/login")
	want(t, "signed in already", status, body, 302, "/\n")

	copied := b.Jar.Cookies(mustParse(t, b.base))
	status, body = b.get("/logout")
	want(t, "log out", status, body, 302, "/\n")
	status, body = b.get("/")
	want(t, "sessions", status, body, 200, `<dd id="live" data-live="Notes">0</dd>`)

	b.Jar.SetCookies(mustParse(t, b.base), copied)
	status, body = b.get("/")
	want(t, "a copied cookie of a session that ended", status, body, 200, "Not signed in")
}

func TestShopLogsOutByFormWithToken(t *testing.T) {
	b, _ := open(t, "Shop")
	b.signIn("Ana")
	if b.has("idToken") == nil {
		t.Error("the ID token is not in its cookie")
	}
	status, body := b.post("/session/end", url.Values{"csrf": {"wrong"}})
	want(t, "wrong token", status, body, 403, "CSRF")
	status, body = b.get("/session/end")
	want(t, "GET", status, body, 405, "")
	status, page := b.get("/")
	want(t, "still signed in", status, page, 200, "<b>Ana</b>")
	status, body = b.post("/session/end", url.Values{"csrf": {csrfIn(t, page)}})
	want(t, "log out", status, body, 200, "Goodbye.\n")
	status, body = b.get("/")
	want(t, "sessions", status, body, 200, `<dd id="live" data-live="Shop">0</dd>`)
	if b.has("idToken") != nil {
		t.Error("the ID token is still in its cookie")
	}
}

func TestChatLogsOutByFetch(t *testing.T) {
	b, _ := open(t, "Chat")
	page := b.signIn("Ana")
	want(t, "page", 200, page, 200, "/chat.js")
	if b.has("idToken") != nil {
		t.Error("the ID token left the server")
	}
	status, body := b.get("/state.json")
	want(t, "signed in", status, body, 200, `{"user":"Ana","live":{"Chat":1,"Login":1,"Notes":0,"Shop":0}}`)
	status, body = b.post("/api/logout", nil)
	want(t, "log out", status, body, 200, `{"ok":true}`)
	status, body = b.get("/state.json")
	want(t, "signed out", status, body, 200, `{"user":"","live":{"Chat":0,"Login":1,"Notes":0,"Shop":0}}`)
}

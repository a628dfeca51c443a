package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

// logOutOf signs in at all apps, logs out of one as its own page would, goes wherever that leads, and looks at what is
// left.
func logOutOf(t *testing.T, b *browser, d *demo, clicked *site) {
	t.Helper()
	b.signIn("Ana")
	for _, s := range d.apps {
		if at, _ := b.at(s).follow("/login"); at != s.URL+"/" {
			t.Fatalf("%s: signing in with the provider's session ended at %s", s.Name, at)
		}
	}
	thief := b.copied(d.sites())
	for _, s := range d.apps {
		if user := thief.at(s).user(); user != "Ana" {
			t.Fatalf("%s: a copy of the session is %q's", s.Name, user)
		}
	}

	way, last := b.travel(b.logOut(clicked))
	if origin(last.url) != clicked.URL || !strings.Contains(strings.Join(way, "\n"), d.login.URL) {
		t.Errorf("the logout led to\n%s\nwant the provider, and back", strings.Join(way, "\n"))
	}

	for _, s := range d.apps {
		if b.at(s).has(sessionCookie) != nil || b.at(s).has("idToken") != nil {
			t.Errorf("%s: the browser still has a session cookie", s.Name)
		}
		if user := thief.at(s).user(); user != "" {
			t.Errorf("%s: the server still knows the session of %s", s.Name, user)
		}
	}
	if b.at(d.login).has("op_session") != nil {
		t.Error("the browser still has the provider's session cookie")
	}
	for _, who := range []*browser{b, thief} {
		if at, page := who.at(clicked).follow("/login"); !strings.Contains(page, `type="password"`) {
			t.Errorf("the next sign-in asks for no password, and ended at %s", at)
		}
	}
}

// logOut is the click on an app's own "log out". For an app that does it by script, it is the page's next step.
func (b *browser) logOut(s *site) step {
	b.t.Helper()
	home := pageAt(b.t, s.URL+"/")
	click := step{from: home, method: http.MethodPost}
	switch s.Name {
	case "Notes":
		click.method, click.to = http.MethodGet, mustParse(b.t, s.URL+"/logout")
	case "Chat":
		click.to = mustParse(b.t, s.URL+"/api/logout")
		status, body := b.read(b.Do(b.request(click, "cors", "empty")))
		want(b.t, "log out", status, body, 200, "")
		click = step{from: home, method: http.MethodGet, to: mustParse(b.t, s.URL+"/?signed-out")}
	case "Shop":
		_, page := b.at(s).get("/")
		click.to, click.form = mustParse(b.t, s.URL+"/session/end"), url.Values{"csrf": {csrfIn(b.t, page)}}
	}
	return click
}

// user is who is signed in at the site.
func (b *browser) user() string {
	b.t.Helper()
	status, body := b.get("/state.json")
	want(b.t, "state", status, body, 200, `{"user":"`)
	_, rest, _ := strings.Cut(body, `{"user":"`)
	user, _, _ := strings.Cut(rest, `"`)
	return user
}

// copied is another browser with the same cookies.
func (b *browser) copied(sites []*site) *browser {
	b.t.Helper()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range sites {
		u := mustParse(b.t, s.URL)
		jar.SetCookies(u, b.Jar.Cookies(u))
	}
	c := *b.Client
	c.Jar = jar
	other := *b
	other.Client = &c
	return &other
}

package main

import (
	"net/url"
	"strings"
	"testing"
)

func TestOneSignInForThreeApps(t *testing.T) {
	b, d := open(t, "Notes")
	b.signIn("Ana")
	for _, s := range d.apps {
		if at, _ := b.at(s).follow("/login"); at != s.URL+"/" {
			t.Errorf("%s: signing in again ended at %s", s.Name, at)
		}
		if b.at(s).has(sessionCookie) == nil {
			t.Errorf("%s: no session", s.Name)
		}
	}
	if n := d.provider.Sessions(); n != 1 {
		t.Errorf("%d sessions at the provider", n)
	}
	_, home := b.at(d.login).follow("/")
	want(t, "the provider's start page", 200, home, 200, `<dd id="live" data-live="Login">1</dd>`)
}

func TestSignInNeedsNameAndPassword(t *testing.T) {
	b, d := open(t, "Shop")
	_, form := b.follow("/login")
	want(t, "who asks", 200, form, 200, "Shop sends you here")
	for _, fields := range []url.Values{
		{"password": {"demo"}},
		{"name": {"Ana"}},
		{"name": {"  "}, "password": {"demo"}},
		{"name": {strings.Repeat("x", 41)}, "password": {"demo"}},
		{"name": {"\xff"}, "password": {"demo"}},
	} {
		_, page := b.submit(form, fields)
		want(t, "wrong", 401, page, 401, "Please give a name of up to 40 characters, and a password.")
	}
	if d.provider.Sessions() != 0 {
		t.Error("signed in")
	}
}

// TestSignInOfAnotherBrowserIsRefused: nobody can be made to sign in as somebody else.
func TestSignInOfAnotherBrowserIsRefused(t *testing.T) {
	b, d := open(t, "Notes")
	_, form := b.follow("/login")
	victim := newBrowser(t, b.Client, b.base)
	for _, path := range []string{"/callback", "/callback?state=&code=x", "/callback?state=guessed&code=x"} {
		status, page := victim.get(path)
		want(t, path, status, page, 400, "not begun in this browser")
	}
	status, page := b.get("/callback?error=access_denied&state=" + b.has(stateCookie).Value)
	want(t, "the provider says no", status, page, 400, "the provider gave no tokens")
	at, page := b.submit(form, url.Values{"name": {"Ana"}, "password": {"demo"}})
	if !strings.HasPrefix(at, b.base+callbackPath) || !strings.Contains(page, "not begun in this browser") {
		t.Errorf("an attempt works twice: %s\n%s", at, page)
	}
	if d.provider.Sessions() != 1 || b.has(sessionCookie) != nil {
		t.Error("the provider's session is there, the app's is not")
	}
}

// TestProviderAsksWhoCannotProveIt shows the provider's other pages.
func TestProviderAsksWhoCannotProveIt(t *testing.T) {
	b, d := open(t, "Chat")
	b.signIn("Ana")
	op := b.at(d.login)
	_, page := op.follow("/logout?client_id=chat")
	want(t, "confirmation", 200, page, 200, "Chat asks to sign you out")
	_, page = op.submit(page, url.Values{"logout": {"yes"}})
	want(t, "signed out", 200, page, 200, "You are signed out")
	_, page = op.follow("/logout?client_id=nobody")
	want(t, "error", 400, page, 400, "This client is not known here.")
	want(t, "sessions", 200, page, 200, `<dd id="live" data-live="Login">0</dd>`)
}

func TestPagesNeedNothingFromElsewhere(t *testing.T) {
	for _, name := range []string{"Notes", "Login"} {
		b, _ := open(t, name)
		for _, path := range []string{"/style.css", "/state.js", "/kept.js", "/chat.js", "/worker.js"} {
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
}

package appcall

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// FuzzCSRF: whatever a page and its Set-Cookie lines are like, what is made of
// them says what it should and nothing more.
func FuzzCSRF(f *testing.F) {
	for _, seed := range []string{`name="csrf" value="x&amp;y"`, `value=""`, "value=\"a\r\nb\"", "value=\"&#10;&#x0;\"", `value="+%26 ä"`} {
		f.Add([]byte(seed), "csrftoken=x; Path=/", "sessionid=one; a=b")
	}
	f.Add([]byte("x"), "sessionid=; Max-Age=0", "sessionid=one; s[a]=b; ;=;x")
	f.Add([]byte("x"), "a=b\x00c; Expires=x", "a=1; a=2")
	field := &CSRFToken{Pattern: regexp.MustCompile(`(?s)value="([^"]*)"`), Field: "t&="}
	header := &CSRFToken{Pattern: field.Pattern, Header: "X-Csrf"}
	sc, err := cookie.NewRules(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, page []byte, line, cookies string) {
		if token, found := field.find(page); found {
			form, err := url.ParseQuery(field.addTo(Call{Body: "a=1"}, token).Body)
			if err != nil || form.Get("t&=") != token || len(form) != 2 || form.Get("a") != "1" {
				t.Errorf("%q became %v", token, form)
			}
		}
		if token, found := header.find(page); found && !httpguts.ValidHeaderFieldValue(header.addTo(Call{Header: make(http.Header)}, token).Header.Get("X-Csrf")) {
			t.Errorf("%q goes into a header", token)
		}
		if !httpguts.ValidHeaderFieldValue(cookies) {
			return // never gets to us
		}
		r := httptest.NewRequest("GET", "https://app.example.com/", nil)
		r.Header.Set("Cookie", cookies)
		e := &sessionEnd{Ending: &Ending{Sessions: sc}, cookies: BrowserOf(r, origin.New("https", "app.example.com")).cookies, presented: sc.In(r.Header["Cookie"]), began: now}
		e.take(Result{Header: http.Header{"Set-Cookie": {line}}})
		sent := strings.Join(e.cookies, "; ")
		if !httpguts.ValidHeaderFieldValue(sent) || strings.Contains(sent, "universal-logout") && !strings.Contains(cookies+line, "universal-logout") {
			t.Errorf("%q after %q sends %q", cookies, line, sent)
		}
		cookie.Each([]string{sent}, func(name, _ string) bool {
			if cookie.IsOwn(name) {
				t.Errorf("sends our own %s", name)
			}
			return true
		})
		for _, c := range e.presented {
			if !strings.Contains(sent, c.Name+"=") && !strings.Contains(sent, c.Name) {
				t.Errorf("%q is not sent: %q", c.Name, sent)
			}
		}
		for _, c := range sc.In([]string{sent}) {
			if set := cookie.ParseSet(line, now); set.Expired && set.Name == c.Name && cookie.IsName(c.Name) && len(line) < cookie.MaxName && httpguts.ValidHeaderFieldValue(line) {
				t.Errorf("%q is sent although it was deleted", c.Name)
			}
		}
	})
}

package e2e

import (
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// Without JavaScript every site is a step of its own with one button, and all are ended.
func TestATourNeedsNoJavaScript(t *testing.T) {
	lab := newTourLab(t, "", "session_cookies sid", 2, 1)
	withOptions(t, browser.Options{NoScript: true}, func(t *testing.T, v *visitor) {
		s := lab.signIn(v)
		lab.logOut(v, lab.hosts[0])
		v.appears("#sign-out button")
		for was := lab.hosts[0]; was != lab.hosts[1]; {
			before := was
			v.click("#sign-out button")
			v.observe("page of another site", func() bool {
				page, _ := v.URL()
				host, _, ok := strings.Cut(strings.TrimPrefix(page, "https://"), "/.universal-logout/hop?plain")
				was = host
				return ok && host != before
			})
			v.appears("#sign-out button")
		}
		v.click("#sign-out button")
		v.appears("main[data-page=landing]")
		for host, sid := range s {
			if alive(t, lab.app.url, "sid", sid) {
				t.Errorf("%s: the app still honours the session", host)
			}
			if left := v.stateAt("https://" + host + "/").Cookies; len(left) > 0 {
				t.Errorf("%s: left in the browser: %v", host, left)
			}
		}
	})
}

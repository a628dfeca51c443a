package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// says tells whether "sign out everywhere" of a site says that the last one was not finished.
func (v *visitor) saysUnfinished(host string) bool {
	v.t.Helper()
	v.goTo("https://" + host + "/.universal-logout/")
	v.onOurPage("everywhere")
	text, err := v.Text("main")
	v.must(err, "reading the page")
	return strings.Contains(text, "not finished")
}

// Who closes the tab half-way is signed out where the tour has been, as signed in as before where it has not, and told so
// at the hub and where it began. The button there ends the rest; after that nobody says so any more.
func TestATourThatIsClosedHalfWay(t *testing.T) {
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		lab := planTour(t, "session_cookies sid", 2, 1, 1, 1)
		hub := "hub." + newDomain()
		lab.site[hub] = "universal_logout {\npaths off\n}\nrespond `hub`"
		// Two that wait, for somebody who is slow to close the tab.
		held := []*hold{lab.holdLogout(lab.hosts[2]), lab.holdLogout(lab.hosts[3])}
		lab.start(t, "hub https://"+hub)
		s := lab.signIn(v)

		first, err := v.Window()
		v.must(err, "reading the window's handle")
		_, err = v.NewTab()
		v.must(err, "opening a tab")
		lab.logOut(v, lab.hosts[0])
		held[0].wait(t)
		v.must(v.CloseWindow(), "closing the tab")
		v.must(v.SwitchTo(first), "going back to the first tab")

		last := lab.hosts[4]
		lab.wantAlive(v, sessions{last: s[last]})
		for _, host := range lab.hosts[:2] {
			if alive(t, lab.app.url, "sid", s[host]) {
				t.Errorf("%s: the app still honours the session", host)
			}
			v.wantNoCookies([]string{"sid"}, "https://"+host+"/")
		}
		for _, host := range []string{lab.hosts[0], hub} {
			if !v.saysUnfinished(host) {
				t.Errorf("%s does not say that the sign-out was not finished", host)
			}
		}
		for _, h := range held {
			close(h.release)
		}
		v.click("#sign-out button")
		v.onOurPage("landing")
		for _, host := range []string{hub, lab.hosts[0]} {
			if v.saysUnfinished(host) {
				t.Errorf("%s says after a whole sign-out that it was not finished", host)
			}
		}
		lab.wantEnded(v, s)
		for _, host := range append([]string{hub}, lab.hosts...) {
			v.goTo("https://" + host + "/.universal-logout/")
			// Firefox may list a cookie for a moment after it has emptied it.
			v.observe("end of our cookies at "+host, func() bool {
				cookies, err := v.Cookies()
				v.must(err, "reading cookies")
				return !slices.ContainsFunc(cookies, func(c browser.Cookie) bool { return c.Domain == host && strings.Contains(c.Name, ourCookies) })
			})
		}
	})
}

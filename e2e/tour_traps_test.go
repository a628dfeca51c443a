package e2e

import (
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// A page of a tour is no dead end if it leads somewhere: by a link, by a button, or because it is the app's.
const leadsOn = `document.readyState === "complete" && (document.title === "form" || document.querySelector("main a, main form:not([hidden]) button"))`

// Nothing that a browser does with the pages of a tour that is over does anything: not the Back button, not a reload. Who
// has signed in again stays signed in.
func TestNothingHappensOnTheWayBackFromATour(t *testing.T) {
	lab := newTourLab(t, "", "session_cookies sid", 2, 1)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		lab.signIn(v)
		lab.logOut(v, lab.hosts[0])
		v.onOurPage("landing")
		first, err := v.Window()
		v.must(err, "reading the window's handle")
		_, err = v.NewTab()
		v.must(err, "opening a tab")
		fresh := lab.signIn(v)
		v.must(v.CloseWindow(), "closing the tab")
		v.must(v.SwitchTo(first), "going back to the first tab")

		v.eval(nil, "location.reload()")
		v.onOurPage("landing")
		for range 8 {
			v.must(v.Back(), "going back")
			v.waitFor(leadsOn)
			if title, _ := v.Title(); title == "form" {
				break
			}
		}
		v.onTitle("form")
		lab.wantAlive(v, fresh)
	})
}

// Back in the middle of a tour leads to pages with a button that goes on.
func TestTheBackButtonInTheMiddleOfATour(t *testing.T) {
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		lab := planTour(t, "session_cookies sid", 2, 1, 1)
		held := lab.holdLogout(lab.hosts[2])
		lab.start(t, "")
		s := lab.signIn(v)
		lab.logOut(v, lab.hosts[0])
		held.wait(t)
		v.must(v.Back(), "going back")
		v.waitFor(leadsOn)
		close(held.release)
		lab.clickOn(v)
		lab.wantEndedOrListed(v, s)
	})
}

// clickOn clicks the buttons of a tour that stopped, until the landing page comes.
func (l *tourLab) clickOn(v *visitor) {
	v.t.Helper()
	for range 8 {
		v.waitFor(`document.readyState === "complete" && document.querySelector("main[data-page=landing], main form:not([data-tour]):not([hidden]) button")`)
		if _, err := v.Text("main[data-page=landing]"); err == nil {
			break
		}
		v.click("main form:not([hidden]) button")
		v.waitFor(`!document.querySelector("main form:not([data-tour]):not([hidden]) button") || !document.clicked`)
	}
	v.onOurPage("landing")
}

// wantEndedOrListed: an answer that was on its way when the person left the page is lost, and its cookies with it. Then the
// landing page says so (WebKit: the page goes on by itself in spite of Back).
func (l *tourLab) wantEndedOrListed(v *visitor, s sessions) {
	v.t.Helper()
	ended := sessions{}
	for host, sid := range s {
		if _, link := v.appLineOf(host); link == "" {
			ended[host] = sid
		}
		if alive(v.t, l.app.url, "sid", sid) {
			v.t.Errorf("%s: the app still honours the session", host)
		}
	}
	if len(ended) < len(s)-1 {
		v.t.Errorf("only %d of %d are ended", len(ended), len(s))
	}
	l.wantEnded(v, ended, "__Host-universal-logout-hop") // lives for a minute
}

// A reload in the middle of a tour goes on, if only by a button.
func TestAReloadInTheMiddleOfATour(t *testing.T) {
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		lab := planTour(t, "session_cookies sid", 2, 1, 1)
		held := lab.holdLogout(lab.hosts[2])
		lab.start(t, "")
		s := lab.signIn(v)
		lab.logOut(v, lab.hosts[0])
		held.wait(t)
		v.eval(nil, "location.reload()")
		close(held.release)
		lab.clickOn(v) // in Firefox
		lab.wantEndedOrListed(v, s)
	})
}

// Two tabs that log out at once, at the same site or at different ones, both arrive; what one of them is doing, the other
// does not call failed.
func TestTwoTabsTourAtOnce(t *testing.T) {
	lab := newTourLab(t, "", "session_cookies sid", 2, 1, 1)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		s := lab.signIn(v)
		v.goTo("https://" + lab.hosts[0] + "/form")
		first, err := v.Window()
		v.must(err, "reading the window's handle")
		second, err := v.NewTab()
		v.must(err, "opening a tab")
		v.goTo("https://" + lab.hosts[2] + "/form")
		v.eval(nil, `setTimeout(() => document.forms[0].submit(), 100)`)
		v.must(v.SwitchTo(first), "going back to the first tab")
		v.click("#out")
		for _, tab := range []string{first, second} {
			v.must(v.SwitchTo(tab), "changing tabs")
			v.onOurPage("landing")
			for _, host := range lab.hosts {
				if _, link := v.appLineOf(host); link != "" {
					text, _ := v.Text("main")
					t.Errorf("%s could not be ended: %q", host, text)
				}
			}
		}
		v.must(v.CloseWindow(), "closing the tab")
		v.must(v.SwitchTo(first), "going back to the first tab")
		lab.wantEnded(v, s)
	})
}

// Who signs in again, in another tab, where the tour has been already, stays signed in: at the site where it began, too.
func TestWhoSignsInDuringATourStaysSignedIn(t *testing.T) {
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		lab := planTour(t, "session_cookies sid", 2, 1)
		held := lab.holdLogout(lab.hosts[2])
		lab.start(t, "")
		old := lab.signIn(v)
		lab.logOut(v, lab.hosts[0])
		held.wait(t)
		first, err := v.Window()
		v.must(err, "reading the window's handle")
		_, err = v.NewTab()
		v.must(err, "opening a tab")
		fresh := sessions{}
		for _, host := range lab.hosts[:2] {
			fresh[host] = lab.seed(v, host, "")
		}
		close(held.release)
		v.must(v.CloseWindow(), "closing the tab")
		v.must(v.SwitchTo(first), "going back to the first tab")
		v.onOurPage("landing")
		lab.wantAlive(v, fresh)
		for host := range fresh {
			v.goTo("https://" + host + "/")
			if v.Engine == browser.WebKit && host != lab.hosts[0] {
				continue // its storage is cleared by a page of its own, at the end
			}
			if got := v.stored(); got.Local != 1 || got.Databases != 1 || got.Caches != 1 {
				t.Errorf("%s: what the fresh session stored is gone: %+v", host, got)
			}
			if alive(t, lab.app.url, "sid", old[host]) {
				t.Errorf("%s: the app still honours the old session", host)
			}
		}
	})
}

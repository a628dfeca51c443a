package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A tourLab is several sites behind one Caddy with the same session app behind them all. Each has its logout at /logout, a
// button for it at /form and a link at /link.
type tourLab struct {
	app     *sessionApp
	caddy   *caddyServer
	domains []string // in the order in which a tour goes through them, after the one where it begins
	hosts   []string // domain by domain
	site    sites    // a test may say something else about a host before start
}

// ourCookies is what the names of our own cookies have in common.
const ourCookies = "universal-logout"

// planTour invents sites on domains of the test's own: sites[i] is how many there are on the i-th.
func planTour(t *testing.T, words string, perDomain ...int) *tourLab {
	t.Helper()
	lab := &tourLab{app: startSessionApp(t), site: sites{}}
	for range perDomain {
		lab.domains = append(lab.domains, newDomain())
	}
	slices.Sort(lab.domains)
	lab.app.logout("/logout", goodbyeFor("sid"))
	lab.app.page("/form", `<!doctype html><title>form</title><form method=post action=/logout><button id=out>log out</button></form>`)
	lab.app.page("/link", `<!doctype html><title>link</title><a id=out href=/logout>log out</a>`)
	lab.app.page("/new-tab", `<!doctype html><title>new tab</title><a id=go target=_blank href=/form>new tab</a>`)
	for i, n := range perDomain {
		for k := range n {
			host := fmt.Sprintf("app%d.%s", k, lab.domains[i])
			lab.hosts = append(lab.hosts, host)
			lab.site[host] = lab.directive(words)
		}
	}
	return lab
}

// directive is a site with the session app behind the directive.
func (l *tourLab) directive(words string) string {
	return "universal_logout {\n" + words + "\n}\nreverse_proxy " + l.app.url
}

func (l *tourLab) start(t *testing.T, option string) *tourLab {
	t.Helper()
	l.caddy = startCaddy(t, option, l.site)
	return l
}

// newTourLab plans sites that are all alike, and starts them.
func newTourLab(t *testing.T, option, words string, perDomain ...int) *tourLab {
	t.Helper()
	return planTour(t, words, perDomain...).start(t, option)
}

// goodbyeFor is the answer to a logout of an app that deletes its cookie.
func goodbyeFor(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", name+"=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
		goodbye(w, r)
	}
}

// seed leaves something in every store of the origin, and its worker if there is one, and returns the session's id.
func (l *tourLab) seed(v *visitor, host, worker string) (sid string) {
	v.t.Helper()
	sid = v.signIn("https://" + host)
	v.fillStorage()
	if worker != "" {
		v.registerWorker("/worker.js?kind=" + worker)
	}
	return sid
}

// sessions are the sessions of one browser: host to session id.
type sessions map[string]string

// signIn signs in at some sites, at all of them by default.
func (l *tourLab) signIn(v *visitor, hosts ...string) sessions {
	v.t.Helper()
	if len(hosts) == 0 {
		hosts = l.hosts
	}
	s := sessions{}
	for _, host := range hosts {
		s[host] = v.signIn("https://" + host)
	}
	return s
}

// logOut clicks a site's button.
func (l *tourLab) logOut(v *visitor, host string) {
	v.t.Helper()
	v.goTo("https://" + host + "/form")
	v.click("#out")
}

// left is what the browser has of a site: names of cookies as it sends them to a path that all of them are for, and what
// is stored.
func (l *tourLab) left(v *visitor, host string) (cookies []string, storage stored) {
	v.t.Helper()
	cookies = v.stateAt("https://" + host + "/api/state").Cookies
	return cookies, v.stored()
}

// wantEnded checks in the browser that nothing of these sites is left but cookies called kept, and at the app that the
// sessions are gone.
func (l *tourLab) wantEnded(v *visitor, s sessions, kept ...string) {
	v.t.Helper()
	for host, sid := range s {
		if alive(v.t, l.app.url, "sid", sid) {
			v.t.Errorf("%s: the app still honours the session", host)
		}
		cookies, storage := l.left(v, host)
		cookies = slices.DeleteFunc(cookies, func(name string) bool { return slices.Contains(kept, name) })
		if len(cookies) > 0 || storage != (stored{}) {
			v.t.Errorf("%s: left in the browser: cookies %v, %+v", host, cookies, storage)
		}
	}
	l.wantNoneInJar(v, s, kept...)
}

// wantNoneInJar looks into the jar, of which Chromium tells everything, whatever path and partition it is for. Firefox
// lists cookies for a while that have expired.
func (l *tourLab) wantNoneInJar(v *visitor, s sessions, kept ...string) {
	v.t.Helper()
	cookies, err := v.Cookies()
	v.must(err, "reading cookies")
	for _, c := range cookies {
		domain := strings.TrimPrefix(c.Domain, ".")
		for host := range s {
			if (host == domain || strings.HasSuffix(host, "."+domain)) && c.Value != "" && !slices.Contains(kept, c.Name) {
				v.t.Errorf("left in the jar: %s of %s%s: %+v", c.Name, c.Domain, c.Path, c)
			}
		}
	}
}

// wantAlive checks that sessions are as good as ever, in the browser and at the app.
func (l *tourLab) wantAlive(v *visitor, s sessions) {
	v.t.Helper()
	for host, sid := range s {
		if !alive(v.t, l.app.url, "sid", sid) {
			v.t.Errorf("%s: the session is dead at the app", host)
		}
		if state := v.stateAt("https://" + host + "/"); state.User != "alice" {
			v.t.Errorf("%s: the browser has lost its session: %+v", host, state)
		}
	}
}

// A hold is a logout that waits.
type hold struct {
	reached chan struct{}
	release chan struct{}
}

// holdLogout makes a host's app wait in its logout, after it has ended the session, until it is released.
func (l *tourLab) holdLogout(host string) *hold {
	h := &hold{make(chan struct{}, 16), make(chan struct{})}
	l.app.logout(host+"/logout", func(w http.ResponseWriter, r *http.Request) {
		h.reached <- struct{}{}
		select {
		case <-h.release:
		case <-l.app.closing:
		}
		goodbyeFor("sid")(w, r)
	})
	return h
}

func (h *hold) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.reached:
	case <-time.After(10 * time.Second):
		t.Fatal("the tour never came to the app that waits")
	}
}

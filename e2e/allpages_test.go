package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A shownPage is one of the edge's pages, and the way there.
type shownPage struct {
	name string // of its pictures
	kind string
	show func(v *visitor)
}

// Names that look well in pictures. Nobody else uses these domains.
const (
	soloHost   = "app.example.com"
	portalHost = "portal.example.com"
	brokenHost = "reports.example.com"
	mailHost   = "mail.example.com"
	notesHost  = "notes.example.com"
	wikiHost   = "wiki.example.com"
	shopHost   = "shop.example.net"
	teamHost   = "team.example.org"
	chatHost   = "chat.example.org"
	filesHost  = "files.example.org"
	manyHost   = "tools.example.edu"
	otherHost  = "www.example.info" // somebody else's
)

var longHost = "a-" + strings.Repeat("very-", 11) + "long-name." + strings.Repeat("and-even-longer-", 3) + "department.example.dev"

// pagesLab is every app that the pages are about.
type pagesLab struct {
	app *sessionApp

	many int // apps at each of two sites; browsers keep no more than 180 cookies of a domain

	mu   sync.Mutex
	slow map[string]chan struct{} // by session: its logout waits until this is closed
}

func newPagesLab(t *testing.T, many int) *pagesLab {
	t.Helper()
	l := &pagesLab{app: startSessionApp(t), many: many, slow: map[string]chan struct{}{}}
	app := l.app
	app.page("/home", `<!doctype html><title>home</title><form method=post action=logout><button id=out>log out</button></form>`)
	app.logout("/logout", l.logout)
	app.logout(chatHost+"/logout", goodbye) // without a word about its cookie
	for _, host := range []string{brokenHost, filesHost} {
		app.mux.HandleFunc(host+"/logout", answer(http.StatusInternalServerError, "text/html", "<title>500</title>"))
	}
	app.page(otherHost+"/link", `<!doctype html><title>link</title><a id=go href="https://`+soloHost+`/logout">out</a>
		<form method=post action="https://`+mailHost+`/.universal-logout/"><button id=everywhere>out</button></form>`)
	proxied := "\n reverse_proxy " + app.url
	down := "provider main https://sso.example.com {\n end_session_endpoint https://sso.example.com/logout\n}"
	startCaddy(t, down, sites{
		soloHost:   "universal_logout {\n group solo\n}" + proxied,
		brokenHost: "universal_logout {\n group broken\n}" + proxied,
		portalHost: "universal_logout main" + proxied,
		mailHost:   "universal_logout" + proxied,
		notesHost:  "universal_logout" + proxied,
		wikiHost:   "universal_logout" + proxied,
		shopHost:   "universal_logout" + proxied,
		otherHost:  proxied,
	})
	startCaddy(t, "also Newsletter https://news.example.info/logout", sites{
		teamHost:  "universal_logout" + proxied,
		chatHost:  "universal_logout" + proxied,
		filesHost: "universal_logout" + proxied,
		manyHost:  l.manyApps(manyHost, ""),
		longHost:  l.manyApps(longHost, "/app7"),
	})
	return l
}

// manyApps are the directives of a site with many apps, one of which may be broken.
func (l *pagesLab) manyApps(host, broken string) string {
	site := "universal_logout {\n group many\n}\n"
	var cookies []string
	for i := range l.many {
		app, does := fmt.Sprintf("/app%d", i), "reverse_proxy "+l.app.url
		if app == broken {
			does = "respond 500"
		}
		site += "handle_path " + app + "/* {\n universal_logout {\n group many\n}\n " + does + "\n}\n"
		cookies = append(cookies, "sid={sid}; Path="+app+"; Secure; HttpOnly")
	}
	l.app.cookies[host] = cookies
	return site + "reverse_proxy " + l.app.url
}

// signOut signs in at every host, and out at the first.
func (l *pagesLab) signOut(v *visitor, hosts ...string) {
	v.t.Helper()
	for _, host := range hosts {
		v.signIn("https://" + host)
	}
	v.goTo("https://" + hosts[0] + "/home")
	v.click("#out")
}

// stuckAt signs out of several hosts, of which a slow one keeps the browser at the page of a host until release is called.
func (l *pagesLab) stuckAt(v *visitor, page, slow string) (release func()) {
	v.t.Helper()
	release = l.slowDown(v.signIn("https://" + slow))
	for _, host := range []string{notesHost, wikiHost, shopHost} {
		if host != slow {
			v.signIn("https://" + host)
		}
	}
	l.signOut(v, mailHost)
	l.hold(v, page)
	return release
}

// hold waits for a page that goes on by itself and keeps the browser there: the form that its script sends is no longer in
// the page, only its copy.
func (l *pagesLab) hold(v *visitor, host string) {
	v.t.Helper()
	v.waitFor(`location.host === args[0] && document.readyState === "complete" && (() => {
		const form = document.querySelector("form[data-tour]");
		form?.replaceWith(form.cloneNode(true));
		return form;
	})()`, host)
}

// pages are all kinds of pages.
func (l *pagesLab) pages() []shownPage {
	return []shownPage{
		{"confirmation", "confirmation", func(v *visitor) { v.goTo("https://" + otherHost + "/link"); v.click("#go") }},
		{"landing", "landing", func(v *visitor) { l.signOut(v, soloHost) }},
		{"landing-failed", "landing", func(v *visitor) { l.signOut(v, brokenHost) }},
		{"landing-provider-alive", "landing", func(v *visitor) { l.signOut(v, portalHost) }},
		{"landing-everywhere", "landing", func(v *visitor) { l.signOut(v, mailHost, notesHost, wikiHost, shopHost) }},
		{"landing-not-everywhere", "landing", func(v *visitor) { l.signOut(v, teamHost, chatHost, filesHost) }},
		{"landing-many", "landing", func(v *visitor) {
			v.signIn("https://" + longHost)
			v.signIn("https://" + manyHost)
			v.goTo("https://" + manyHost + "/app0/home")
			v.click("#out")
		}},
		{"landing-bare", "landing", func(v *visitor) { v.goTo("https://" + soloHost + "/.universal-logout/done") }},
		{"everywhere", "everywhere", func(v *visitor) {
			v.signIn("https://" + mailHost)
			v.goTo("https://" + mailHost + "/.universal-logout/")
		}},
		{"everywhere-asked", "everywhere", func(v *visitor) { v.goTo("https://" + otherHost + "/link"); v.click("#everywhere") }},
		{"everywhere-unfinished", "everywhere", func(v *visitor) {
			l.stuckAt(v, mailHost, wikiHost)()
			v.goTo("https://" + mailHost + "/.universal-logout/")
		}},
		{"hop", "progress", func(v *visitor) { l.stuckAt(v, mailHost, wikiHost)() }},
		{"hop-without-script", "progress", func(v *visitor) {
			l.stuckAt(v, shopHost, shopHost)()
			v.goTo("https://" + shopHost + "/.universal-logout/hop?plain")
		}},
		{"over", "progress", func(v *visitor) { v.goTo("https://" + soloHost + "/.universal-logout/hop") }},
		{"error", "error", func(v *visitor) { v.goTo("https://" + soloHost + "/.universal-logout/no-such-page") }},
	}
}

// show opens a page and waits for it.
func (l *pagesLab) show(v *visitor, p shownPage) {
	v.t.Helper()
	p.show(v)
	v.onOurPage(p.kind)
}

// logout answers when the test lets it.
func (l *pagesLab) logout(w http.ResponseWriter, r *http.Request) {
	var wait chan struct{}
	if c, err := r.Cookie("sid"); err == nil {
		l.mu.Lock()
		wait = l.slow[c.Value]
		l.mu.Unlock()
	}
	if wait != nil {
		select {
		case <-wait:
		case <-r.Context().Done():
		}
	}
	w.Header().Set("Set-Cookie", "sid=; Path=/; Max-Age=0; Secure") // as most apps do, and the page then says so
	goodbye(w, r)
}

// slowDown keeps the logout of a session from being answered until release is called.
func (l *pagesLab) slowDown(sid string) (release func()) {
	wait := make(chan struct{})
	l.mu.Lock()
	l.slow[sid] = wait
	l.mu.Unlock()
	return func() { close(wait) }
}

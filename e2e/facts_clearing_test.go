package e2e

import (
	"fmt"
	"net/http"
	"testing"
)

const (
	clearCookies = `Clear-Site-Data: "cookies"`
	clearStorage = `Clear-Site-Data: "storage"`
	clearCache   = `Clear-Site-Data: "cache"`
	clearBoth    = `Clear-Site-Data: "cookies", "storage"`
)

// left tells on a page that was just opened what became of the cookie and the entry of localStorage.
func (l *factLab) left(place string) string {
	l.v.t.Helper()
	cookies := l.request(place).cookies
	var entries int
	l.v.eval(&entries, "return localStorage.length")
	switch {
	case cookies == "" && entries == 0:
		return "clears both"
	case cookies == "":
		return "clears cookies"
	case entries == 0:
		return "clears storage"
	}
	return "clears nothing"
}

// seedBoth leaves a cookie and an entry of localStorage.
func (l *factLab) seedBoth(host string) {
	l.v.t.Helper()
	l.v.goTo(at(host+"/seed", "Set-Cookie: sid=1; Secure"))
	l.v.eval(nil, "localStorage.draft = 'secret'")
}

// Clear-Site-Data works on every status; in WebKit on all but redirects.
func TestBrowserFactClearSiteDataByStatus(t *testing.T) {
	const rests = "what must be cleared is cleared by a page with 200, on every hop and at the end (answer.go, serve_done.go); a redirect's header is an extra"
	onRedirects := perEngine{"clears both", "clears both", "clears nothing"}
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		for _, c := range []struct {
			status int
			known  perEngine
		}{
			{200, everywhere("clears both")},
			{404, everywhere("clears both")},
			{301, onRedirects},
			{302, onRedirects},
			{303, onRedirects},
			{307, onRedirects},
			{308, onRedirects},
		} {
			l.seedBoth(host)
			after := fmt.Sprint("/after", c.status)
			if c.status < 300 || c.status >= 400 {
				v.goTo(reply{c.status, []string{clearBoth}}.at(host + "/clear"))
				v.goTo(at(host + after))
			} else {
				v.goTo(reply{c.status, []string{clearBoth, "Location: " + after}}.at(host + "/clear"))
			}
			v.wantFact(fmt.Sprint("Clear-Site-Data on ", c.status), l.left(host+after), c.known, rests)
		}
	})
}

// An answer without a page clears as well, and the person stays where they are.
func TestBrowserFactClearSiteDataWithoutAPage(t *testing.T) {
	const rests = "a script's logout is cleared for whatever the status is, and 204 evicts pages (answer.go, serve_done.go), but no person ever gets one"
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		after := func() string {
			v.goTo(at(host + "/after"))
			return l.left(host + "/after")
		}
		for _, status := range []int{http.StatusNoContent, http.StatusResetContent} {
			clearing := reply{status, []string{clearBoth}}.at(host + "/clear")
			l.seedBoth(host)
			v.eval(nil, `document.body.dataset.here = "yes"; location.href = args[0]`, clearing)
			v.waitFor(`!document.cookie && !localStorage.length`)
			var here bool
			v.eval(&here, `return document.body.dataset.here === "yes"`)
			v.wantFact(fmt.Sprintf("a navigation that is answered with %d leaves the page as it is", status), fmt.Sprint(here), everywhere("true"), rests)
			v.wantFact(fmt.Sprintf("Clear-Site-Data on %d for a navigation", status), after(), everywhere("clears both"), rests)

			l.seedBoth(host)
			v.eval(nil, `await fetch(args[0], {method: "POST"})`, clearing)
			v.wantFact(fmt.Sprintf("Clear-Site-Data on %d for a fetch", status), after(), everywhere("clears both"), rests)
		}
	})
}

// "cookies" means something else in every engine.
func TestBrowserFactScopeOfClearingCookies(t *testing.T) {
	const (
		rests = `"cookies" is sent only where the configuration asks for it and last of all, never with a cookie of ours, and every cookie is expired by name in any case (internal/cookie, answer.go, cookies.go)`
		all   = "__Host-parted __Host-x api dom here httponly strict"
		own   = "__Host-parted __Host-x api here httponly strict"
	)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		app, sibling, apex := "app."+l.domain, "sibling."+l.domain, l.domain
		hosts := []string{app, sibling, apex}
		for _, c := range []struct {
			by    string
			known map[string]perEngine
		}{
			{app, map[string]perEngine{
				app:     {"", "__Host-parted dom", ""},
				sibling: {"", all, own},
				apex:    {"", all, own},
			}},
			{apex, map[string]perEngine{
				app:     {"", own, own},
				sibling: {"", own, own},
				apex:    {"", "__Host-parted", ""},
			}},
		} {
			for _, host := range hosts {
				v.goTo(at(host+"/seed",
					"Set-Cookie: here=1; Path=/", "Set-Cookie: httponly=1; Path=/; Secure; HttpOnly", "Set-Cookie: strict=1; Path=/; Secure; SameSite=Strict",
					"Set-Cookie: api=1; Path=/api; Secure", "Set-Cookie: __Host-x=1; Path=/; Secure",
					"Set-Cookie: __Host-parted=1; Path=/; Secure; SameSite=None; Partitioned", "Set-Cookie: dom=1; Path=/; Secure; Domain="+l.domain))
			}
			for _, host := range hosts {
				if got := l.cookiesAt(host + "/api/before"); got != all {
					t.Fatalf("%s never had all cookies, only %q", host, got)
				}
			}
			v.goTo(at(c.by+"/clear", clearCookies, "Set-Cookie: new=1; Path=/; Secure"))
			for _, host := range hosts {
				v.wantFact(fmt.Sprintf(`%s sends Clear-Site-Data "cookies" and a new cookie; what is left at %s`, c.by, host),
					l.cookiesAt(host+"/api/after"), c.known[host], rests)
			}
		}
	})
}

func (s stored) String() string {
	return fmt.Sprintf("local %d, session %d, databases %d, caches %d, workers %d", s.Local, s.Session, s.Databases, s.Caches, s.Workers)
}

// "storage" means one origin, and only a page of that origin is sure to clear it.
func TestBrowserFactScopeOfClearingStorage(t *testing.T) {
	const (
		rests = "our pages dismiss service workers by script (internal/pages/script.html), and the tour over several sites has a stop in WebKit for each origin with storage"
		full  = "local 1, session 1, databases 1, caches 1, workers 1"
		none  = "local 0, session 0, databases 0, caches 0, workers 0"
		onlyW = "local 0, session 0, databases 0, caches 0, workers 1"
	)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		page, sibling, fetched := "page."+l.domain, "sibling."+l.domain, "fetched."+l.domain
		for _, host := range []string{page, sibling, fetched} {
			v.goTo(at(host+"/seed", "Set-Cookie: lax=1; Path=/; Secure; SameSite=Lax", "Set-Cookie: strict=1; Path=/; Secure; SameSite=Strict"))
			v.fillStorage()
			// One that handles no requests: Chromium can hang on "storage" in an answer that a worker fetched.
			v.eval(nil, `await navigator.serviceWorker.register("/worker.js"); await navigator.serviceWorker.ready`)
			v.waitFor(`(await navigator.serviceWorker.ready).active.state === "activated"`) // WebKit forgets one that is left before
		}
		left := func(host string) string {
			v.goTo(at(host + "/state"))
			return fmt.Sprint(v.stored())
		}
		v.goTo(at(page+"/clear", clearStorage))
		v.wantFact(`what a page with "storage" leaves of its origin`, left(page), perEngine{none, none, onlyW}, rests)
		v.wantFact(`what it leaves of a sibling`, left(sibling), everywhere(full), rests)

		v.goTo(at(page + "/fetches"))
		v.eval(nil, `await fetch(args[0], {method: "POST", credentials: "include", body: ""})`, at(fetched+"/site", clearStorage,
			"Access-Control-Allow-Origin: https://"+page, "Access-Control-Allow-Credentials: true",
			"Set-Cookie: lax=; Path=/; Secure; Max-Age=0", "Set-Cookie: strict=; Path=/; Secure; Max-Age=0"))
		v.wantFact("cookies that a same-site fetch carries", l.request(fetched+"/site").cookies, everywhere("lax strict"), rests)
		v.wantFact(`what a same-site fetch with "storage" leaves of the fetched origin`, left(fetched), perEngine{none, none, full}, rests)
		v.wantFact("cookies that it leaves where it expires them", l.request(fetched+"/state").cookies, everywhere(""), rests)
	})
}

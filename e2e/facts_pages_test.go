package e2e

import (
	"fmt"
	"testing"
)

// A page's form-action covers the redirects of its form's answer, too, except in Firefox.
func TestBrowserFactFormActionOnRedirects(t *testing.T) {
	const (
		rests   = "a logout by form is answered with a page that goes on by itself, never with a redirect to another host (answer.go)"
		sent    = "sent"
		blocked = "blocked"
	)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		own, next, third := "app."+l.domain, "next."+l.other, "third."+l.other
		for _, c := range []struct {
			formAction, to string
			redirect       int    // what to answers with, 0: a page
			ends           string // where that leads
			known          perEngine
		}{
			{"", next, 0, next, everywhere(sent)},
			{"https://" + next, next, 0, next, everywhere(sent)},
			{"'self'", next, 0, next, everywhere(blocked)},
			{"'none'", own, 0, own, everywhere(blocked)},
			{"'self'", own, 303, own, everywhere(sent)},
			{"'self'", own, 303, next, perEngine{blocked, sent, blocked}},
			{"https://" + next, next, 303, third, perEngine{blocked, sent, blocked}},
			{"https://" + next, next, 307, third, perEngine{blocked, sent, blocked}},
		} {
			policy := "Content-Security-Policy: default-src 'self'"
			if c.formAction != "" {
				policy += "; form-action " + c.formAction
			}
			v.goTo(at(own+"/page", policy))
			action, end := at(c.to+"/post"), c.ends+"/post"
			if c.redirect != 0 {
				end = c.ends + "/end"
				action = reply{c.redirect, []string{"Location: https://" + end}}.at(c.to + "/post")
			}
			v.eval(nil, `document.addEventListener("securitypolicyviolation", e => document.body.dataset.violated = e.effectiveDirective)`)
			v.post(action)
			v.waitFor(`document.title === args[0] || document.body?.dataset.violated === "form-action"`, end)
			got := blocked
			if title, err := v.Title(); err == nil && title == end {
				got = sent
			}
			v.wantFact(fmt.Sprintf("form-action %q, a form to %s, answer %d, to %s", c.formAction, c.to, c.redirect, c.ends), got, c.known, rests)
		}
	})
}

// Going back after a logout: what brings the app's page back as it was, without asking anybody.
func TestBrowserFactBackAfterALogout(t *testing.T) {
	const (
		rests = `the landing page fetches a second answer with "cache" where the configuration asks for "cache" (serve_done.go), and our own pages are no-store (internal/pages)`
		alive = "alive"
		gone  = "asks again"
	)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		for i, c := range []struct {
			what    string
			page    string // header of the app's page
			logout  string // and of the page after it
			fetches string // and of what that fetches
			known   perEngine
		}{
			{what: "nothing", known: everywhere(alive)},
			{what: `"cookies", "storage"`, logout: clearBoth, known: everywhere(alive)},
			{what: `"cache"`, logout: clearCache, known: perEngine{alive, alive, gone}},
			{what: `"cache", and a fetch answered with "cache"`, logout: clearCache, fetches: clearCache, known: everywhere(gone)},
			{what: "nothing, after a no-store page", page: "Cache-Control: no-store", known: perEngine{alive, gone, gone}},
			{what: "an expired cookie, after a no-store page", page: "Cache-Control: no-store", logout: "Set-Cookie: sid=; Path=/; Secure; Max-Age=0", known: everywhere(gone)},
		} {
			host := fmt.Sprintf("app%d.%s", i, l.domain)
			page, logout := host+"/page", host+"/logout"
			v.goTo(at(host+"/seed", "Set-Cookie: sid=1; Path=/; Secure"))
			v.goTo(at(page, c.page))
			v.eval(nil, `document.body.dataset.secret = "yes"`)
			v.goTo(at(logout, c.logout))
			if c.fetches != "" {
				v.eval(nil, `await fetch(args[0], {method: "POST"})`, at(host+"/evict", c.fetches))
			}
			v.must(v.Back(), "going back")
			v.onTitle(page)
			var secret string
			v.eval(&secret, "return document.body.dataset.secret || ''")
			got := gone
			if secret != "" {
				got = alive
			}
			v.wantFact("the app's page after a logout with "+c.what, got, c.known, rests)
		}
	})
}

// A single-page app's service worker answers page visits in place of the server; forms get through. WebKit asks the worker
// on some visits from another site and spares it on others.
func TestBrowserFactAppShellWorkers(t *testing.T) {
	const rests = "a logout by form is answered at once with the last page, which dismisses the worker, and each stop of the tour over several sites is entered by a form"
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		v.goTo(at(host + "/seed"))
		v.registerWorker("/worker.js?kind=shell")

		v.goTo(at(l.other + "/page"))
		v.eval(nil, "location.replace(args[0])", at(host+"/get"))
		v.waitFor(`document.readyState === "complete" && location.host === args[0]`, host)
		_, got := l.asked(host + "/get")
		v.wantFact("a page visit from another site reaches the server", fmt.Sprint(got), perEngine{"false", "false", "true or false"}, rests)

		v.goTo(at(l.other + "/page"))
		l.submit(at(host+"/post", clearStorage), host+"/post")
		v.wantFact("a form of another site reaches the server as a page visit", l.request(host+"/post").dest, everywhere("document"), rests)
		v.eval(nil, "for (const r of await navigator.serviceWorker.getRegistrations()) await r.unregister()")
		v.eval(nil, "location.replace(args[0])", at(host+"/after"))
		v.waitFor(`document.readyState === "complete" && location.pathname === "/after"`)
		_, got = l.asked(host + "/after")
		v.wantFact("the next page visit reaches the server once a page dismissed the worker", fmt.Sprint(got), everywhere("true"), rests)
	})
}

// A worker that fetches every page visit itself is seen in Sec-Fetch-Dest; Referer is still the page's.
func TestBrowserFactPageVisitsThroughAServiceWorker(t *testing.T) {
	const rests = "a page visit that came through a worker is told by Sec-Fetch-Dest, or in Firefox by Sec-Fetch-Mode and Accept (callerOf), and gets no Clear-Site-Data (answer.go)"
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		v.goTo(at(host + "/seed"))
		v.registerWorker("/worker.js?kind=pass-through")
		for _, from := range []struct {
			host  string
			known perEngine
		}{
			{host, perEngine{"same-origin/navigate/empty", "same-origin/same-origin/empty", "same-origin/navigate/empty"}},
			{l.other, perEngine{"cross-site/navigate/empty", "same-origin/same-origin/empty", "same-origin/navigate/empty or cross-site/navigate/document"}},
		} {
			v.goTo(at(from.host+"/from", "Referrer-Policy: strict-origin"))
			v.follow(at(host + "/get"))
			v.onTitle(host + "/get")
			r := l.request(host + "/get")
			v.wantFact("a page visit from "+from.host, r.fetchMetadata(), from.known, rests)
			v.wantFact("its Referer", r.referer, everywhere("https://"+from.host+"/"), rests)
		}
	})
}

package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// waysLab is a site on each of two domains, and a hub without an app on a third.
func waysLab(t *testing.T) (lab *tourLab, hub string) {
	lab = planTour(t, "session_cookies sid\npaths /logout /api/logout", 1, 1)
	hub = "hub." + newDomain()
	lab.site[hub] = "universal_logout {\npaths off\n}\nrespond `hub`"
	// As single-page apps have it: the script signs out, and then shows a page of the app's.
	lab.app.page("/spa", `<!doctype html><title>spa</title><button id=out>log out</button><script>
		out.onclick = async () => {
			const r = await fetch("/api/logout" + location.search, {method: "POST"});
			const answer = await r.json();
			location = answer.front_channel_logout_url || answer.redirect_url || "/goodbye";
		}</script>`)
	lab.app.page("/goodbye", `<!doctype html><title>the app's goodbye</title>`)
	lab.app.logout("/api/logout", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "json" {
			redirect(302, "/goodbye")(w, r) // of no use to a script: it gets our JSON
			return
		}
		answer(200, "application/json", "{}")(w, r)
	})
	return lab.start(t, "hub https://"+hub), hub
}

// However a logout begins, with a link, a form, a script or our own page at a site or at the hub, all sites are ended.
func TestEveryWayToLogOutGoesToAllSites(t *testing.T) {
	lab, hub := waysLab(t)
	first, last := lab.hosts[0], lab.hosts[1]
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, c := range []struct {
			name, start, click string
			title              string // of the app's page where it ends, ours without
		}{
			{name: "link", start: first + "/link", click: "#out"},
			{name: "form at another domain", start: last + "/form", click: "#out"},
			{name: "fetch, answered by the app", start: first + "/spa", click: "#out", title: "the app's goodbye"},
			{name: "fetch, answered by us", start: last + "/spa?json", click: "#out", title: "the app's goodbye"},
			{name: "everywhere, at a site", start: first + "/.universal-logout/", click: "#sign-out button"},
			{name: "everywhere, at the hub", start: hub + "/.universal-logout/", click: "#sign-out button"},
		} {
			s := lab.signIn(v)
			v.goTo("https://" + c.start)
			v.click(c.click)
			if c.title != "" {
				v.onTitle(c.title)
			} else {
				v.onOurPage("landing")
			}
			host, _, _ := strings.Cut(c.start, "/")
			v.waitFor("location.hostname === args[0]", host)
			lab.wantEnded(v, s)
			if t.Failed() {
				t.Fatalf("after %q", c.name)
			}
		}
	})
}

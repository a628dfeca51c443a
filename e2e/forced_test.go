package e2e

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// An attack is a page that tries to log its visitor out of somebody else's site.
type attack struct {
	name string
	// page is its HTML; {target} becomes the logout's address, {scripted} the same inside a script.
	page string
	// header is one more response header of the page: name, value.
	header [2]string
	// from is the site that has the page: foreign (the default), sibling or own.
	from string
	// click is what the visitor has to click on; "" if nothing.
	click string
	// worker: the attacked site has a pass-through service worker.
	worker bool
	// via is an open redirect of the foreign site on the way.
	via int
	// engines that send a request at all; nil for all.
	engines []browser.Engine
	// asked: the visitor sees the confirmation page; or newWindow: in another window.
	asked, newWindow bool
	// status that the request must get; 0 for any.
	status int
}

const (
	submitted = `<form method=post action="{target}"></form><script>document.forms[0].submit()</script>`
	unseen    = `<iframe name=unseen hidden></iframe><form method=post target=unseen action="{target}"></form><script>document.forms[0].submit()</script>`
)

var noReferrer = [2]string{"Referrer-Policy", "no-referrer"}

var attacks = []attack{
	{name: "link", page: `<a id=go href="{target}">free money</a>`, click: "#go", asked: true},
	{name: "link of a sibling", from: "sibling", page: `<a id=go href="{target}">free money</a>`, click: "#go", asked: true},
	{name: "link without referrer", page: `<a id=go rel=noreferrer href="{target}">free money</a>`, click: "#go", asked: true},
	{name: "link to a site with a worker", page: `<a id=go href="{target}">free money</a>`, click: "#go", worker: true, asked: true},
	{name: "script", page: `<script>location = {scripted}</script>`, asked: true},
	{name: "meta refresh", page: `<meta http-equiv=refresh content="0;url={target}">`, asked: true},
	{name: "window.open", page: `<button id=go onclick='window.open({scripted})'>free money</button>`, click: "#go", newWindow: true},
	{name: "302 over a foreign site from the own page", from: "own", page: `<a id=go href="{target}">help</a>`, click: "#go", via: 302, asked: true},
	{name: "307 over a foreign site from the own page", from: "own", page: `<form method=post action="{target}"><button id=go>vote</button></form>`, click: "#go", via: 307, asked: true},

	{name: "form", page: submitted, asked: true},
	{name: "form of a sibling", from: "sibling", page: submitted, asked: true},
	{name: "form without referrer", page: submitted, header: noReferrer, asked: true},
	{name: "form of a sandboxed page", page: submitted, header: [2]string{"Content-Security-Policy", "sandbox allow-forms allow-scripts"}, asked: true},
	{name: "link without referrer to a site with a worker", page: `<a id=go href="{target}">free money</a>`, header: noReferrer, click: "#go", worker: true, asked: true},
	{name: "form to a site with a worker", page: submitted, worker: true, asked: true},
	{name: "form without referrer to a site with a worker", page: submitted, header: noReferrer, worker: true, asked: true},
	{name: "form in a hidden frame", page: unseen},
	{name: "form in a hidden frame without referrer", page: unseen, header: noReferrer},

	{name: "image", page: `<img src="{target}">`},
	{name: "frame", page: `<iframe src="{target}"></iframe>`},
	{name: "object", page: `<object data="{target}"></object>`},
	{name: "script source", page: `<script src="{target}"></script>`},
	{name: "style sheet", page: `<link rel=stylesheet href="{target}">`},
	{name: "fetch", page: `<script>fetch({scripted}, {mode: "no-cors", credentials: "include"})</script>`},
	{name: "fetch by POST", page: `<script>fetch({scripted}, {mode: "no-cors", credentials: "include", method: "POST"})</script>`},
	{name: "fetch of a sibling", from: "sibling", page: `<script>fetch({scripted}, {mode: "no-cors", credentials: "include", method: "POST"})</script>`},
	{name: "fetch with CORS", page: `<script>fetch({scripted}, {credentials: "include", method: "POST"}).catch(() => {})</script>`},
	{name: "beacon", page: `<script>navigator.sendBeacon({scripted}, "x")</script>`},
	{name: "WebSocket", page: `<script>new WebSocket({scripted}.replace("https:", "wss:"))</script>`},

	// Not an attack but an accident: a browser that loads in advance what its user may visit next.
	{name: "prefetch", page: `<link rel=prefetch href="{target}">`, engines: []browser.Engine{browser.Chromium, browser.Firefox}, status: 503},
	{name: "prefetch of the own page", from: "own", page: `<link rel=prefetch href="{target}">`, engines: []browser.Engine{browser.Chromium, browser.Firefox}, status: 503},
	{
		name: "speculative prefetch of the own page", from: "own", engines: []browser.Engine{browser.Chromium}, status: 503,
		page: `<script type=speculationrules>{"prefetch": [{"source": "list", "urls": [{scripted}], "eagerness": "immediate"}]}</script>`,
	},
	{
		name: "speculative prerender of the own page", from: "own", engines: []browser.Engine{browser.Chromium}, status: 503,
		page: `<script type=speculationrules>{"prerender": [{"source": "list", "urls": [{scripted}], "eagerness": "immediate"}]}</script>`,
	},
}

// Nobody else can log a person out: not with anything that a page can make a browser do, even in a browser that lets
// foreign pages use its cookies, at an app whose cookie allows it and whose logout asks no questions.
func TestNoOtherPageCanLogAPersonOut(t *testing.T) {
	app, domain, foreign := startSessionApp(t), newDomain(), "www."+newDomain()
	victim, withWorker, sibling := "app."+domain, "worker."+domain, "other."+domain
	for _, host := range []string{victim, withWorker} {
		app.cookies[host] = []string{"sid={sid}; Path=/; Secure; HttpOnly; SameSite=None"}
		app.logout(host+"/logout", goodbye)
	}
	for i, a := range attacks {
		app.mux.HandleFunc("GET /attack/"+strconv.Itoa(i), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if a.header[0] != "" {
				w.Header().Set(a.header[0], a.header[1])
			}
			target := r.URL.Query().Get("target")
			fmt.Fprint(w, "<!doctype html><title>attack</title>", strings.NewReplacer(
				"{target}", html.EscapeString(target), "{scripted}", strconv.Quote(target)).Replace(a.page))
		})
	}
	app.mux.HandleFunc(foreign+"/redirect", func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		redirect(status, r.URL.Query().Get("to"))(w, r)
	})
	plain, protected := "reverse_proxy "+app.url, "universal_logout\n reverse_proxy "+app.url
	caddy := startCaddy(t, "", sites{victim: protected, withWorker: protected, sibling: plain, foreign: plain})

	withOptions(t, browser.Options{ThirdPartyCookies: true, Prefetch: true}, func(t *testing.T, v *visitor) {
		session := map[string]string{victim: v.signIn("https://" + victim), withWorker: v.signIn("https://" + withWorker)}
		v.registerWorker("/worker.js?kind=pass-through")

		for i, a := range attacks {
			if a.engines != nil && !slices.Contains(a.engines, v.Engine) {
				continue
			}
			host := victim
			if a.worker {
				host = withWorker
			}
			uri := fmt.Sprintf("/logout?n=%d-%s", i, v.Engine)
			target := "https://" + host + uri
			if a.via != 0 {
				target = fmt.Sprintf("https://%s/redirect?status=%d&to=%s", foreign, a.via, url.QueryEscape(target))
			}
			from := foreign
			switch a.from {
			case "sibling":
				from = sibling
			case "own":
				from = host
			}

			v.goTo(fmt.Sprintf("https://%s/attack/%d?target=%s", from, i, url.QueryEscape(target)))
			if a.click != "" {
				v.click(a.click)
			}
			switch {
			case a.asked:
				v.onOurPage("confirmation")
			case a.newWindow:
				v.inNewWindow(func() { v.onOurPage("confirmation") })
			}
			// It must have come as far as to us, or nothing was tested.
			sent := caddy.waitForRequest(t, a.name, func(e accessEntry) bool {
				return e.Request.Host == host && e.Request.URI == uri
			})
			if a.status != 0 && sent.Status != a.status {
				t.Errorf("%s: status %d, want %d", a.name, sent.Status, a.status)
			}

			if !alive(t, app.url, "sid", session[host]) {
				t.Errorf("%s: the session is dead at the app; request headers %v", a.name, sent.Request.Headers)
				session[host] = v.signIn("https://" + host)
			}
			if s := v.stateAt("https://" + host + "/"); s.User != "alice" {
				t.Errorf("%s: the browser has lost its session: %+v", a.name, s)
				session[host] = v.signIn("https://" + host)
			}
		}
	})
}

// A person who really wants to sign out, though the link was a stranger's, says so on the confirmation page.
func TestTheConfirmationPageLogsOut(t *testing.T) {
	app, host, foreign := startSessionApp(t), "app."+newDomain(), "www."+newDomain()
	app.logout(host+"/logout", goodbye)
	app.page(foreign+"/link", `<!doctype html><title>link</title><a id=go href="https://`+host+`/logout?a=b">out</a>`)
	app.page(foreign+"/form", `<!doctype html><title>form</title><form method=post action="https://`+host+`/logout?a=b"><button id=go>out</button></form>`)
	startCaddy(t, "", sites{host: "universal_logout\n reverse_proxy " + app.url, foreign: "reverse_proxy " + app.url})

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, by := range []string{"link", "form"} {
			sid := v.signIn("https://" + host)
			v.fillStorage()
			v.goTo("https://" + foreign + "/" + by)
			v.click("#go")
			v.onOurPage("confirmation")
			if !alive(t, app.url, "sid", sid) {
				t.Errorf("%s: logged out before the person agreed", by)
			}
			v.click("form#sign-out button")
			v.onOurPage("landing")
			if alive(t, app.url, "sid", sid) {
				t.Errorf("%s: the app still honours the session", by)
			}
			v.wantNoCookies([]string{"sid"}, "https://"+host+"/")
			v.wantNothingStored("https://" + host + "/")
		}
	})
}

// The address of a landing page works for the browser that logged out, once: whoever else is sent there, or the same
// person later, loses nothing.
func TestALandingPageClearsNothingForAnybodyElse(t *testing.T) {
	app, host, foreign := startSessionApp(t), "app."+newDomain(), "www."+newDomain()
	app.logout(host+"/logout", goodbye)
	app.page(host+"/home", `<!doctype html><title>home</title><a id=out href=/logout>out</a>`)
	app.mux.HandleFunc(foreign+"/link", func(w http.ResponseWriter, r *http.Request) {
		answer(200, "text/html", `<!doctype html><title>link</title><a id=go href="`+html.EscapeString(r.URL.Query().Get("to"))+`">look</a>`)(w, r)
	})
	startCaddy(t, "", sites{host: "universal_logout\n reverse_proxy " + app.url, foreign: "reverse_proxy " + app.url})

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		v.signIn("https://" + host)
		v.goTo("https://" + host + "/home")
		v.click("#out")
		v.onOurPage("landing")
		done, err := v.URL()
		v.must(err, "reading the landing page's address")

		sid := v.signIn("https://" + host)
		v.fillStorage()
		for _, address := range []string{done, "https://" + host + "/.universal-logout/done", "https://" + host + "/.universal-logout/done?t=x"} {
			v.goTo("https://" + foreign + "/link?to=" + url.QueryEscape(address))
			v.click("#go")
			v.onOurPage("landing")
		}
		if s := v.stateAt("https://" + host + "/"); s.User != "alice" || !alive(t, app.url, "sid", sid) {
			t.Errorf("the session is gone: %+v", s)
		}
		if got := v.stored(); got.Local != 1 || got.Session != 1 || got.Databases != 1 || got.Caches != 1 {
			t.Errorf("storage is gone: %+v", got)
		}
	})
}

// A site that the owner trusts may log people out without a question, although browsers keep some or all of the app's
// cookies from a request that another site's page started.
func TestATrustedSiteLogsOutWithoutAsking(t *testing.T) {
	app, portal := startSessionApp(t), "portal."+newDomain()
	type trust struct{ by, sameSite, host string }
	var all []trust
	s := sites{portal: "reverse_proxy " + app.url}
	for _, sameSite := range []string{"None", "Lax", "Strict"} {
		host := "app." + newDomain()
		s[host] = "universal_logout\n reverse_proxy " + app.url
		app.cookies[host] = []string{"sid={sid}; Path=/; Secure; HttpOnly; SameSite=" + sameSite}
		app.logout(host+"/logout", goodbye)
		app.page(portal+"/"+sameSite, fmt.Sprintf(`<!doctype html><title>portal</title><a id=link href="https://%[1]s/logout">out</a>
			<form method=post action="https://%[1]s/logout"><button id=form>out</button></form>`, host))
		all = append(all, trust{"link", sameSite, host}, trust{"form", sameSite, host})
	}
	startCaddy(t, "trusted_origins https://"+portal, s)

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, c := range all {
			sid := v.signIn("https://" + c.host)
			v.goTo("https://" + portal + "/" + c.sameSite)
			v.click("#" + c.by)
			v.onOurPage("landing")
			if alive(t, app.url, "sid", sid) {
				t.Errorf("by %s, SameSite=%s: the app still honours the session", c.by, c.sameSite)
			}
			v.wantNoCookies([]string{"sid"}, "https://"+c.host+"/")
		}
	})
}

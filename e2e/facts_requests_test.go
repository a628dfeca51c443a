package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// How many redirects in a row an engine follows. A page in between starts the count anew.
func TestBrowserFactRedirectLimit(t *testing.T) {
	const rests = "no way of ours has more than 19 redirects in a row (cookies.go, serve_sweep.go)"
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		// chain returns an address from which n redirects lead to a page with this path.
		chain := func(n int, path string) string {
			return fmt.Sprintf("https://%s/chain?left=%d&path=%s", host, n, path)
		}
		most := 0
		for _, n := range []int{19, 20, 21} {
			path := fmt.Sprint("/after", n)
			v.Go(chain(n, path)) // past the limit it is an error in some engines
			if _, ok := l.asked(host + path); ok {
				most = n
			}
		}
		v.wantFact("redirects followed", fmt.Sprint(most), perEngine{"19", "20", "20"}, rests)

		v.goTo(chain(15, "/between"))
		v.eval(nil, "location.replace(args[0])", chain(15, "/end"))
		v.onTitle(host + "/end")
	})
}

// fetchMetadata is what a request tells about where it comes from.
func (s seen) fetchMetadata() string { return s.site + "/" + s.mode + "/" + s.dest }

// What requests tell of who made them.
func TestBrowserFactFetchMetadata(t *testing.T) {
	const rests = "the guard (internal/guard) and what we take for a page visit (callerOf)"
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		v.goTo(at(host + "/typed"))
		v.wantFact("a typed address", l.request(host+"/typed").fetchMetadata(), everywhere("none/navigate/document"), rests)

		for _, from := range []struct{ host, site string }{
			{host, "same-origin"},
			{"sibling." + l.domain, "same-site"},
			{l.other, "cross-site"},
		} {
			tells := func(what, path, known string) {
				v.wantFact(what+" on a page that is "+from.site, l.request(host+path).fetchMetadata(), everywhere(from.site+"/"+known), rests)
			}
			v.goTo(at(from.host + "/from"))
			allowed := []string{"Access-Control-Allow-Origin: https://" + from.host, "Access-Control-Allow-Credentials: true"}
			for _, c := range []struct{ what, path, script, known string }{
				{"a fetch", "/fetch", `await fetch(args[0], {method: "POST", credentials: "include"})`, "cors/empty"},
				{"a fetch without CORS", "/no-cors", `await fetch(args[0], {method: "POST", mode: "no-cors"})`, "no-cors/empty"},
				{"an image", "/image", `await new Promise(done => { const i = new Image(); i.onload = i.onerror = done; i.src = args[0]; })`, "no-cors/image"},
				{"a frame", "/frame", `await new Promise(done => { const f = document.createElement("iframe"); f.onload = done; f.src = args[0]; document.body.append(f); })`, "navigate/iframe"},
			} {
				path := "/" + from.site + c.path
				v.eval(nil, c.script, at(host+path, allowed...))
				tells(c.what, path, c.known)
			}
			form, link := "/"+from.site+"/form", "/"+from.site+"/link"
			l.submit(at(host+form), host+form)
			tells("a form", form, "navigate/document")

			v.goTo(at(from.host + "/from"))
			v.follow(at(host + link))
			v.onTitle(host + link)
			tells("a link", link, "navigate/document")
		}

		v.goTo(at(host + "/from"))
		v.eval(nil, "location.href = args[0]", reply{303, []string{"Location: https://" + host + "/back"}}.at(l.other+"/redirect"))
		v.onTitle(host + "/back")
		v.wantFact("a redirect back from another site", l.request(host+"/back").fetchMetadata(), everywhere("cross-site/navigate/document"), rests)
	})
}

// source is what a request tells about the page that made it.
func (l *factLab) source(place string) string {
	l.v.t.Helper()
	r := l.request(place)
	host, _, _ := strings.Cut(place, "/")
	short := strings.NewReplacer("https://"+l.other, "other", "https://"+host, "own")
	return short.Replace(fmt.Sprintf("Origin %s, Referer %s", r.origin, r.referer))
}

// A POST tells the origin of its page unless the page withholds it.
func TestBrowserFactOriginOfAFormByReferrerPolicy(t *testing.T) {
	const rests = "the guard believes Origin, our own forms have a policy that keeps it, and apps that withhold it get a form of ours in between (internal/guard, internal/pages, serve_done.go)"
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		for _, c := range []struct {
			header                string
			sameOrigin, elsewhere perEngine
		}{
			{"", everywhere("Origin other, Referer other/page"), everywhere("Origin other, Referer other/")},
			{"Referrer-Policy: strict-origin", everywhere("Origin other, Referer other/"), everywhere("Origin other, Referer other/")},
			{"Referrer-Policy: same-origin", everywhere("Origin other, Referer other/page"), everywhere("Origin null, Referer ")},
			{"Referrer-Policy: no-referrer", everywhere("Origin null, Referer "), everywhere("Origin null, Referer ")},
			{
				"Content-Security-Policy: sandbox allow-forms allow-scripts",
				perEngine{"Origin null, Referer ", "Origin null, Referer other/", "Origin null, Referer other/page"},
				perEngine{"Origin null, Referer ", "Origin null, Referer other/", "Origin null, Referer other/"},
			},
		} {
			for _, target := range []struct {
				host, site string
				known      perEngine
			}{
				{l.other, "same-origin", c.sameOrigin},
				{"app." + l.other, "same-site", c.elsewhere},
				{"app." + l.domain, "cross-site", c.elsewhere},
			} {
				v.goTo(at(l.other+"/page", c.header))
				l.submit(at(target.host+"/post"), target.host+"/post")
				what := fmt.Sprintf("a form on a page with %q for a host that is %s", c.header, target.site)
				got, _, _ := strings.Cut(l.source(target.host+"/post"), "?")
				v.wantFact(what, got, target.known, rests)
				if strings.Contains(c.header, "sandbox") {
					target.site = "cross-site" // its origin is nobody's
				}
				v.wantFact("Sec-Fetch-Site of "+what, l.request(target.host+"/post").site, everywhere(target.site), rests)
			}
		}

		third := "third." + l.domain
		v.goTo(at(l.other + "/page"))
		l.submit(reply{307, []string{"Location: https://" + third + "/post"}}.at("app."+l.domain+"/post"), third+"/post")
		v.wantFact("a form whose answer is a 307 to a third host", l.source(third+"/post"), everywhere("Origin null, Referer other/"), rests)
	})
}

// What a POST of another site looks like when it came through a service worker of the host.
func TestBrowserFactOriginThroughAServiceWorker(t *testing.T) {
	const (
		rests   = "the guard's rules for requests that came through a worker: Sec-Fetch-Dest gives them away, and then only Referer tells the page (internal/guard, answer.go)"
		foreign = "Origin other, Referer other/; cross-site/navigate/"
	)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		for _, c := range []struct {
			worker, policy string
			known          perEngine
		}{
			{"shell", "strict-origin", everywhere(foreign + "document")},
			{"shell", "no-referrer", everywhere("Origin null, Referer ; cross-site/navigate/document")},
			{"pass-through", "strict-origin", perEngine{
				foreign + "empty",
				"Origin own, Referer other/; same-origin/same-origin/empty",
				"Origin other, Referer other/; same-origin/navigate/empty",
			}},
			{"pass-through", "no-referrer", perEngine{
				"Origin null, Referer ; cross-site/navigate/empty",
				"Origin null, Referer ; same-origin/same-origin/empty",
				"Origin own, Referer own/worker.js?kind=pass-through; same-origin/navigate/empty",
			}},
		} {
			host := c.worker + "." + l.domain
			v.goTo(at(host + "/seed"))
			v.registerWorker("/worker.js?kind=" + c.worker)
			v.goTo(at(l.other+"/page", "Referrer-Policy: "+c.policy))
			l.submit(at(host+"/post"), host+"/post")
			v.wantFact(fmt.Sprintf("a form of another site with %s through a %s worker", c.policy, c.worker),
				l.source(host+"/post")+"; "+l.request(host+"/post").fetchMetadata(), c.known, rests)
		}
	})
}

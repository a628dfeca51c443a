package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Which line deletes which cookie. {n} stands for the row's cookie name, {d} for the registrable domain.
func TestBrowserFactCookieDeletionRules(t *testing.T) {
	const (
		rests   = "the variants of each expiration, and which cookies get which (cookies.go)"
		kept    = "kept"
		deleted = "deleted"
	)
	// WebKitGTK stores cookies with libsoup, which knows neither prefixes nor partitions.
	gtkDeletes := perEngine{kept, kept, deleted}
	rows := []struct {
		what, set, by string
		known         perEngine
	}{
		{"a host-only cookie by Domain=parent", "{n}=1; Path=/; Secure", "{n}=; Path=/; Secure; Max-Age=0; Domain={d}", everywhere(kept)},
		{"a host-only cookie by Domain=own host", "{n}=1; Path=/; Secure", "{n}=; Path=/; Secure; Max-Age=0; Domain=app.{d}", everywhere(kept)},
		{"a Domain=parent cookie without Domain", "{n}=1; Path=/; Secure; Domain={d}", "{n}=; Path=/; Secure; Max-Age=0", everywhere(kept)},
		{"a Domain=own host cookie without Domain", "{n}=1; Path=/; Secure; Domain=app.{d}", "{n}=; Path=/; Secure; Max-Age=0", everywhere(kept)},
		{"a Domain=parent cookie with that", "{n}=1; Path=/; Secure; Domain={d}", "{n}=; Path=/; Secure; Max-Age=0; Domain={d}", everywhere(deleted)},
		{"a Domain=parent cookie with a leading dot", "{n}=1; Path=/; Secure; Domain={d}", "{n}=; Path=/; Secure; Max-Age=0; Domain=.{d}", everywhere(deleted)},
		{"a host-only cookie by an empty Domain", "{n}=1; Path=/; Secure", "{n}=; Path=/; Secure; Max-Age=0; Domain=", everywhere(deleted)},
		{"a Domain=parent cookie by Domain with a port", "{n}=1; Path=/; Secure; Domain={d}", "{n}=; Path=/; Secure; Max-Age=0; Domain={d}:443", everywhere(kept)},
		{"a host-only cookie by Domain=sibling", "{n}=1; Path=/; Secure", "{n}=; Path=/; Secure; Max-Age=0; Domain=other.{d}", everywhere(kept)},
		{"a host-only cookie by Domain=public suffix", "{n}=1; Path=/; Secure", "{n}=; Path=/; Secure; Max-Age=0; Domain=com", everywhere(kept)},
		{"a Path=/api cookie by Path=/", "{n}=1; Path=/api; Secure", "{n}=; Path=/; Secure; Max-Age=0", everywhere(kept)},
		{"a Path=/api cookie by Path=/api/", "{n}=1; Path=/api; Secure", "{n}=; Path=/api/; Secure; Max-Age=0", everywhere(kept)},
		{"a Path=/api cookie from another path", "{n}=1; Path=/api; Secure", "{n}=; Path=/api; Secure; Max-Age=0", everywhere(deleted)},
		{"a Path=/ cookie without Path, from a page of the first level", "{n}=1; Path=/; Secure", "{n}=; Secure; Max-Age=0", everywhere(deleted)},
		{"a cookie by its name in capitals", "{n}=1; Path=/; Secure", "{N}=; Path=/; Secure; Max-Age=0", everywhere(kept)},
		{"a Secure, HttpOnly, Strict cookie by a bare deletion", "{n}=1; Path=/; Secure; HttpOnly; SameSite=Strict", "{n}=; Path=/; Max-Age=0", everywhere(deleted)},
		{"a __Host- cookie with Secure and Path=/", "__Host-{n}=1; Path=/; Secure", "__Host-{n}=; Path=/; Secure; Max-Age=0", everywhere(deleted)},
		{"a __Host- cookie without Secure", "__Host-{n}=1; Path=/; Secure", "__Host-{n}=; Path=/; Max-Age=0", gtkDeletes},
		{"a __Host- cookie without Path", "__Host-{n}=1; Path=/; Secure", "__Host-{n}=; Secure; Max-Age=0", perEngine{kept, deleted, deleted}},
		{"a __Host- cookie with Domain", "__Host-{n}=1; Path=/; Secure", "__Host-{n}=; Path=/; Secure; Max-Age=0; Domain=app.{d}", everywhere(kept)},
		{"a __Secure- cookie without Secure", "__Secure-{n}=1; Path=/; Secure", "__Secure-{n}=; Path=/; Max-Age=0", gtkDeletes},
		{"a __Http- cookie without HttpOnly", "__Http-{n}=1; Path=/; Secure; HttpOnly", "__Http-{n}=; Path=/; Secure; Max-Age=0", gtkDeletes},
		{"a __Host-Http- cookie with everything", "__Host-Http-{n}=1; Path=/; Secure; HttpOnly", "__Host-Http-{n}=; Path=/; Secure; HttpOnly; Max-Age=0", everywhere(deleted)},
		{"a partitioned cookie without Partitioned", "{n}=1; Path=/; Secure; SameSite=None; Partitioned", "{n}=; Path=/; Secure; SameSite=None; Max-Age=0", gtkDeletes},
		{"a partitioned cookie with Partitioned", "{n}=1; Path=/; Secure; SameSite=None; Partitioned", "{n}=; Path=/; Secure; SameSite=None; Partitioned; Max-Age=0", everywhere(deleted)},
		{"an unpartitioned cookie with Partitioned", "{n}=1; Path=/; Secure; SameSite=None", "{n}=; Path=/; Secure; SameSite=None; Partitioned; Max-Age=0", gtkDeletes},
		{"a cookie by Max-Age=-1", "{n}=1; Path=/; Secure", "{n}=; Path=/; Secure; Max-Age=-1", everywhere(deleted)},
		{"a cookie by Expires", "{n}=1; Path=/; Secure", "{n}=; Path=/; Secure; Expires=Thu, 01 Jan 1970 00:00:00 GMT", everywhere(deleted)},
		{"a cookie without =", "{n}=1; Path=/; Secure", "{n}; Path=/; Secure; Max-Age=0", perEngine{kept, deleted, kept}},
		{"a cookie by SameSite=None without Secure", "{n}=1; Path=/", "{n}=; Path=/; SameSite=None; Max-Age=0", gtkDeletes},
	}
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		name := func(i int, text string) string {
			n := "row" + string(rune('a'+i/26)) + string(rune('a'+i%26))
			return strings.NewReplacer("{n}", n, "{N}", strings.ToUpper(n), "{d}", l.domain).Replace(text)
		}
		var set, by []string
		for i, r := range rows {
			set = append(set, "Set-Cookie: "+name(i, r.set))
			by = append(by, "Set-Cookie: "+name(i, r.by))
		}
		has := func(cookies string, i int) bool {
			n, _, _ := strings.Cut(name(i, rows[i].set), "=")
			return slices.Contains(strings.Fields(cookies), n)
		}
		v.goTo(at(host+"/seed", set...))
		before := l.cookiesAt(host + "/api/before")
		v.goTo(at(host+"/delete", by...))
		after := l.cookiesAt(host + "/api/after")
		for i, r := range rows {
			got := deleted
			if !has(before, i) {
				got = "never stored"
			} else if has(after, i) {
				got = kept
			}
			v.wantFact("deleting "+r.what, got, r.known, rests)
		}
	})
}

// Two cookies of one name that differ in Domain are two cookies, each with a deletion of its own.
func TestBrowserFactCookiesOfOneNameAreDeletedOneByOne(t *testing.T) {
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		v.goTo(at(host+"/seed", "Set-Cookie: x=host; Path=/; Secure", "Set-Cookie: x=domain; Path=/; Secure; Domain="+l.domain))
		v.goTo(at(host+"/delete", "Set-Cookie: x=; Path=/; Secure; Max-Age=0; Domain="+l.domain))
		var left string
		v.eval(&left, "return document.cookie")
		v.wantFact("what the deletion of the Domain cookie leaves", left, everywhere("x=host"), "each name is expired once per Domain (cookies.go)")
	})
}

// A cookie of more than 4096 bytes, name and value together, is not stored.
func TestBrowserFactLongestCookie(t *testing.T) {
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		cookie := func(name string, size int) string {
			return "Set-Cookie: " + name + "=" + strings.Repeat("x", size-len(name)) + "; Path=/; Secure"
		}
		v.goTo(at(host+"/seed", cookie("fits", 4096), cookie("over", 4097)))
		v.wantFact("a cookie of 4096 bytes and one of 4097", l.cookiesAt(host+"/state"), perEngine{"fits", "fits", "fits over"},
			"our cookie for the way to the provider and back drops what it can spare before it gets that long (internal/journey)")
	})
}

// Set-Cookie works on redirects, before the next request of the chain, wherever the chain came from.
func TestBrowserFactSetCookieOnRedirects(t *testing.T) {
	const rests = "answers that redirect expire cookies and set our own (answer.go, serve_sweep.go, serve_back.go)"
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		for _, status := range []int{301, 302, 303, 307, 308} {
			after := fmt.Sprint("/after", status)
			v.goTo(at(host+"/seed", "Set-Cookie: strict=1; Path=/; Secure; SameSite=Strict", "Set-Cookie: new=; Path=/; Secure; Max-Age=0"))
			v.goTo(at(l.other + "/start"))
			v.eval(nil, "location.href = args[0]", reply{status, []string{
				"Location: " + after, "Set-Cookie: strict=; Path=/; Secure; Max-Age=0", "Set-Cookie: new=1; Path=/; Secure",
			}}.at(host+"/redirect"))
			v.onTitle(host + after)
			what := fmt.Sprintf("cookies of the next request and of the page's own, after a %d that deletes a Strict one and sets another", status)
			v.eval(nil, `await fetch("/own")`)
			v.wantFact(what, l.request(host+after).cookies+"; "+l.request(host+"/own").cookies, everywhere("new; new"), rests)
		}
	})
}

// Which cookies a host gets when the browser comes from another site, and which its page gets then.
func TestBrowserFactSameSite(t *testing.T) {
	const (
		hop    = "a stop of the tour over several sites is entered by POST; its page then works by fetch or by a navigation of its own"
		guard  = "on a way that another site began, Strict cookies are neither seen nor able to carry our state; names from the configuration are expired unseen (cookies.go)"
		frames = "another site's cookies are expired by bringing the browser there, never by a fetch or in a frame"
		all    = "__Host-parted lax none plain strict"
	)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		l := startFactLab(v)
		host := "app." + l.domain
		v.goTo(at(host+"/seed", "Set-Cookie: plain=1; Path=/; Secure", "Set-Cookie: lax=1; Path=/; Secure; SameSite=Lax",
			"Set-Cookie: strict=1; Path=/; Secure; SameSite=Strict", "Set-Cookie: none=1; Path=/; Secure; SameSite=None",
			"Set-Cookie: __Host-parted=1; Path=/; Secure; SameSite=None; Partitioned"))

		v.goTo(at(l.other + "/start"))
		v.eval(nil, `await fetch(args[0], {method: "POST", mode: "no-cors", credentials: "include"})`, at(host+"/fetched",
			"Set-Cookie: none=; Path=/; Secure; SameSite=None; Max-Age=0", "Set-Cookie: lax=; Path=/; Secure; Max-Age=0"))
		v.wantFact("cookies of a fetch from another site", l.request(host+"/fetched").cookies, perEngine{"", "", "__Host-parted none plain"}, frames)
		v.wantFact("cookies left after its answer expired some", l.cookiesAt(host+"/state"), everywhere(all), frames)

		v.goTo(at(l.other + "/start"))
		l.submit(at(host+"/hop"), host+"/hop")
		// Chromium sends a cookie without SameSite for two minutes after it was set.
		v.wantFact("cookies of a POST from another site", l.request(host+"/hop").cookies, everywhere("__Host-parted none plain"), hop)
		v.eval(nil, `await fetch(args[0], {method: "POST"})`, at(host+"/site"))
		v.wantFact("cookies of a fetch by the page that answers such a POST", l.request(host+"/site").cookies, everywhere(all), hop)
		v.eval(nil, "location.replace(args[0])", at(host+"/again"))
		v.onTitle(host + "/again")
		v.wantFact("cookies of its own navigation", l.request(host+"/again").cookies, everywhere(all), hop)

		v.goTo(at("sibling." + l.domain + "/start"))
		l.submit(at(host+"/sibling"), host+"/sibling")
		v.wantFact("cookies of a POST from a sibling", l.request(host+"/sibling").cookies, everywhere(all), hop)

		v.goTo(at(l.other + "/start"))
		v.eval(nil, "location.href = args[0]", reply{303, []string{"Location: /second"}}.at(host+"/first"))
		v.onTitle(host + "/second")
		v.wantFact("cookies of a GET from another site", l.request(host+"/first").cookies, everywhere("__Host-parted lax none plain"), guard)
		v.wantFact("cookies after a redirect within the host", l.request(host+"/second").cookies, everywhere("__Host-parted lax none plain"), guard)
		v.eval(nil, "location.replace(args[0])", at(host+"/third"))
		v.onTitle(host + "/third")
		v.wantFact("cookies of the page's own navigation after that", l.request(host+"/third").cookies, everywhere(all), guard)
	})
}

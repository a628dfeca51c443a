package universallogout

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestForeignPagesStartNothing: "sign out everywhere" and the addresses that
// links can name do nothing that another page asks for.
func TestForeignPagesStartNothing(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "", groupSites...)
	victim := lab.visitor("ana")
	for _, host := range groupSites {
		for _, row := range slices.Sorted(maps.Keys(foreignForms)) {
			if row == "nothing at all" || strings.HasPrefix(row, "WebKit, worker of") || row == "a worker that makes it anew" {
				continue // no browser says so little; such workers look like the site's own pages
			}
			if row == "Firefox, worker, Origin alone" {
				continue // Firefox says null then
			}
			headers := as(foreignForms[row], host, "https://evil.example")
			for _, body := range []string{"", "a=b"} {
				p := lab.forced(victim, "ana", row+" at "+host, request("POST", "https://"+host+oursAt+"/", body, with(headers, "Accept: text/html", "Content-Type: application/x-www-form-urlencoded")...))
				if !strings.HasPrefix(row, "prefetch") {
					wantWayOn(t, row, p.Response, p.body)
				}
			}
		}
	}
	page := attackerTokens(lab, "a.alpha.com")[0]
	for _, address := range []string{"/", "/hop", "/hop?plain", "/hop?t=" + page.token(), "/hop?t=x", "/hop?t", "/site", "/?t=" + page.token()} {
		for name, headers := range map[string][]string{
			"link":     fromElsewhere,
			"typed":    with(clicked[1:], "Sec-Fetch-Site: none"),
			"old":      {"Referer: https://evil.example/", "Accept: text/html"},
			"frame":    {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe", "Accept: text/html"},
			"image":    {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image", "Accept: image/*"},
			"fetch":    {"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Accept: */*"},
			"prefetch": with(fromElsewhere, "Sec-Purpose: prefetch"),
			"worker":   {"Referer: https://evil.example/", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty", "Accept: text/html"},
		} {
			for _, method := range []string{"GET", "HEAD"} {
				what := method + " " + address + " by " + name
				p := lab.forced(victim, "ana", what, request(method, "https://a.alpha.com"+oursAt+address, "", headers...))
				if method == "GET" && name == "link" && address != "/site" { // which is no page
					wantWayOn(t, what, p.Response, p.body)
				}
				if name == "frame" && (p.StatusCode < 400 || p.Header.Get("X-Frame-Options") != "DENY") {
					t.Errorf("%s: %d %v", what, p.StatusCode, p.Header)
				}
			}
		}
	}
}

// TestAnothersHopCookie: what one browser may go on with is nothing for another.
func TestAnothersHopCookie(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "", groupSites...)
	eve := lab.visitor("eve")
	lab.goOn(eve, lab.signOut(eve, "a.alpha.com")) // at c.beta.org
	hop := eve.header("c.beta.org", "/", true)
	if !strings.Contains(hop, "universal-logout-hop=") {
		t.Fatalf("eve has %s", hop)
	}
	victim := lab.visitor("ana")
	victim.store("c.beta.org", "/", true, []string{hop[strings.Index(hop, "__Host-universal"):] + "; Path=/; Secure"})
	for _, address := range []string{"/hop", "/hop?plain"} {
		p := lab.forced(victim, "ana", address, request("GET", "https://c.beta.org"+oursAt+address, "", fromElsewhere...))
		wantWayOn(t, address, p.Response, p.body)
	}
}

// TestEverywherePageTellsNoStranger: who has no session reads nothing about
// the group, and nobody but the site itself may read or frame the page.
func TestEverywherePageTellsNoStranger(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "", groupSites...)
	stranger := &jar{now: lab.clock}
	p := lab.open(stranger, request("GET", "https://a.alpha.com"+oursAt+"/", "", clicked...))
	for _, host := range groupSites {
		if strings.Contains(p.body, host) {
			t.Errorf("a stranger reads of %s: %s", host, p.body)
		}
	}
	if strings.Contains(p.body, "<li") || len(p.Header["Set-Cookie"]) > 0 {
		t.Errorf("%v %s", p.Header, p.body)
	}
	p = lab.open(lab.visitor("ana"), request("GET", "https://a.alpha.com"+oursAt+"/", "", clicked...))
	if !strings.Contains(p.body, "<li>a.alpha.com</li>") || strings.Contains(p.body, "b.alpha.com") || strings.Contains(p.body, "beta") {
		t.Errorf("ana reads %s", p.body)
	}
	for name, want := range map[string]string{"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store"} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// TestEverywhereEndsAll: the button ends all, also where the app's own logout
// ends this app only.
func TestEverywhereEndsAll(t *testing.T) {
	for name, words := range map[string]string{"fanout on": "", "fanout off": "fanout off", "no logout of its own": "paths off\nlogout_call GET /logout"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, words, groupSites...)
			j := lab.visitor("ana")
			p := lab.open(j, request("GET", "https://b.alpha.com"+oursAt+"/", "", clicked...))
			f := lab.follow(j, formFrom(p.url, oursAt+"/", nil))
			if left := lab.left(j, "ana"); len(left) > 0 || !strings.Contains(f.body, "signed out everywhere") {
				t.Errorf("left at %v: %s", left, f.body)
			}
		})
	}
}

// TestOwnNamesOfStrangers: a site for any name is reached under an attacker's,
// whose pages may say what they want; so is one below a wildcard that leads
// elsewhere for one name. A tour neither begins nor passes there.
func TestOwnNamesOfStrangers(t *testing.T) {
	for name, tc := range map[string]struct{ site, host string }{
		"any name":                {"https://", "evil.example"},
		"any name, hosts":         {"https:// {\nHOSTS\n}", "evil.example"},
		"wildcard, another level": {"*.alpha.com", "x.evil.alpha.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			block, words := tc.site, ""
			if before, _, found := strings.Cut(tc.site, " {"); found {
				block, words = before, "hosts z.alpha.com"
			}
			lab := newTourLabOf(t, "", block+` {
				universal_logout {
					`+words+`
				}
				reverse_proxy APP
			}
			c.beta.org {
				universal_logout
				reverse_proxy APP
			}
			b.alpha.com {
				universal_logout
				reverse_proxy APP
			}`, "c.beta.org", "b.alpha.com")
			eve := lab.visitor("eve")
			lab.signIn(eve, "eve", tc.host)
			f := lab.follow(eve, lab.signOutForm(tc.host))
			for i, page := range f.pages {
				if tourForm.MatchString(page) {
					t.Errorf("a tour begins at %s: %s", f.visited[i], page)
				}
			}
			lab.wantAlive(eve, "eve", "a logout under an attacker's name")
			// A tour of the group passes no such name, and trusts none.
			f = lab.follow(eve, lab.signOutForm("b.alpha.com"))
			for _, at := range f.visited {
				if mustURL(at).Host == tc.host {
					t.Errorf("the tour went to %s", at)
				}
			}
			victim := lab.visitor("ana")
			for _, target := range []string{"https://b.alpha.com/logout", "https://b.alpha.com" + oursAt + "/"} {
				lab.forced(victim, "ana", target, request("POST", target, "", "Origin: https://"+tc.host, "Referer: https://"+tc.host+"/", "Accept: text/html",
					"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"))
			}
		})
	}
}

// TestPortsOfStrangers: who has another port of a site's name, and a
// certificate for it, is no site of the group.
func TestPortsOfStrangers(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "", groupSites...)
	victim := lab.visitor("ana")
	eve := lab.visitor("eve")
	p := lab.open(eve, formFrom(mustURL("https://a.alpha.com:8443/inbox"), "/logout", nil))
	if p.token() == "" {
		t.Fatalf("%d %s", p.StatusCode, p.body)
	}
	for _, host := range groupSites {
		lab.forced(victim, "ana", "hop at "+host, hopPost(host, p.token(), "Origin: https://a.alpha.com:8443", "Referer: https://a.alpha.com:8443/",
			"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"))
		q := lab.forced(victim, "ana", "site at "+host, request("POST", "https://"+host+oursAt+"/site", p.token(), "Origin: https://a.alpha.com:8443",
			"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"))
		if q.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", host, q.StatusCode)
		}
	}
}

// TestBelowAWildcard: a wildcard covers names that lead elsewhere, too: to a
// host of somebody else's pages. Whoever writes these can have a tour begin
// under his name, with Caddy's address in a hosts file, and take its token home.
func TestBelowAWildcard(t *testing.T) {
	t.Parallel()
	lab := newTourLabOf(t, "", `*.alpha.com {
		universal_logout /one/*
		universal_logout {
			hosts b.alpha.com
		}
		reverse_proxy APP
	}
	c.beta.org {
		universal_logout
		reverse_proxy APP
	}`, "b.alpha.com", "c.beta.org")
	eve := lab.visitor("eve")
	p := lab.signOut(eve, "pages.alpha.com")
	victim := lab.visitor("ana")
	from := []string{"Origin: https://pages.alpha.com", "Referer: https://pages.alpha.com/", "Sec-Fetch-Site: same-site"}
	for _, host := range lab.hosts {
		q := lab.forced(victim, "ana", "hop at "+host, hopPost(host, p.token(), with(from, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")...))
		if q.StatusCode != http.StatusForbidden || asked.MatchString(q.body) {
			t.Errorf("%s: %d %s", host, q.StatusCode, q.body)
		}
		lab.forced(victim, "ana", "site at "+host, request("POST", "https://"+host+oursAt+"/site", p.token(), with(from, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")...))
	}
	// The apps of that very name are ended all the same, and named ones begin tours.
	j := lab.visitor("bea")
	lab.apps.login("path")
	j.store("x.alpha.com", "/", true, []string{"sessionid=path; Path=/one; Secure"})
	if f := lab.follow(j, lab.signOutForm("x.alpha.com")); lab.apps.isAlive("path") || !strings.Contains(f.body, "You are signed out") {
		t.Errorf("%s", f.body)
	}
	lab.wantAlive(j, "bea", "a logout at x.alpha.com")
	if lab.follow(j, lab.signOutForm("b.alpha.com")); len(lab.left(j, "bea")) > 0 {
		t.Errorf("left at %v", lab.left(j, "bea"))
	}
}

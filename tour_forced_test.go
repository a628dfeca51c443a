package universallogout

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestForeignFormsOpenNoHop: a token of somebody else's own tour is worth
// nothing in a form on any other page than the one that it was given to.
func TestForeignFormsOpenNoHop(t *testing.T) {
	for _, words := range []string{"", "clear_site_data storage cookies"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, words, groupSites...)
			pages := attackerTokens(lab, "a.alpha.com")
			if len(pages) < 3 {
				t.Fatalf("eve has seen %d pages only", len(pages))
			}
			victim := lab.visitor("ana")
			for n, page := range pages {
				for _, host := range groupSites {
					for _, row := range slices.Sorted(maps.Keys(foreignForms)) {
						what := strings.Join([]string{row, "token", string(rune('0' + n)), "of", page.origin(), "at", host}, " ")
						p := lab.forced(victim, "ana", what, hopPost(host, page.token(), as(foreignForms[row], host, page.origin())...))
						if !strings.HasPrefix(row, "prefetch") {
							wantWayOn(t, what, p.Response, p.body)
						}
					}
				}
			}
		})
	}
}

// foreignFetches are requests to /site that are none of a script of the page
// that has the token.
var foreignFetches = map[string][]string{
	"evil":                         {"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"evil, no-cors":                {"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"},
	"evil, old":                    {"Origin: https://evil.example"},
	"sandboxed":                    {"Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"no Origin":                    {"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"two Origins":                  {"Origin: PAGE", "Origin: https://evil.example", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"http":                         {"Origin: http://a.alpha.com", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"another port":                 {"Origin: https://a.alpha.com:8443", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"a sibling outside":            {"Origin: https://x.alpha.com", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"a site of the group":          {"Origin: OTHER", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"no metadata":                  {"Origin: PAGE"},
	"no Sec-Fetch-Site":            {"Origin: PAGE", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"no Sec-Fetch-Dest":            {"Origin: PAGE", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors"},
	"no Sec-Fetch-Mode":            {"Origin: PAGE", "Sec-Fetch-Site: same-site", "Sec-Fetch-Dest: empty"},
	"cross-site":                   {"Origin: PAGE", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"typed":                        {"Origin: PAGE", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"form":                         {"Origin: PAGE", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"frame":                        {"Origin: PAGE", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"},
	"prefetch":                     {"Origin: PAGE", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Sec-Purpose: prefetch"},
	"Chromium, form, worker":       {"Origin: https://evil.example", "Referer: https://evil.example/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"Firefox, form, worker":        {"Origin: OWN", "Referer: https://evil.example/", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty"},
	"WebKit, form, worker":         {"Origin: OWN", "Referer: OWN/sw.js", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"form, worker makes it anew":   {"Origin: OWN", "Referer: OWN/pwa", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"form, worker copies the page": {"Origin: OWN", "Referer: https://evil.example/", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
}

// siteBodies are how a token may come: a script writes it as it is, a form of
// text/plain cannot help adding a line.
var siteBodies = map[string]func(token string) string{
	"script": func(token string) string { return token },
	"form":   func(token string) string { return token + "\r\n=\r\n" },
}

// TestForeignFetchesEndNothing: /site answers the script of one page only.
func TestForeignFetchesEndNothing(t *testing.T) {
	for _, words := range []string{"", "clear_site_data storage cookies"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, words, groupSites...)
			pages := attackerTokens(lab, "a.alpha.com")
			for _, page := range pages {
				victim := lab.visitor("ana") // of each token again: it is good for one
				for _, host := range groupSites {
					for i, address := range []string{oursAt + "/site", "/?universal-logout=site"} {
						if i > 0 && "https://"+host != page.origin() {
							continue // the same, at the address for path-limited cookies
						}
						for _, row := range slices.Sorted(maps.Keys(foreignFetches)) {
							other := "https://b.alpha.com"
							if page.url.Hostname() == "b.alpha.com" {
								other = "https://a.alpha.com"
							}
							headers := as(foreignFetches[row], host, page.origin())
							for i := range headers {
								headers[i] = strings.ReplaceAll(headers[i], "OTHER", other)
							}
							for kind, body := range siteBodies {
								if kind == "script" && strings.HasPrefix(row, "form, worker makes") {
									continue // there is no such way for a script of another site
								}
								what := row + " as a " + kind + " with a token of " + page.origin() + " to " + host + address
								p := lab.forced(victim, "ana", what, request("POST", "https://"+host+address, body(page.token()), with(headers, "Content-Type: text/plain")...))
								if p.Header.Get("Access-Control-Allow-Origin") != "" || p.StatusCode != 403 && p.StatusCode != 503 {
									t.Errorf("%s: %d %v", what, p.StatusCode, p.Header)
								}
							}
						}
					}
				}
			}
		})
	}
}

// TestSiteIsForItsPagesOnly: even the right page gets nothing from sites that
// browsers do not call same-site with it, by other methods, or with a token that
// is none.
func TestSiteIsForItsPagesOnly(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "", groupSites...)
	page := attackerTokens(lab, "a.alpha.com")[0] // of a.alpha.com
	victim := lab.visitor("ana")
	good := []string{"Origin: https://a.alpha.com", "Referer: https://a.alpha.com/", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Content-Type: text/plain"}
	for _, host := range []string{"c.beta.org", "d.beta.org", "e.gamma.net"} {
		for _, site := range []string{"same-site", "same-origin", "cross-site"} {
			lab.forced(victim, "ana", host+" as "+site, request("POST", "https://"+host+oursAt+"/site", page.token(), append([]string{good[0], good[1], "Sec-Fetch-Site: " + site}, good[3:]...)...))
		}
	}
	for _, method := range []string{"HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"} {
		p := lab.forced(victim, "ana", method, request(method, "https://b.alpha.com"+oursAt+"/site", page.token(), with(good, "Access-Control-Request-Method: POST")...))
		if p.StatusCode != http.StatusMethodNotAllowed || p.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", method, p.StatusCode, p.Header)
		}
	}
	// A page before asks whether the edge is there, without cookies.
	for page, want := range map[string]string{"https://a.alpha.com": "https://a.alpha.com", "https://evil.example": "", "http://a.alpha.com": "", "null": ""} {
		p := lab.forced(victim, "ana", "GET from "+page, request("GET", "https://c.beta.org"+oursAt+"/site", "", "Origin: "+page, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"))
		if got := p.Header.Get("Access-Control-Allow-Origin"); got != want || len(p.Header["Set-Cookie"]) != 0 {
			t.Errorf("GET from %s: %q, %v", page, got, p.Header["Set-Cookie"])
		}
	}
	for name, body := range map[string]string{
		"empty": "", "too long": page.token() + strings.Repeat("\n", maxTourBody), "cut": page.token()[:40], "a word behind it": page.token() + "\n" + page.token(),
		"twice": page.token() + page.token(), "over": page.token() + "\nover", "a space": " " + page.token(),
	} {
		lab.forced(victim, "ana", name, request("POST", "https://b.alpha.com"+oursAt+"/site", body, good...))
	}
}

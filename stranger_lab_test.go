package universallogout

import (
	"fmt"
	"strings"
)

// attackerTokens are all that somebody who signs in and out himself comes by:
// the tokens of all pages of his own tour, by the origin of the page.
func attackerTokens(lab *tourLab, start string) (pages []browserPage) {
	j := lab.visitor("eve")
	p := lab.signOut(j, start)
	seen := make(map[string]bool) // one of each round and origin
	for range 12 {
		t, _, ok := lab.app.openTour(p.token())
		if key := fmt.Sprint(p.origin(), t.Cookies); ok && !seen[key] {
			seen[key], pages = true, append(pages, p)
		}
		if r := lab.runScript(j, p.url, p.body); r == nil {
			return pages
		}
		p = lab.goOn(j, p)
	}
	lab.t.Fatal("eve's own tour does not end")
	return nil
}

// foreignForms are the headers with which a form on evil.example gets to a site
// (BR-07 and BR-05), without a service worker at the
// site and with one that sends requests on. OWN is the site's origin.
var foreignForms = map[string][]string{
	"plain":                          {"Origin: https://evil.example", "Referer: https://evil.example/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"no referrer, sandbox":           {"Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"redirected by 307":              {"Origin: null", "Referer: https://evil.example/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"without Origin":                 {"Referer: https://evil.example/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"old browser":                    {"Origin: https://evil.example", "Referer: https://evil.example/"},
	"old browser, null":              {"Origin: null"},
	"neither Origin nor metadata":    {"Referer: https://evil.example/"},
	"nothing at all":                 nil,
	"several Origins":                {"Origin: https://evil.example", "Origin: OWN", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"a name in the user's place":     {"Origin: https://a.alpha.com@evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"a name that begins so":          {"Origin: https://a.alpha.com.evil.example", "Referer: https://a.alpha.com.evil.example/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"http":                           {"Origin: http://a.alpha.com", "Referer: http://a.alpha.com/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"another port":                   {"Origin: https://a.alpha.com:8443", "Referer: https://a.alpha.com:8443/", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"a sibling outside":              {"Origin: https://x.alpha.com", "Referer: https://x.alpha.com/", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"the domain itself":              {"Origin: https://alpha.com", "Referer: https://alpha.com/", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
	"Chromium, worker":               {"Origin: https://evil.example", "Referer: https://evil.example/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"Chromium, worker, no referrer":  {"Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"Firefox, worker":                {"Origin: OWN", "Referer: https://evil.example/", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty"},
	"Firefox, worker, full address":  {"Origin: OWN", "Referer: https://evil.example/https://a.alpha.com/", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty"},
	"Firefox, worker, no referrer":   {"Origin: null", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty"},
	"Firefox, worker, Origin alone":  {"Origin: OWN", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty"},
	"WebKit, worker":                 {"Origin: https://evil.example", "Referer: https://evil.example/", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"WebKit, worker, no referrer":    {"Origin: OWN", "Referer: OWN/sw.js", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"WebKit, worker of an odd name":  {"Origin: OWN", "Referer: OWN/offline", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"WebKit, worker of a query":      {"Origin: OWN", "Referer: OWN/?sw", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"WebKit, worker of PHP":          {"Origin: OWN", "Referer: OWN/sw.php?v=1", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
	"a worker that makes it anew":    {"Origin: OWN", "Referer: OWN/pwa", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	"frame":                          {"Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"},
	"frame, from the page before":    {"Origin: PAGE", "Referer: PAGE/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"},
	"object, from the page before":   {"Origin: PAGE", "Referer: PAGE/", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object"},
	"prefetch, from the page before": {"Origin: PAGE", "Referer: PAGE/", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Purpose: prefetch;prerender"},
}

// as fills in the origins that a row of headers is about.
func as(headers []string, host, page string) (filled []string) {
	fill := strings.NewReplacer("OWN", "https://"+host, "PAGE", page)
	for _, h := range headers {
		filled = append(filled, fill.Replace(h))
	}
	return filled
}

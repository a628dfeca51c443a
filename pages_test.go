package universallogout

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestHeadersOfEveryAnswer: PG-01 to PG-11 and HTTP-07 on whatever we answer.
func TestHeadersOfEveryAnswer(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		header Content-Security-Policy "default-src *"
		header X-Frame-Options SAMEORIGIN
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	s.app.process.limit = newSessionlessLimit()
	foreign := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html"}
	session := "Cookie: sessionid=one"
	for _, tc := range []struct {
		name   string
		r      *http.Request
		status int
		kind   string // of page
	}{
		{"redirect", request("GET", "https://app.example.com/logout", "", with(clicked, session)...), 303, ""},
		{"landing of a form", request("POST", "https://app.example.com/logout", "", with(submitted, session)...), 200, "landing"},
		{"JSON", request("POST", "https://app.example.com/logout", "", with(fetched, session)...), 200, ""},
		{"bare landing", request("GET", "https://app.example.com/.universal-logout/done", "", clicked...), 200, "landing"},
		{"landing by POST", request("POST", "https://app.example.com/.universal-logout/done", "", submitted...), 200, "landing"},
		{"confirmation", request("GET", "https://app.example.com/logout", "", foreign...), 200, "confirmation"},
		{"confirmation of a POST", request("POST", "https://app.example.com/logout", "", with(foreign, "Origin: null")...), 403, "confirmation"},
		{"frame", request("GET", "https://app.example.com/logout", "", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe", "Accept: text/html"), 403, "error"},
		{"image", request("GET", "https://app.example.com/logout", "", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), 403, ""},
		{"foreign fetch", request("POST", "https://app.example.com/logout", "", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Origin: https://evil.example"), 403, ""},
		{"prefetch", request("GET", "https://app.example.com/logout", "", with(clicked, "Sec-Purpose: prefetch")...), 503, ""},
		{"prefetch of a page of ours", request("GET", "https://app.example.com/.universal-logout/done", "", with(clicked, "Sec-Purpose: prefetch")...), 503, ""},
		{"TRACE", request("TRACE", "https://app.example.com/logout", ""), 405, ""},
		{"PUT of a page of ours", request("PUT", "https://app.example.com/.universal-logout/done", "", clicked...), 405, "error"},
		{"HEAD", request("HEAD", "https://app.example.com/logout", "", clicked...), 303, ""},
		{"no such page", request("GET", "https://app.example.com/.universal-logout/nothing", "", clicked...), 404, "error"},
		{"everywhere", request("GET", "https://app.example.com/.universal-logout/", "", clicked...), 200, "everywhere"},
		{"a step that nobody knows", request("GET", "https://app.example.com/.universal-logout/hop", "", clicked...), 200, "progress"},
		{"a hop from nowhere", request("POST", "https://app.example.com/.universal-logout/hop", "t=x", submitted...), 403, "everywhere"},
		{"a site's part that nobody asks for", request("POST", "https://app.example.com/.universal-logout/site", "x", fetched...), 403, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := len(app.requests())
			res := s.do(tc.r)
			page := bodyOf(t, res)
			if res.StatusCode != tc.status {
				t.Errorf("status %d, want %d", res.StatusCode, tc.status)
			}
			referrer := "no-referrer" // PG-02
			if strings.Contains(page, "<form") {
				referrer = "same-origin" // no-referrer would make the form's Origin null
			}
			opener := "same-origin" // PG-07
			if tc.kind == "progress" {
				opener = "" // of a tour: WebKit's Back button
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "Pragma": "no-cache", "Referrer-Policy": referrer, "X-Content-Type-Options": "nosniff",
				"X-Robots-Tag": "noindex, nofollow", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": opener, "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := strings.Join(res.Header[name], "|"); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			csp := strings.Join(res.Header["Content-Security-Policy"], "|")
			for _, want := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action "} {
				if !strings.Contains(csp, want) {
					t.Errorf("Content-Security-Policy %q lacks %s", csp, want)
				}
			}
			if tc.kind != "" {
				checkPage(t, page, csp, tc.kind)
			}
			if strings.HasPrefix(tc.r.URL.Path, "/.universal-logout") && len(app.requests()) != before {
				t.Error("our address reached the app")
			}
		})
	}
}

var nonceInCSP = regexp.MustCompile(`'nonce-([A-Z2-7]{26})'`)

func checkPage(t *testing.T, page, csp, kind string) {
	t.Helper()
	if !strings.Contains(page, `data-page="`+kind+`"`) {
		t.Errorf("no %s page:\n%s", kind, page)
	}
	nonce := nonceInCSP.FindStringSubmatch(csp)
	if nonce == nil { // 130 bits
		t.Fatalf("no nonce in %q", csp)
	}
	for _, element := range regexp.MustCompile(`<(script|style)[^>]*>`).FindAllString(page, -1) {
		if !strings.Contains(element, `nonce="`+nonce[1]+`"`) {
			t.Errorf("%s has another nonce", element)
		}
	}
	for _, want := range []string{`<html lang="en">`, `role="status"`, `name="viewport"`, "<title>"} { // PG-10
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(page) {
		t.Error("an external resource")
	}
}

// TestNoncesDiffer: one that comes twice protects nothing.
func TestNoncesDiffer(t *testing.T) {
	s := newSite(t, "", "app.example.com {\n universal_logout\n}")
	seen := make(map[string]bool)
	for range 5 {
		res := s.do(request("GET", "https://app.example.com/.universal-logout/done", "", clicked...))
		nonce := nonceInCSP.FindString(res.Header.Get("Content-Security-Policy"))
		if seen[nonce] {
			t.Errorf("%s came twice", nonce)
		}
		seen[nonce] = true
	}
}

// TestPagesEscape: PG-08, a Host header is text from outside.
func TestPagesEscape(t *testing.T) {
	s := newSite(t, "", "http:// {\n universal_logout\n}")
	r := request("GET", "http://x/logout", "", "Accept: text/html")
	r.Host = `"><script>alert(1)</script>`
	if page := bodyOf(t, s.do(r)); strings.Contains(page, "<script>alert") {
		t.Error(page)
	}
}

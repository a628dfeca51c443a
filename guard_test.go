package universallogout

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const trustedPortal = `
	universal_logout {
		trusted_origins https://portal.example.com
	}
`

// TestGuard walks through all requests that may log out: method × Sec-Fetch-Site ×
// Mode × Dest × Sec-Purpose × Origin × Referer. What must happen is computed
// by want; what happened is asked of the app.
func TestGuard(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, trustedPortal, `app.example.com {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)

	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"}
	sites := []string{"", "same-origin", "same-site", "cross-site", "none"}
	modesAndDests := [][2]string{{"", ""}, {"navigate", "document"}, {"navigate", "iframe"}, {"navigate", "object"}, {"no-cors", "image"}, {"no-cors", "empty"}, {"cors", "empty"}, {"websocket", "websocket"}}
	purposes := []string{"", "prefetch", "prefetch;prerender", `prefetch;anonymous-client-ip`}
	origins := []string{"", "https://app.example.com", "https://portal.example.com", "https://evil.example", "null", "http://app.example.com", "https://app.example.com.evil.example"}
	referers := []string{"", "https://app.example.com/page", "https://portal.example.com/", "https://evil.example/app.example.com"}

	n := 0
	for _, method := range methods {
		for _, site := range sites {
			for _, md := range modesAndDests {
				if (site == "") != (md[0] == "") {
					continue // browsers send all of them or none
				}
				for _, purpose := range purposes {
					for _, origin := range origins {
						for _, referer := range referers {
							c := guardCase{method, site, md[0], md[1], purpose, origin, referer}
							n++
							c.check(t, s, app, fmt.Sprintf("s%d", n))
						}
					}
				}
			}
		}
	}
	t.Logf("%d combinations", n)
}

type guardCase struct{ method, site, mode, dest, purpose, origin, referer string }

// want is the README's table "Who may log out".
func (c guardCase) want() (status int, ends, reachesApp bool) {
	own, friends := "https://app.example.com", []string{"https://app.example.com", "https://portal.example.com"}
	refererOrigin := strings.Join(strings.SplitN(c.referer, "/", 4)[:min(3, len(strings.SplitN(c.referer, "/", 4)))], "/")
	navigation := c.mode == "navigate" || c.mode == ""
	if c.purpose != "" {
		return 503, false, false
	}
	switch c.method {
	case "OPTIONS":
		return 302, true, true // passed on: the careless app decides
	case "TRACE", "PROPFIND":
		return 405, false, false
	}
	if c.dest != "" && c.dest != "document" && c.dest != "empty" {
		return 403, false, false
	}
	if c.method == "GET" || c.method == "HEAD" {
		var logout bool
		switch {
		case !navigation:
			logout = c.site == "same-origin"
			if !logout {
				return 403, false, false
			}
		case c.site == "":
			logout = refererOrigin == own
		case c.site == "same-origin" || c.site == "none":
			logout = true
		default:
			logout = refererOrigin == "https://portal.example.com"
		}
		switch {
		case !logout:
			return 200, false, false // the confirmation page
		case c.method == "HEAD":
			return 303, false, false
		case navigation:
			return 303, true, true
		}
		return 200, true, true
	}
	switch {
	case c.origin != "":
		if !slices.Contains(friends, c.origin) {
			return 403, false, false
		}
		if c.origin == own && c.dest == "empty" && c.referer != "" && !slices.Contains(friends, refererOrigin) {
			return 403, false, false // a service worker sent it on
		}
	case c.site != "" && c.site != "same-origin":
		return 403, false, false
	case c.referer != "" && !slices.Contains(friends, refererOrigin):
		return 403, false, false
	}
	return 200, true, true
}

func (c guardCase) check(t *testing.T, s *site, app *sessions, id string) {
	t.Helper()
	app.login(id)
	before := len(app.requests())
	headers := []string{"Cookie: sessionid=" + id}
	for name, value := range map[string]string{
		"Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode, "Sec-Fetch-Dest": c.dest,
		"Sec-Purpose": c.purpose, "Origin": c.origin, "Referer": c.referer,
	} {
		if value != "" {
			headers = append(headers, name+": "+value)
		}
	}
	if c.mode == "navigate" || c.mode == "" {
		headers = append(headers, "Accept: text/html")
	}
	res := s.do(request(c.method, "https://app.example.com/logout", "", headers...))
	status, ends, reaches := c.want()
	if res.StatusCode != status {
		t.Errorf("%+v: status %d, want %d", c, res.StatusCode, status)
	}
	if alive := app.isAlive(id); alive == ends {
		t.Errorf("%+v: session alive at the app: %v, want %v", c, alive, !ends)
	}
	if reached := len(app.requests()) > before; reached != reaches {
		t.Errorf("%+v: reached the app: %v, want %v", c, reached, reaches)
	}
	if !ends && (res.Header.Get("Clear-Site-Data") != "" || len(res.Header["Set-Cookie"]) > 0) {
		t.Errorf("%+v: changes the browser: %v", c, res.Header)
	}
	if c.method == "HEAD" && bodyOf(t, res) != "" && res.StatusCode == http.StatusSeeOther {
		t.Errorf("%+v: HEAD answered with a body", c)
	}
}

// TestForcedLogout: what can reach a logout path without the guard's rows, and
// what service workers and odd spellings make of it.
func TestForcedLogout(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, trustedPortal, `app.example.com {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	foreignClick := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html", "Referer: https://evil.example/"}
	for _, tc := range []struct {
		name, method, path string
		headers            []string
	}{
		{"trailing slash", "GET", "/logout/", foreignClick},
		{"doubled slash", "GET", "//logout", foreignClick},
		{"capitals", "GET", "/LogOut", foreignClick},
		{"encoded letter", "GET", "/%6cogout", foreignClick},
		{"dot segment", "GET", "/./logout", foreignClick},
		{"dot segment at the end", "GET", "/logout/.", foreignClick},
		{"parent segment", "GET", "/x/../logout", foreignClick},
		{"path parameter", "GET", "/logout;jsessionid=1", foreignClick},
		{"path parameter before", "GET", "/;x/logout", foreignClick},
		{"query", "GET", "/logout?x=1", foreignClick},
		{"WebSocket handshake from elsewhere", "GET", "/logout", []string{"Connection: Upgrade", "Upgrade: websocket", "Origin: https://evil.example"}},
		{"WebSocket handshake with metadata", "GET", "/logout", []string{"Connection: Upgrade", "Upgrade: websocket", "Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: websocket", "Sec-Fetch-Dest: websocket"}},
		{"own link over a foreign redirect", "GET", "/logout", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html", "Referer: https://app.example.com/"}},
		{"foreign GET through a worker in Firefox", "GET", "/logout", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty", "Accept: text/html,*/*", "Referer: https://evil.example/"}},
		{"foreign GET through a worker, no referrer", "GET", "/logout", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty", "Accept: text/html,*/*"}},
		{"foreign GET through a worker in WebKit", "GET", "/logout", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty", "Accept: text/html,*/*", "Referer: https://app.example.com/sw.js"}},
		{"foreign POST through a worker in Firefox", "POST", "/logout", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty", "Accept: text/html,*/*", "Origin: https://app.example.com", "Referer: https://evil.example/"}},
		{"foreign POST through a worker in WebKit, no referrer", "POST", "/logout", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty", "Accept: text/html,*/*", "Origin: https://app.example.com", "Referer: https://app.example.com/sw.js"}},
		{"two Origin lines", "POST", "/logout", []string{"Origin: https://app.example.com", "Origin: https://evil.example"}},
		{"Origin with user info", "POST", "/logout", []string{"Origin: https://app.example.com@evil.example"}},
		{"two Sec-Fetch-Site lines", "GET", "/logout", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html"}},
		{"Purpose: prefetch", "GET", "/logout", with(clicked, "Purpose: prefetch")},
		{"X-Moz: prefetch", "GET", "/logout", with(clicked, "X-Moz: prefetch")},
		{"X-Purpose: preview", "GET", "/logout", with(clicked, "X-Purpose: preview")},
		{"link preview bot", "GET", "/logout", []string{"User-Agent: Slackbot-LinkExpanding 1.0", "Accept: */*"}},
		{"frame of our own", "GET", "/logout", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}},
		{"method override is a foreign POST", "POST", "/logout", []string{"X-Http-Method-Override: GET", "Origin: https://evil.example"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			app.login(tc.name)
			r := request(tc.method, "https://app.example.com/", "", with(tc.headers, "Cookie: sessionid="+strings.ReplaceAll(tc.name, " ", ""))...)
			app.login(strings.ReplaceAll(tc.name, " ", ""))
			r.URL.Path, r.RequestURI = "", tc.path
			u, err := r.URL.Parse("https://app.example.com" + tc.path)
			if err != nil {
				t.Fatal(err)
			}
			r.URL = u
			res := s.do(r)
			if !app.isAlive(strings.ReplaceAll(tc.name, " ", "")) {
				t.Errorf("the session is over at the app; we answered %d", res.StatusCode)
			}
			if res.Header.Get("Clear-Site-Data") != "" || len(res.Header["Set-Cookie"]) > 0 {
				t.Errorf("the browser was changed: %v", res.Header)
			}
		})
	}
}

// TestAllowCrossSite: pages and forms of other sites may, frames, images and
// guesses still may not.
func TestAllowCrossSite(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		universal_logout {
			allow_cross_site
		}
		reverse_proxy `+app.addr()+`
	}`)
	for name, tc := range map[string]struct {
		method  string
		headers []string
		ends    bool
	}{
		"link":     {"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, true},
		"form":     {"POST", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Origin: https://other.example"}, true},
		"frame":    {"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, false},
		"image":    {"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}, false},
		"fetch":    {"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"}, false},
		"prefetch": {"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Purpose: prefetch"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			app.login(name)
			s.do(request(tc.method, "https://app.example.com/logout", "", with(tc.headers, "Cookie: sessionid="+name)...))
			if app.isAlive(name) == tc.ends {
				t.Errorf("session alive: %v", !tc.ends)
			}
		})
	}
}

// TestConfirmationRepeatsPathAndQuery, and works without script.
func TestConfirmationRepeatsPathAndQuery(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		universal_logout {
			paths /index.php?action=logout
		}
		universal_logout /sub/* {
			paths +/sub/logout
		}
		reverse_proxy `+app.addr()+`
	}`)
	foreign := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html", "Origin: https://evil.example"}
	for _, tc := range []struct {
		method, target string
		status         int
		want           []string
	}{
		{"GET", "/index.php?action=logout&token=a%26b&empty=", 200, []string{
			`method="get"`, `action="/index.php"`, `name="action" value="logout"`, `name="token" value="a&amp;b"`, `name="empty" value=""`,
		}},
		{"POST", "/sub/logout?x=1&y=%22", 403, []string{`method="post"`, `action="/sub/logout?x=1&amp;y=%22"`}},
		{"GET", "/index.php?action=logout&q=%22%3E%3Cscript%3E", 200, []string{`value="&#34;&gt;&lt;script&gt;"`}},
	} {
		res := s.do(request(tc.method, "https://app.example.com"+tc.target, "", foreign...))
		page := bodyOf(t, res)
		if res.StatusCode != tc.status || !strings.Contains(page, `data-page="confirmation"`) {
			t.Errorf("%s %s: status %d\n%s", tc.method, tc.target, res.StatusCode, page)
		}
		for _, want := range tc.want {
			if !strings.Contains(page, want) {
				t.Errorf("%s %s: no %s in\n%s", tc.method, tc.target, want, page)
			}
		}
		if strings.Contains(page, "<script") {
			t.Errorf("%s: the confirmation page has a script", tc.target)
		}
	}
}

// TestNearLogouts: what an app takes for its logout though paths does not name
// it: refused from elsewhere, left alone from the app's own pages.
func TestNearLogouts(t *testing.T) {
	const foreign, own = "https://evil.example", "https://app.example.com"
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, tc := range []struct {
		paths, method, target, body string
		more                        []string
		near                        bool
	}{
		{"/logout", "GET", "/logout/callback?state=x", "", nil, false},
		{"/logout", "GET", "/logout.json", "", nil, true},
		{"/logout", "GET", "/%5clogout", "", nil, true},
		{"/logout", "GET", "/logout%20", "", nil, true},
		{"/logout", "GET", "/logout%00", "", nil, true},
		{"/logout", "GET", "/logout%09", "", nil, true},
		{"/logout", "GET", "/%256cogout", "", nil, true},
		{"/logout", "GET", "/logoutx", "", nil, false},
		{"/logout", "GET", "/login", "", nil, false},
		{"/logout", "GET", "/x/logout", "", nil, false},
		{"/logout", "GET", "/log", "", nil, false},
		{"/user/*/logout", "POST", "/user/1/logout.json", "", nil, true},
		{"/logout.php", "POST", "/logout.php/now", "", nil, true},
		{"/user/*/logout", "POST", "/user/1", "", nil, false},
		{"/logout.php", "GET", "/logout.php/x.png", "", nil, true},
		{"/index.php?action=logout", "GET", "/?action=logout", "", nil, true},
		{"/index.php?action=logout", "GET", "/index.php/x?action=logout", "", nil, true},
		{"/index.php?action=logout", "GET", "/whatever?action=logout", "", nil, true},
		{"/index.php?action=logout", "GET", "/index.php/x?action=view", "", nil, false},
		{"/index.php?action=logout", "POST", "/index.php", "a=b&action=logout", []string{form}, true},
		{"/index.php?action=logout", "POST", "/index.php", "a=b&action=view", []string{form}, false},
		{"DELETE /session", "POST", "/session", "_method=delete", []string{form}, true},
		{"DELETE /session", "POST", "/session?_method=DELETE", "", nil, true},
		{"DELETE /session", "POST", "/session", "a=1;_method=delete", []string{form}, true},
		{"DELETE /session", "POST", "/session", "_method=delete", []string{form + "; x"}, true},
		{"DELETE /session", "POST", "/session", "_method=delete", nil, true},
		{"DELETE /session", "POST", "/session", "_method=delete&p=" + strings.Repeat("x", maxBufferedBody), []string{form}, true},
		{"DELETE /session", "POST", "/session", strings.Repeat("x", 2*maxBufferedBody), []string{"Content-Type: application/octet-stream"}, false},
		{"/index.php?action=logout", "POST", "/", "action=logout", []string{form}, true},
		{"DELETE /session", "POST", "/session", "user=x", []string{form}, false},
		{"DELETE /session", "GET", "/session", "", nil, false},
		{"POST /logout", "GET", "/logout?_method=POST", "", nil, true},
	} {
		t.Run(tc.paths+" "+tc.method+" "+tc.target+" "+tc.body[:min(len(tc.body), 20)], func(t *testing.T) {
			app := newSessions(t, nil)
			s := newSite(t, "", "app.example.com {\n universal_logout {\n paths "+tc.paths+"\n }\n reverse_proxy "+app.addr()+"\n}")
			send := func(origin string, metadata ...string) bool {
				before := len(app.requests())
				r := request(tc.method, "https://app.example.com"+tc.target, tc.body, with(tc.more, append(metadata, "Cookie: sessionid=one")...)...)
				r.Header.Set("Origin", origin)
				s.do(r)
				reached := len(app.requests()) > before
				if reached && tc.body != app.bodies[len(app.bodies)-1] {
					t.Errorf("the app got the body %q", app.bodies[len(app.bodies)-1])
				}
				return reached
			}
			crossSite := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
			if reached := send(foreign, crossSite...); reached == tc.near {
				t.Errorf("from elsewhere it reaches the app: %v", reached)
			}
			if reached := send(foreign, append(crossSite, "Sec-Purpose: prefetch")...); reached == tc.near {
				t.Errorf("as a prefetch it reaches the app: %v", reached)
			}
			if tc.method == "GET" {
				if !send(own, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: style") {
					t.Error("as a style of the app's own page it does not reach the app")
				}
				image := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}
				if reached := send(foreign, image...); reached == tc.near {
					t.Errorf("as an image it reaches the app: %v", reached)
				}
			}
			for _, metadata := range [][]string{clicked, fetched} {
				if !send(own, metadata...) {
					t.Error("from the app's own page it does not reach the app")
				}
			}
		})
	}
}

// TestFormWithoutReferrer: apps that withhold their referrer send Origin null
// with their own forms. The answer repeats the form, its CSRF token included.
func TestFormWithoutReferrer(t *testing.T) {
	s := newSite(t, "", "app.example.com {\n universal_logout\n}")
	again := "Cookie: universal-logout-again=1"
	own := []string{"Origin: null", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Content-Type: application/x-www-form-urlencoded", "Accept: text/html"}
	for site, repeats := range map[string]bool{"same-origin": true, "cross-site": false, "same-site": false} {
		res := s.do(request("POST", "https://app.example.com/logout?x=1", "csrf=t%26&submit=", with(own, "Sec-Fetch-Site: "+site)...))
		page := bodyOf(t, res)
		if res.StatusCode != 403 || len(res.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %v", site, res.StatusCode, res.Header)
		}
		if second := bodyOf(t, s.do(request("POST", "https://app.example.com/logout", "csrf=t", with(own, "Sec-Fetch-Site: "+site, again)...))); strings.Contains(second, "data-by-itself") {
			t.Errorf("%s: repeats itself for ever", site)
		}
		if !strings.Contains(page, `<meta name="referrer" content="same-origin">`) {
			t.Errorf("%s: the form's Origin depends on a header that others may change", site)
		}
		if got := strings.Contains(page, "data-by-itself") && strings.Contains(page, `name="csrf" value="t&amp;"`); got != repeats {
			t.Errorf("%s: repeats the form: %v\n%s", site, got, page)
		}
	}
}

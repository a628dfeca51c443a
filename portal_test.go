package universallogout

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPortals: a portal is left by its own logout address, whatever it wants
// to know, and sends the browser back without a state.
func TestPortals(t *testing.T) {
	const escaped = "https%3A%2F%2Fapp.example.com%2F.universal-logout%2Freturn"
	for name, tc := range map[string]struct {
		logoutURL, back, visit, path string
	}{
		"authelia":              {"https://auth.example.com/logout?rd={return_url}", "rd", "https://auth.example.com/logout?rd=" + escaped, "/logout"},
		"oauth2-proxy (RPI-06)": {"/oauth2/sign_out?rd={return_url}", "rd", "https://app.example.com/oauth2/sign_out?rd=" + escaped, "/oauth2/sign_out"},
		"cognito (RPI-06)":      {"https://auth.example.com/logout?client_id=edge&logout_uri={return_url}", "logout_uri", "https://auth.example.com/logout?client_id=edge&logout_uri=" + escaped, "/logout"},
	} {
		for by, c := range callers {
			t.Run(name+" × "+by, func(t *testing.T) {
				t.Parallel()
				p := &portal{alive: true, back: tc.back}
				s, app, j := portalSite(t, p, tc.logoutURL)
				// Cookies of the portal: for its host, and for the whole domain.
				j.store("auth.example.com", "/", true, []string{"portal=" + credential + "; Path=/; Secure; Domain=example.com"})
				var f followed
				if c.method == http.MethodGet || strings.HasPrefix(by, "form") {
					f = s.follow(j, request(c.method, "https://app.example.com/logout", c.body, c.headers...))
				} else {
					r := request(c.method, "https://app.example.com/logout", c.body, c.headers...)
					r.Header.Set("Cookie", j.header("app.example.com", "/logout", true))
					res := s.do(r)
					j.store("app.example.com", "/logout", true, res.Header["Set-Cookie"])
					f = s.follow(j, request("GET", "https://app.example.com/login", "", clicked...))
				}
				alive, visits := p.state()
				if alive || len(visits) != 1 || visits[0].Path != tc.path {
					t.Errorf("the portal's session is alive: %v, it saw %v; the browser was at\n%s", alive, visits, strings.Join(f.visited, "\n"))
				}
				if !slices.Contains(f.visited, tc.visit) {
					t.Errorf("not at %s, but\n%s", tc.visit, strings.Join(f.visited, "\n"))
				}
				if f.StatusCode != 200 || !strings.Contains(f.body, `data-page="landing"`) || !strings.Contains(f.body, "has ended, too") || app.isAlive("one") {
					t.Errorf("%d %s", f.StatusCode, f.body)
				}
				if left := strings.Join(j.names(), " "); strings.Contains(left, "portal") || strings.Contains(left, "sessionid") || strings.Contains(left, "marker") {
					t.Errorf("left in the browser: %s", left)
				}
			})
		}
	}
}

// TestPortalThatKeepsThePerson: the app's session and cookies are gone before
// the portal is visited, so nothing depends on coming back (RPI-31).
func TestPortalThatKeepsThePerson(t *testing.T) {
	t.Parallel()
	p := &portal{alive: true, back: "rd", keeps: true}
	s, app, j := portalSite(t, p, "https://auth.example.com/logout?rd={return_url}")
	f := s.follow(j, request("GET", "https://app.example.com/logout", "", clicked...))
	if _, visits := p.state(); len(visits) != 1 || f.StatusCode != 200 || app.isAlive("one") || strings.Contains(j.header("app.example.com", "/", true), "sessionid") {
		t.Errorf("%v, left %v", f.visited, j.names())
	}
}

// TestPortalOutOfReachGetsNoBrowser: 1, fail safe.
func TestPortalOutOfReachGetsNoBrowser(t *testing.T) {
	t.Parallel()
	p := &portal{alive: true, back: "rd"}
	s, _, j := portalSite(t, p, "https://auth.example.com/logout?rd={return_url}")
	s.app.run.providers["portal"].AskThrough(servedBy{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })})
	f := s.follow(j, request("GET", "https://app.example.com/logout", "", clicked...))
	if _, visits := p.state(); len(visits) != 0 || !strings.Contains(f.body, `data-page="landing"`) || !strings.Contains(f.body, "may still be signed in") || !strings.Contains(f.body, `href="https://auth.example.com/logout"`) {
		t.Errorf("%v %s", f.visited, f.body)
	}
}

// TestPortalIsNotVisitedWithoutSession: there is nothing to end.
func TestPortalIsNotVisitedWithoutSession(t *testing.T) {
	t.Parallel()
	p := &portal{back: "rd"}
	s, _, _ := portalSite(t, p, "https://auth.example.com/logout?rd={return_url}")
	f := s.follow(&jar{now: time.Now()}, request("GET", "https://app.example.com/logout", "", clicked...))
	if _, visits := p.state(); len(visits) != 0 || !strings.Contains(f.body, `data-page="landing"`) {
		t.Errorf("%v %s", f.visited, f.body)
	}
}

// TestPortalInCircles: a logout_url that is a logout of the app itself, or a
// page of ours, would never end.
func TestPortalInCircles(t *testing.T) {
	for _, logoutURL := range []string{"/logout", "/logout?rd={return_url}", "/.universal-logout/return", "/.universal-logout/done?rd={return_url}", "//evil.example/logout", `/\evil.example`, "/%2e%2e/x", "logout", "javascript:alert(1)", "https://ana@auth.example.com/"} {
		_, err := loadSite(t, "{"+testGlobals+"universal_logout {\n provider portal {\n logout_url `"+logoutURL+"`\n}\n}\n}\napp.example.com {\n universal_logout portal\n}")
		if err == nil || !strings.Contains(err.Error(), "logout_url") {
			t.Errorf("%s: %v", logoutURL, err)
		}
	}
}

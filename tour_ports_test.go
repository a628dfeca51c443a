package universallogout

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestWhereSiblingsAre: the public address of a sibling, by how the site that
// was reached, and the configuration, say (the rule of Caddy's own redirects).
func TestWhereSiblingsAre(t *testing.T) {
	const sites = `app.example.com, near.example.com {
			universal_logout
		}
		other.example.com:8443 {
			universal_logout
		}
		both.example.com, both.example.com:8443 {
			universal_logout
		}
		http://plain.example.com {
			universal_logout
		}
		http://localhost:8080 {
			universal_logout
		}`
	for name, tc := range map[string]struct {
		globals, at string
		stops       []string
		plain       []string
	}{
		"usual ports":      {"", "https://app.example.com", []string{"https://app.example.com", "https://both.example.com", "https://near.example.com", "https://both.example.com:8443", "https://other.example.com:8443", "http://localhost:8080"}, []string{"plain.example.com"}},
		"a mapped port":    {"", "https://app.example.com:9443", []string{"https://app.example.com:9443", "https://both.example.com:9443", "https://near.example.com:9443", "https://both.example.com:8443", "https://other.example.com:8443", "http://localhost:8080"}, []string{"plain.example.com"}},
		"https_port":       {"https_port 8443", "https://app.example.com", []string{"https://app.example.com", "https://both.example.com", "https://near.example.com", "https://other.example.com", "http://localhost:8080"}, []string{"plain.example.com"}},
		"at the http site": {"", "http://plain.example.com", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tc.globals, sites)
			start := origin.Parse(tc.at)
			tr, it := s.app.newTour(s.atServerOf(start), start, defaultGroup, "id")
			var stops []string
			for _, stop := range it.Stops {
				stops = append(stops, stop.Origin.String())
			}
			if (tr == nil) != (tc.stops == nil) || tr != nil && stops[0] != tc.at {
				t.Errorf("begins: %t, at %v", tr != nil, stops)
			}
			slices.Sort(stops)
			slices.Sort(tc.stops)
			if tr != nil && (!slices.Equal(stops, tc.stops) || !slices.Equal(it.Plain, tc.plain)) {
				t.Errorf("%v and %v, want %v and %v", stops, it.Plain, tc.stops, tc.plain)
			}
		})
	}
}

// atServerOf is a request at the server that has a site of this name first.
func (s *site) atServerOf(o origin.Origin) (r *http.Request) {
	for _, p := range s.app.mounts() {
		if slices.Contains(p.Hosts, o.Hostname()) && p.Server.HTTPS == o.IsHTTPS() {
			r = request("GET", o.String()+"/", "")
			if o.IsHTTPS() {
				r.TLS = &tls.ConnectionState{}
			}
			return r.WithContext(context.WithValue(r.Context(), caddyhttp.ServerCtxKey, p.Server.Caddy))
		}
	}
	s.t.Fatal("no such site")
	return nil
}

// TestHTTPSitesAreListed: what the tour cannot reach, the landing page names.
func TestHTTPSitesAreListed(t *testing.T) {
	t.Parallel()
	lab := newTourLabOf(t, "", `a.alpha.com, b.alpha.com {
		universal_logout
		reverse_proxy APP
	}
	http://old.alpha.com {
		universal_logout
		reverse_proxy APP
	}
	http://b.alpha.com {
		redir https://b.alpha.com{uri}
	}`, "a.alpha.com", "b.alpha.com")
	j := lab.visitor("ana")
	f := lab.follow(j, lab.signOutForm("a.alpha.com"))
	for _, v := range f.visited {
		if strings.HasPrefix(v, "http:") {
			t.Errorf("went to %s", v)
		}
	}
	if !strings.Contains(f.body, `<a href="http://old.alpha.com/">old.alpha.com</a> <span>not reached, for it has no https`) || len(lab.left(j, "ana")) > 0 {
		t.Errorf("%s", f.body)
	}
	if strings.Contains(f.body, "signed out everywhere") {
		t.Errorf("says that all is ended, and that old.alpha.com is not: %s", f.body)
	}
	// There, the logout is about that site alone.
	r := request("POST", "http://old.alpha.com/logout", "", "Origin: http://old.alpha.com", "Accept: text/html")
	w := httptest.NewRecorder()
	for _, server := range lab.http.Servers {
		if len(server.TLSConnPolicies) == 0 {
			server.ServeHTTP(w, r)
			break
		}
	}
	if w.Code != 200 || tourForm.MatchString(w.Body.String()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestManyCookiesOfASibling: expirations that find no room in one answer go
// with the next, until the browser has none of them.
func TestManyCookiesOfASibling(t *testing.T) {
	for _, n := range []int{1, 30, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, "session_cookies sessionid s*", groupSites...)
			j := lab.visitor("ana")
			for _, host := range []string{"b.alpha.com", "d.beta.org"} {
				for i := range n {
					j.store(host, "/", true, []string{fmt.Sprintf("s%d=%s%d; Path=/; Secure; Domain=%s", i, credential, i, host)})
				}
			}
			f := lab.follow(j, lab.signOutForm("a.alpha.com"))
			if left := lab.left(j, "ana"); len(left) > 0 || len(j.cookies) > 0 {
				t.Errorf("left at %v; %d cookies: %s", left, len(j.cookies), f.body)
			}
		})
	}
}

// TestHeadersOfAFullTour: a large token, a provider and many siblings.
func TestHeadersOfAFullTour(t *testing.T) {
	t.Parallel()
	hosts := manySites(64, 1)
	lab := newTourLabOf(t, `universal_logout {
		provider main https://sso.domain-0.com {
			client_id edge
		}
	}`, strings.Join(hosts, ", ")+` {
		universal_logout main {
			id_token {http.request.cookie.idToken}
			session_cookies sessionid idToken
		}
		reverse_proxy APP
	}`, hosts...)
	lab.app.work.Retries = nil
	for _, size := range []int{100, 1500, 3000} {
		j := lab.visitor("ana")
		j.store(hosts[0], "/", true, []string{"idToken=e30." + strings.Repeat("x", size) + ".sig; Path=/; Secure"})
		p := lab.signOut(j, hosts[0])
		if n := headerBytes(p.Response); n > 8<<10 || size < 500 && n > 4<<10 {
			t.Errorf("with an ID token of %d bytes the header has %d", size, n)
		}
		if len(asked.FindAllString(p.body, -1)) != 63 {
			t.Errorf("asks %d sites", len(asked.FindAllString(p.body, -1)))
		}
	}
}

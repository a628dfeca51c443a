package universallogout

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestHubForwardsToNamedHostsOnly: anybody can make a request for a name
// of his own to a site without one, and carry its state to a victim's browser.
// What the provider says to the hub goes to sites that the configuration names.
func TestHubForwardsToNamedHostsOnly(t *testing.T) {
	t.Parallel()
	so := newSignOnAt(t, `universal_logout {
		hub `+hubSite+`
		provider main ISSUER {
			client_id edge
		}
	}`, `logout.example.com {
		universal_logout
	}
	app.example.com, *.apps.example.com {
		universal_logout main
		reverse_proxy APP
	}
	https:// {
		tls internal {
			on_demand
		}
		universal_logout main
		reverse_proxy APP
	}`, endsSession)
	so.op.Register(oidctest.Client{
		ID: edgeClient, RedirectURIs: []string{hubSite + "/.universal-logout/callback"}, PostLogoutRedirectURIs: []string{hubSite + "/.universal-logout/return"},
	})
	for site, named := range map[string]bool{
		"https://app.example.com":                 true,
		"https://one.apps.example.com":            true,
		"https://a.b.apps.example.com":            false,
		"https://apps.example.com":                false,
		"https://example.com":                     false,
		"https://evil.example":                    false,
		"https://app.example.com.evil.example":    false,
		"https://xapps.example.com":               false,
		"http://app.example.com":                  false,
		"https://127.0.0.1":                       false,
		"https://evil.example/?.apps.example.com": false,
		"": false,
	} {
		for _, path := range []string{"/callback", "/return"} {
			state := so.site.app.process.keys.Seal("state", fmt.Appendf(nil, `{"i":"x","s":%q,"m":%s}`, site, timestamp()))
			res := so.do(request("GET", hubSite+"/.universal-logout"+path+"?code=c&state="+state, "", fromElsewhere...))
			if !named {
				wantBare(t, site, res)
			} else if !strings.HasPrefix(res.Header.Get("Location"), site+"/.universal-logout"+path+"?") {
				t.Errorf("%s: %d %v", site, res.StatusCode, res.Header)
			}
		}
	}
	// Nor does the hub stand in for such a host: no state goes out that it would have to forward.
	res := so.do(request("GET", "https://evil.example/logout", "", with(clicked, "Cookie: sessionid=whatever")...))
	if location := res.Header.Get("Location"); strings.Contains(location, url.QueryEscape(hubSite)) || strings.Contains(location, "state=") {
		t.Errorf("sent to %s", location)
	}
}

// TestForgedHostsAskTheProviderLittle: each host that somebody invents is
// another return address to try. There is a limit to that, and the site that
// people use works on.
func TestForgedHostsAskTheProviderLittle(t *testing.T) {
	t.Parallel()
	so := newSignOnAt(t, mainProvider, `https:// {
		tls internal {
			on_demand
		}
		universal_logout main
		reverse_proxy APP
	}`, endsSession)
	so.wantEnded(so.click())
	before := len(so.op.Seen())
	for i := range 300 {
		res := so.do(request("GET", fmt.Sprintf("https://h%d.example/logout", i), "", with(clicked, "Cookie: sessionid=whatever")...))
		if res.StatusCode != 303 || res.Header.Get("Location") == "" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
	}
	if n := len(so.op.Seen()) - before; n > 100 {
		t.Errorf("%d requests to the provider", n)
	}
	so.app.login("one")
	so.setCookie("sessionid=one")
	so.signInAtProvider()
	so.wantEnded(so.click())
}

// TestCallbackTakesNoLongerThanTimeout: 1, fail safe. Discovery, keys and the
// token endpoint share the time of one step, whichever of them hangs.
func TestCallbackTakesNoLongerThanTimeout(t *testing.T) {
	const timeout = 500 * time.Millisecond
	for name, tc := range map[string]struct {
		hangs []string // path suffixes, nil for all
		later time.Duration
		query string
	}{
		"everything":                 {nil, 0, "code=CODE"},
		"everything, asked anew":     {nil, 20 * time.Second, "code=CODE"},
		"discovery":                  {[]string{"/openid-configuration"}, 20 * time.Second, "code=CODE"},
		"the token endpoint":         {[]string{"/token"}, 0, "code=CODE"},
		"the keys":                   {[]string{"/jwks"}, 0, "code=CODE"},
		"the logout":                 {[]string{"/logout"}, 6 * time.Minute, "code=CODE"},
		"all but the token endpoint": {[]string{"/openid-configuration", "/jwks", "/logout"}, 6 * time.Minute, "code=CODE"},
		"an error comes back":        {nil, 6 * time.Minute, "error=consent_required"},
		"no session":                 {nil, 20 * time.Second, "error=login_required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{timeout: timeout})
			slow := so.slowProvider()
			c := so.turnable()
			answer := mustURL(so.next(so.step(so.leave())))
			slow.hang(tc.hangs...)
			c.turn(tc.later)
			query := strings.Replace(tc.query, "CODE", answer.Query().Get("code"), 1) + "&iss=" + url.QueryEscape(so.op.Issuer()) + "&state=" + answer.Query().Get("state")
			began := time.Now()
			res := so.send(request("GET", oursAtApp+"/callback?"+query, "", fromElsewhere...))
			if took := time.Since(began); took > timeout+500*time.Millisecond {
				t.Errorf("took %s", took)
			}
			if res.StatusCode != 303 || res.Header.Get("Location") == "" {
				t.Errorf("%d %v", res.StatusCode, res.Header)
			}
		})
	}
}

// slowProvider can be made to answer some questions of the edge never.
type slowProvider struct {
	http.RoundTripper
	mu    sync.Mutex
	hangs func(path string) bool
}

func (so *signOn) slowProvider() *slowProvider {
	s := &slowProvider{RoundTripper: http.DefaultTransport, hangs: func(string) bool { return false }}
	so.main().AskThrough(s)
	return s
}

func (s *slowProvider) hang(suffixes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangs = func(path string) bool {
		for _, suffix := range suffixes {
			if strings.HasSuffix(path, suffix) {
				return true
			}
		}
		return len(suffixes) == 0
	}
}

func (s *slowProvider) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	hangs := s.hangs(r.URL.Path)
	s.mu.Unlock()
	if hangs {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return s.RoundTripper.RoundTrip(r)
}

// TestDeadPortalGetsNoBrowser: 1, fail safe, in all ways to be dead.
func TestDeadPortalGetsNoBrowser(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no connection": nil,
		"500":           status(500),
		"503":           status(503),
		"a circle": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", r.URL.Path)
			w.WriteHeader(302)
		},
		"cut":   func(w http.ResponseWriter, _ *http.Request) { labtest.Hijack(w, "") },
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := httptest.NewServer(answer)
			t.Cleanup(func() { at.CloseClientConnections(); at.Close() })
			if answer == nil {
				at.Close()
			}
			so := newSignOnAt(t, "universal_logout {\ntimeout "+testTimeout.String()+"\nprovider main {\nlogout_url "+at.URL+"/logout?rd={return_url}\n}\n}",
				"app.example.com {\nuniversal_logout main\nreverse_proxy APP\n}", endsSession)
			began := time.Now()
			f := so.click()
			if took := time.Since(began); took > testTimeout+500*time.Millisecond {
				t.Errorf("took %s", took)
			}
			so.wantLanding(f)
			if !strings.Contains(f.body, "may still be signed in") || hrefIn(f.body, at.URL+"/logout") == "" {
				t.Errorf("%s\n%s", strings.Join(f.visited, "\n"), f.body)
			}
		})
	}
}

// TestAnnouncedIssuerMustCome: RFC 9207 2.4. A provider that says that its
// answers name it has not given one that does not.
func TestAnnouncedIssuerMustCome(t *testing.T) {
	for name, tc := range map[string]struct {
		iss     string // "" for none
		redeems bool
	}{
		"its own":   {"ISSUER", true},
		"none":      {"", false},
		"another's": {"https://evil.example", false},
		"nearly":    {"ISSUER/", false},
	} {
		for _, answer := range []string{"code=CODE", "error=login_required"} {
			t.Run(name+" × "+answer, func(t *testing.T) {
				t.Parallel()
				so := newSignOn(t, signOnConfig{})
				back := mustURL(so.next(so.step(so.leave())))
				query := strings.Replace(answer, "CODE", back.Query().Get("code"), 1) + "&state=" + back.Query().Get("state")
				if tc.iss != "" {
					query += "&iss=" + url.QueryEscape(strings.Replace(tc.iss, "ISSUER", so.op.Issuer(), 1))
				}
				res := so.send(request("GET", oursAtApp+"/callback?"+query, "", fromElsewhere...))
				if redeemed := len(so.op.Seen("/token")) == 1; redeemed != (tc.redeems && strings.HasPrefix(answer, "code")) {
					t.Errorf("redeemed the code: %v", redeemed)
				}
				if tc.redeems && strings.HasPrefix(answer, "error") {
					if body := bodyOf(t, so.step(res)); !strings.Contains(body, "no session at") {
						t.Errorf("the page says %s", body)
					}
					return
				}
				// Whoever that was: the logout goes on, with a hint or without.
				if q := so.queryOf(res, "/logout"); q.Get("client_id") != edgeClient || q.Has("id_token_hint") != tc.redeems {
					t.Errorf("sent %v", q)
				}
			})
		}
	}
}

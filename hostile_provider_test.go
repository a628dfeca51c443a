package universallogout

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// TestLoopbackGetsNothing: JWT-13. What a provider elsewhere says of loopback
// addresses, such as that of Caddy's own admin API, is as if it were not there,
// in a whole logout.
func TestLoopbackGetsNothing(t *testing.T) {
	t.Parallel()
	const elsewhere = "https://sso.example.com"
	w := labtest.NewWire(t, nil)
	so := newSignOn(t, signOnConfig{issuer: elsewhere})
	so.alone(8)
	so.op.SetIssuer(elsewhere)
	so.inProcess()
	inner := inProcess{so.op}
	so.main().AskThrough(transport(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			return servedBy{http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(rw, `{"issuer":%q,"end_session_endpoint":"%[1]s/logout","jwks_uri":"%[1]s/jwks","authorization_endpoint":"%[1]s/auth","token_endpoint":"%[2]s/t","revocation_endpoint":"%[2]s/r"}`, elsewhere, w.URL)
			})}.RoundTrip(r)
		}
		if r.URL.Hostname() == "127.0.0.1" {
			return http.DefaultTransport.RoundTrip(r)
		}
		return inner.RoundTrip(r)
	}))
	so.setCookie("refreshToken=" + refreshSecret)
	so.click()
	eventually(t, "nothing is left to do", so.isIdle)
	if n := len(w.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPanicInBackgroundIsNotFatal: outside a request nobody else catches one,
// and all sites would be gone. It costs that piece of work, and the log says so.
func TestPanicInBackgroundIsNotFatal(t *testing.T) {
	for name, path := range map[string]string{
		"discovery": "/.well-known/", "silent question": "/auth", "end session": "/logout", "keys": "/jwks",
		"revocation": "/revoke", "server_logout": "/sessions", "code": "/token",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := labtest.NewWire(t, nil)
			so := newSignOn(t, signOnConfig{timeout: time.Second, options: "server_logout DELETE " + w.URL + "/sessions/{sid}"})
			logged := so.alone(8)
			so.main().AskThrough(transport(func(r *http.Request) (*http.Response, error) {
				if strings.HasPrefix(r.URL.Path, path) {
					panic("a panic of this test")
				}
				return http.DefaultTransport.RoundTrip(r)
			}))
			if path != "/token" {
				so.setCookie("idToken=" + so.hint(edgeClient))
			}
			so.setCookie("refreshToken=" + refreshSecret)
			for range 2 { // and nothing waits for what is gone
				so.app.login("one")
				so.setCookie("sessionid=one")
				began := time.Now()
				f := so.click()
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("took %s", took)
				}
				if f.StatusCode != 200 || so.app.isAlive("one") || so.has("sessionid=one") {
					t.Errorf("%d at %s", f.StatusCode, strings.Join(f.visited, "\n"))
				}
			}
			eventually(t, "its place is free again", so.isIdle)
			if !strings.Contains(logsOf(logged), "panic") {
				t.Errorf("logged:\n%s", logsOf(logged))
			}
			wantQuiet(t, logged, refreshSecret)
		})
	}
}

// TestOthersDoNotTakeAllPlaces: tokens that a busy provider has yet to revoke
// keep nobody else's from being revoked.
func TestOthersDoNotTakeAllPlaces(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{timeout: 5 * time.Second, answer: func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) }})
	so.alone(work.MaxPlaces)
	so.site.app.work.Retries = []time.Duration{time.Second}
	so.op.Misbehave(oidctest.RevokeBusy)
	for i := range 100 {
		so.do(request("POST", "https://app.example.com/logout", "", with(fetched, fmt.Sprintf("Cookie: refresh_token=junk-%d", i))...))
	}
	so.op.Misbehave(oidctest.Behaves)
	so.do(request("POST", "https://app.example.com/logout", "", with(fetched, "Cookie: sessionid=one; refresh_token="+refreshSecret)...))
	eventually(t, "it is revoked", func() bool {
		for _, r := range so.op.Seen("/revoke") {
			if r.Form.Get("token") == refreshSecret {
				return true
			}
		}
		return false
	})
	eventually(t, "nothing is left to do", so.isIdle)
}

// TestFailingProviderGetsNoBrowser: also if there is nothing to discover, and
// if nothing can be tried without ending a session.
func TestFailingProviderGetsNoBrowser(t *testing.T) {
	for name, mode := range map[string]oidctest.Mode{"500": oidctest.Fails, "hangs": oidctest.Hangs, "a circle": oidctest.Circle} {
		for _, quirk := range []string{"okta", "hydra", "authentik"} {
			t.Run(name+" × "+quirk, func(t *testing.T) {
				t.Parallel()
				so := newSignOn(t, signOnConfig{timeout: testTimeout, options: "quirks " + quirk})
				p := so.main()
				m, err := so.asks()
				if err != nil {
					t.Fatal(err)
				}
				p.EndSessionEndpoint, p.JWKSURI, p.AuthorizationEndpoint, p.TokenEndpoint, p.RevocationEndpoint = m.EndSession, m.JWKS, m.Authorization, m.Token, m.Revocation
				hint := so.hint(edgeClient)
				if _, ok := p.FirstIDToken(t.Context(), []string{hint}, []string{edgeClient}); !ok {
					t.Fatal("no hint")
				}
				so.setCookie("idToken=" + hint)
				so.op.Misbehave(mode)
				f := so.click()
				so.wantLanding(f)
				if len(so.visits("/logout")) != 0 || !strings.Contains(f.body, "may still be signed in") {
					t.Errorf("%s\n%s", strings.Join(f.visited, "\n"), f.body)
				}
			})
		}
	}
	for name, mode := range map[string]oidctest.Mode{"refuses": oidctest.Refuses, "a circle": oidctest.Circle, "500": oidctest.Fails} {
		t.Run(name+" × a hint, and no client", func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{unnamed: true})
			so.setCookie("idToken=" + so.hint(appClient))
			so.op.Misbehave(mode)
			f := so.click()
			so.wantLanding(f)
			if len(so.visits("/logout")) != 0 || !strings.Contains(f.body, "may still be signed in") {
				t.Errorf("%s\n%s", strings.Join(f.visited, "\n"), f.body)
			}
		})
	}
}

package universallogout

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// TestRevokedSignOnEndsOnly: a copied cookie of a sign-on behind this edge can
// end it, and no more.
func TestRevokedSignOnEndsOnly(t *testing.T) {
	app := newSessions(t, nil)
	app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app.mu.Lock()
		app.seen = append(app.seen, r)
		app.mu.Unlock()
		w.Header().Add("Set-Cookie", "sso="+aliveSession+"; Path=/")
		w.Header().Add("Set-Cookie", "theme=dark; Path=/")
	})
	s := newSite(t, `universal_logout {
		provider main https://sso.example.com {
			client_id edge
			client_secret secret
			authorization_endpoint https://sso.example.com/auth
			end_session_endpoint https://sso.example.com/end
		}
		provider portal {
			logout_url https://auth.example.com/?logout=1&url={return_url}
		}
	}`, `sso.example.com, auth.example.com {
		universal_logout main
		reverse_proxy `+app.addr()+`
	}`)
	s.revoke(revokedSession)
	verifier := strings.Repeat("v", 43)
	v := &journey.Visit{Provider: "main", ID: "id", Stage: journey.StageHint, Verifier: verifier}
	own := origin.Origin{Scheme: "https", Host: "sso.example.com"}
	question := provider.Question{Client: "edge", RedirectURI: "https://sso.example.com/.universal-logout/callback", State: s.app.seals.SealState(v, own), Nonce: "n", Verifier: verifier}
	asked := question.URL("https://sso.example.com/auth")
	another := question
	another.Verifier = strings.Repeat("w", 43)
	v.Stage = journey.StageEnd
	ending := question
	ending.State = s.app.seals.SealState(v, own)
	for name, tc := range map[string]struct {
		method, url string
		passes      bool
	}{
		"the end":                         {"GET", "https://sso.example.com/end?id_token_hint=x", true},
		"the silent question":             {"GET", asked, true},
		"... with a body":                 {"POST", asked, false},
		"... with a request object":       {"GET", asked + "&request=eyJhbGciOiJub25lIn0.e30.", false},
		"... somewhere":                   {"GET", asked + "&request_uri=https%3A%2F%2Fevil.example", false},
		"... for more than an ID token":   {"GET", strings.Replace(asked, "scope=openid", "scope=openid+offline_access", 1), false},
		"... said twice":                  {"GET", asked + "&client_id=other", false},
		"... whose code others redeem":    {"GET", another.URL("https://sso.example.com/auth"), false},
		"... without a challenge":         {"GET", strings.Replace(asked, "code_challenge=", "nothing=", 1), false},
		"... with the state of an end":    {"GET", ending.URL("https://sso.example.com/auth"), false},
		"the portal's logout":             {"GET", "https://auth.example.com/?logout=1&url=" + url.QueryEscape("https://sso.example.com/"), true},
		"the portal itself":               {"GET", "https://auth.example.com/", false},
		"the portal, another word":        {"GET", "https://auth.example.com/?url=https%3A%2F%2Fapp.example.com", false},
		"the portal, not quite a logout":  {"GET", "https://auth.example.com/?logout=1&logout=0", false},
		"the portal, more than a logout":  {"GET", "https://auth.example.com/?logout=1&user=admin", false},
		"the portal, separated as in old": {"GET", "https://auth.example.com/?logout=1;user=admin", false},
		"the portal, with a body":         {"POST", "https://auth.example.com/?logout=1", false},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(app.requests())
			r := httptest.NewRequest(tc.method, tc.url, nil)
			r.TLS = &tls.ConnectionState{}
			r.Header.Set("Cookie", "sso="+revokedSession)
			res := s.do(r)
			seen := app.requests()[before:]
			if len(seen) != 1 || (seen[0].Header.Get("Cookie") != "") != tc.passes {
				t.Errorf("%d, the app saw %v", res.StatusCode, seen)
			}
			if got := strings.Join(res.Header["Set-Cookie"], "\n"); tc.passes && (strings.Contains(got, aliveSession) || !strings.Contains(got, "theme")) {
				t.Errorf("the session is renewed: %s", got)
			}
		})
	}
}

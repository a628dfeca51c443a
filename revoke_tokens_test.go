package universallogout

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestTokensAreRevoked: REV-02, REV-05, REV-09 and the order: when the
// app has had its turn, refresh tokens go first, by POST, wherever they are.
func TestTokensAreRevoked(t *testing.T) {
	for name, tc := range map[string]struct {
		site, headers string
		cookies       []string
	}{
		"placeholders":   {site: "access_token {http.request.header.X-Access}\nrefresh_token {http.request.cookie.kept}", headers: "X-Access: " + accessSecret, cookies: []string{"kept=" + refreshSecret}},
		"camel case":     {cookies: []string{"accessToken=" + accessSecret, "refreshToken=" + refreshSecret}},
		"snake case":     {cookies: []string{"refresh_token=" + refreshSecret, "access_token=" + accessSecret}},
		"with a dash":    {cookies: []string{"access-token=" + accessSecret, "refresh-token=" + refreshSecret}},
		"with a prefix":  {cookies: []string{"__Host-accessToken=" + accessSecret, "__Secure-refreshToken=" + refreshSecret}},
		"capitals":       {cookies: []string{"ACCESS_TOKEN=" + accessSecret, "REFRESH_TOKEN=" + refreshSecret}},
		"named and seen": {site: "access_token {http.request.cookie.accessToken}", cookies: []string{"accessToken=" + accessSecret, "refreshToken=" + refreshSecret}},
	} {
		for by, c := range callers {
			t.Run(name+" × "+by, func(t *testing.T) {
				t.Parallel()
				var early int
				var so *signOn
				so = newSignOn(t, signOnConfig{site: tc.site, answer: func(w http.ResponseWriter, r *http.Request) {
					early = len(so.op.Seen("/revoke"))
					endsSession(w, r)
				}})
				logged := so.alone(8)
				for _, line := range tc.cookies {
					so.setCookie(line)
				}
				r := request(c.method, "https://app.example.com/logout", c.body, c.headers...)
				r.Header.Set("Cookie", so.jar.header("app.example.com", "/logout", true))
				if name, value, found := strings.Cut(tc.headers, ": "); found {
					r.Header.Set(name, value)
				}
				so.do(r)
				eventually(t, "both are revoked", func() bool { return len(so.op.Seen("/revoke")) == 2 && so.isIdle() })
				if early != 0 {
					t.Error("revoked before the app had its turn")
				}
				for i, want := range []url.Values{{"token": {refreshSecret}, "token_type_hint": {"refresh_token"}}, {"token": {accessSecret}, "token_type_hint": {"access_token"}}} {
					got := so.op.Seen("/revoke")[i]
					if got.Method != "POST" || got.Form.Encode() != want.Encode() || len(got.Query) != 0 || got.Header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
						got.Header.Get("Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("edge:secret")) || got.Header.Get("Cookie") != "" {
						t.Errorf("%s %v %v", got.Method, got.Form, got.Header)
					}
				}
				wantQuiet(t, logged, accessSecret, refreshSecret)
			})
		}
	}
}

// TestForeignTokensAreNotSent: what another issuer made is none of the
// provider's business, whatever the cookie is called.
func TestForeignTokensAreNotSent(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{})
	so.alone(8)
	for _, name := range []string{"accessToken", "refreshToken", "access_token", "refresh_token", "idToken", "token"} {
		for _, iss := range []any{"https://evil.example", so.op.Issuer() + "/", nil, 7} {
			so.setCookie(name + "=" + so.op.Sign("JWT", map[string]any{"iss": iss, "sub": "ana", "aud": edgeClient, "n": name}))
			so.app.login("one")
			so.setCookie("sessionid=one")
			so.signInAtProvider()
			so.click()
		}
	}
	so.setCookie("sessionid=one")
	so.setCookie("refreshToken=" + so.op.Sign("JWT", map[string]any{"iss": so.op.Issuer(), "typ": "Refresh"}))
	so.click()
	eventually(t, "ours is sent", func() bool { return len(so.op.Seen("/revoke")) > 0 && so.isIdle() })
	if sent := so.op.Seen("/revoke"); len(sent) != 1 {
		t.Errorf("%d tokens were sent", len(sent))
	}
}

// TestNothingIsRevokedInVain: without a client or an endpoint nothing is sent,
// and the log says why.
func TestNothingIsRevokedInVain(t *testing.T) {
	for name, tc := range map[string]struct {
		unnamed bool
		mode    oidctest.Mode
		says    string
	}{
		"no client":   {true, oidctest.Behaves, "client_id"},
		"no endpoint": {false, oidctest.NoRevocation, "revocation_endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{unnamed: tc.unnamed})
			logged := so.alone(8)
			so.op.Misbehave(tc.mode)
			so.setCookie("accessToken=" + accessSecret)
			so.wantLanding(so.click())
			eventually(t, "the background is empty", so.isIdle)
			if len(so.op.Seen("/revoke")) != 0 || !strings.Contains(logsOf(logged), "tokens are not revoked: ") || !strings.Contains(logsOf(logged), tc.says) {
				t.Errorf("logged:\n%s", logsOf(logged))
			}
			wantQuiet(t, logged, accessSecret)
		})
	}
}

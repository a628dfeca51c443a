package universallogout

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestLogoutWithEverythingConfigured: no discovery in a whole logout either.
func TestLogoutWithEverythingConfigured(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{})
	at := so.op.Issuer()
	s := newSite(t, `universal_logout {
			provider main `+at+` {
				client_id edge
				client_secret secret
				end_session_endpoint `+at+`/logout
				revocation_endpoint `+at+`/revoke
				jwks_uri `+at+`/jwks
				authorization_endpoint `+at+`/auth
				token_endpoint `+at+`/token
			}
		}`, "app.example.com {\n universal_logout main\n reverse_proxy "+so.app.addr()+"\n}")
	s.op = so.op
	so.site = s
	so.wantEnded(so.click())
	if asked := so.op.Seen("/.well-known/openid-configuration"); len(asked) != 0 {
		t.Errorf("asked %d times", len(asked))
	}
}

// TestHangingProviderKeepsNobody: 1, fail safe. A logout takes no longer than
// it may, whatever the provider does, and the person lands.
func TestHangingProviderKeepsNobody(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{timeout: 300 * time.Millisecond})
	so.op.Misbehave(oidctest.Hangs)
	began := time.Now()
	f := so.click()
	so.wantLanding(f)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if !strings.Contains(f.body, "may still be signed in") {
		t.Errorf("the page says %s", f.body)
	}
}

// TestRefusingProviderGetsNoBrowser: where nobody answers, the person stays
// with us and has a button for later; a provider that only says nonsense about
// itself is visited, by what it said before.
func TestRefusingProviderGetsNoBrowser(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{})
	c := so.turnable()
	so.wantEnded(so.click())
	again := func() {
		so.app.login("one")
		so.setCookie("sessionid=one")
		so.signInAtProvider()
		c.turn(15 * time.Second)
	}
	again()
	so.op.Misbehave(oidctest.HTML)
	so.wantEnded(so.click())

	again()
	so.op.Misbehave(oidctest.Hangs)
	so.op.Close() // from now on connections are cut without an answer
	before := len(so.visits("/logout"))
	f := so.click()
	so.wantLanding(f)
	if len(so.visits("/logout")) != before || !strings.Contains(f.body, "may still be signed in") || !strings.Contains(f.body, so.op.Issuer()+"/logout") {
		t.Errorf("%v %s", f.visited, f.body)
	}
}

// TestTLSTrustErrors: what is wrong with a file is found on load.
func TestTLSTrustErrors(t *testing.T) {
	t.Parallel()
	k := labtest.NewWellKnown(t, httptest.NewTLSServer)
	k.Config.ErrorLog = nil
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate().Raw})
	dir := t.TempDir()
	good, empty := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "empty.pem")
	for file, content := range map[string][]byte{good: certificate, empty: []byte("-----BEGIN NOTHING-----\n")} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for options, says := range map[string]string{
		"tls_trust " + filepath.Join(dir, "missing.pem"): "missing.pem",
		"tls_trust " + empty:                             "no certificate in PEM",
		"tls_trust {env.UL_NOT_SET}":                     "UL_NOT_SET",
		"tls_trust insecure " + good:                     "insecure",
	} {
		if _, err := loadSite(t, providerConfig(k.URL, options)); err == nil || !strings.Contains(err.Error(), "provider main: tls_trust: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", options, err)
		}
	}
}

// TestProviderPlaceholders: secrets and addresses from the environment and
// from files, in every word; what is wrong in them is found on load.
func TestProviderPlaceholders(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	so := newSignOn(t, signOnConfig{})
	for name, value := range map[string]string{
		"UL_ISSUER": so.op.Issuer(), "UL_CLIENT": edgeClient, "UL_APP": appClient, "UL_HTTP": "http://sso.example.com", "UL_BYE": "https://app.example.com/bye",
	} {
		t.Setenv(name, value)
	}
	load := func(issuer, options, words string) (*site, error) {
		return loadSite(t, "{"+testGlobals+"universal_logout {\n provider main "+issuer+" {\n client_id {env.UL_CLIENT}\n"+options+"\n}\n}\n}\napp.example.com {\n universal_logout main {\n"+
			words+"\n}\n reverse_proxy "+so.app.addr()+"\n}")
	}
	for what, words := range map[string]string{"the provider's client": "", "the app's client": "client_id {env.UL_APP}\npost_logout_redirect_uri {env.UL_BYE}"} {
		s, err := load("{env.UL_ISSUER}", "client_secret {file."+secret+"}\nend_session_endpoint {env.UL_ISSUER}/logout", words)
		if err != nil {
			t.Fatal(err)
		}
		s.op, so.site = so.op, s
		so.wantEnded(so.click())
		so.app.login("one")
		so.setCookie("sessionid=one")
		so.signInAtProvider()
		if asked := so.op.Seen("/token"); len(asked) == 0 {
			t.Errorf("%s: no code was redeemed", what)
		}
	}
	for name, tc := range map[string]struct{ issuer, options, says string }{
		"http":           {"{env.UL_HTTP}", "", "begin with https://"},
		"http endpoint":  {"{env.UL_ISSUER}", "token_endpoint {env.UL_HTTP}/token", "token_endpoint"},
		"not set":        {"{env.UL_NOT_SET}", "", "UL_NOT_SET"},
		"no such file":   {"{env.UL_ISSUER}", "client_secret {file." + secret + ".old}", "secret.old"},
		"of the request": {"https://{http.request.host}", "", "http.request.host"},
		"a secret alone": {"{env.UL_ISSUER}", "client_auth private_key_jwt", "client_key"},
		"a key":          {"{env.UL_ISSUER}", "client_key {file." + secret + "}", "client_key"},
	} {
		if _, err := load(tc.issuer, tc.options, ""); err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "secret\n") {
			t.Errorf("%s: %v, want one about %s", name, err, tc.says)
		}
	}
}

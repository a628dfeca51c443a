package universallogout

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestConfiguredEndpointsWin: RPI-01, each of them, and with all of them there
// is nothing to be asked.
func TestConfiguredEndpointsWin(t *testing.T) {
	t.Parallel()
	words := []string{"end_session_endpoint", "revocation_endpoint", "jwks_uri", "authorization_endpoint", "token_endpoint"}
	values := func(m provider.Metadata) []string {
		return []string{m.EndSession, m.Revocation, m.JWKS, m.Authorization, m.Token}
	}
	k := newWellKnown(t, httptest.NewServer)
	discovered, err := providerSite(t, k.URL, "").asks()
	if err != nil {
		t.Fatal(err)
	}
	all := "client_id edge\n"
	for i, word := range words {
		const ours = "https://own.example/x?y=1"
		all += word + " " + ours + "\n"
		m, err := providerSite(t, k.URL, word+" "+ours).asks()
		want := values(discovered)
		want[i] = ours
		if got := values(m); err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v, %v", word, got, err)
		}
	}
	before := k.asked.Load()
	for range 2 {
		m, err := providerSite(t, k.URL, all).asks()
		if got := strings.Join(values(m), " "); err != nil || got != strings.TrimSpace(strings.Repeat("https://own.example/x?y=1 ", 5)) {
			t.Errorf("%s %v", got, err)
		}
	}
	if k.asked.Load() != before {
		t.Error("the provider was asked although all was said")
	}
}

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
		c.turn(provider.FreshMetadata)
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

// TestTLSTrust: the system's roots, and files, and Caddy's own CA, which may
// be made after the first question only.
func TestTLSTrust(t *testing.T) {
	t.Parallel()
	k := newWellKnown(t, httptest.NewTLSServer)
	k.Config.ErrorLog = nil
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate().Raw})
	dir := t.TempDir()
	good, empty := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "empty.pem")
	for file, content := range map[string][]byte{good: certificate, empty: []byte("-----BEGIN NOTHING-----\n")} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for options, ok := range map[string]bool{"": false, "tls_trust insecure": true, "tls_trust " + good: true} {
		m, err := providerSite(t, k.URL, options).asks()
		if (err == nil) != ok || ok && m.EndSession == "" || !ok && !provider.IsUnreachable(err) {
			t.Errorf("%s: %+v %v", options, m, err)
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
	t.Run("local CA", func(t *testing.T) {
		s := providerSite(t, k.URL, "")
		c := s.turnable()
		if _, err := s.asks(); err == nil {
			t.Fatal("trusted for no reason")
		}
		if err := s.app.ctx.Storage().Store(t.Context(), "pki/authorities/local/root.crt", certificate); err != nil {
			t.Fatal(err)
		}
		c.turn(provider.RetryMetadata)
		if m, err := s.asks(); err != nil || m.EndSession == "" {
			t.Errorf("%+v %v", m, err)
		}
	})
}

// TestLocalhostNames: RFC 6761 6.3, as in browsers, whatever the resolver says.
func TestLocalhostNames(t *testing.T) {
	t.Parallel()
	k := newWellKnown(t, httptest.NewServer)
	issuer := strings.Replace(k.URL, "127.0.0.1", "SSO.localhost", 1)
	k.serves(func(w http.ResponseWriter, _ *http.Request) { k.document(w, map[string]any{"issuer": issuer}) })
	if m, err := providerSite(t, issuer, "").asks(); err != nil || m.EndSession == "" {
		t.Errorf("%+v %v", m, err)
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

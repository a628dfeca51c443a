package universallogout

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// wellKnown is a server with nothing but a discovery document.
type wellKnown struct {
	*httptest.Server
	asked  atomic.Int32
	answer atomic.Pointer[http.HandlerFunc]
}

func newWellKnown(t testing.TB, start func(http.Handler) *httptest.Server) *wellKnown {
	t.Helper()
	k := new(wellKnown)
	k.serves(func(w http.ResponseWriter, r *http.Request) { k.document(w, nil) })
	k.Server = start(k)
	t.Cleanup(k.Close)
	return k
}

func (k *wellKnown) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.asked.Add(1)
	(*k.answer.Load())(w, r)
}

func (k *wellKnown) serves(answer http.HandlerFunc) { k.answer.Store(&answer) }

// document answers with the metadata of a provider at the server's address.
func (k *wellKnown) document(w http.ResponseWriter, change map[string]any) {
	doc := map[string]any{
		"issuer": k.URL, "end_session_endpoint": k.URL + "/end", "jwks_uri": k.URL + "/jwks",
		"authorization_endpoint": k.URL + "/auth", "token_endpoint": k.URL + "/token", "revocation_endpoint": k.URL + "/revoke",
	}
	maps.Copy(doc, change)
	_ = json.NewEncoder(w).Encode(doc)
}

// clock is one that tests turn.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time                  { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) turn(by time.Duration)           { c.ahead.Add(int64(by)) }
func (s *site) turnable() (c *clock)             { c = new(clock); s.app.now = c.now; return c }
func (s *site) main() *provider.Provider         { return s.app.run.providers["main"] }
func (s *site) asks() (provider.Metadata, error) { return s.main().Endpoints(s.t.Context()) }
func providerSite(t testing.TB, issuer, options string) *site {
	t.Helper()
	s, err := loadSite(t, providerConfig(issuer, options))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func providerConfig(issuer, options string) string {
	return "{" + testGlobals + "universal_logout {\n provider main " + issuer + " {\n" + options + "\n}\n}\n}\napp.example.com {\n universal_logout main\n}"
}

// TestProvisioningAsksNobody: a provider that hangs cannot keep Caddy from
// starting or reloading.
func TestProvisioningAsksNobody(t *testing.T) {
	t.Parallel()
	op := oidctest.Start(t, oidctest.Config{})
	op.Misbehave(oidctest.Hangs)
	providerSite(t, op.Issuer(), "client_id edge")
	if seen := op.Seen(); len(seen) != 0 {
		t.Errorf("%d requests", len(seen))
	}
}

// TestMetadataSurvivesReload: a new configuration knows what the old one knew,
// of the same issuer.
func TestMetadataSurvivesReload(t *testing.T) {
	t.Parallel()
	k := newWellKnown(t, httptest.NewServer)
	before := providerSite(t, k.URL, "")
	if _, err := before.asks(); err != nil {
		t.Fatal(err)
	}
	k.serves(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
	after := providerSite(t, k.URL, "client_id edge")
	after.app.use(before.app.process) // one process
	if m, err := after.asks(); err == nil || m.EndSession != k.URL+"/end" {
		t.Errorf("%+v %v", m, err)
	}
	if m, _ := providerSite(t, k.URL+"/", "").asks(); m.EndSession != "" {
		t.Errorf("another issuer's: %+v", m)
	}
}

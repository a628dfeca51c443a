package universallogout

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

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
	k := labtest.NewWellKnown(t, httptest.NewServer)
	before := providerSite(t, k.URL, "")
	if _, err := before.asks(); err != nil {
		t.Fatal(err)
	}
	k.Serves(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
	after := providerSite(t, k.URL, "client_id edge")
	after.app.use(before.app.process) // one process
	if m, err := after.asks(); err == nil || m.EndSession != k.URL+"/end" {
		t.Errorf("%+v %v", m, err)
	}
	if m, _ := providerSite(t, k.URL+"/", "").asks(); m.EndSession != "" {
		t.Errorf("another issuer's: %+v", m)
	}
}

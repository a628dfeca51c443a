package provider

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
)

// TestTLSTrust: the system's roots, and files, and Caddy's own CA, which may
// be made after the first question only.
func TestTLSTrust(t *testing.T) {
	t.Parallel()
	k := labtest.NewWellKnown(t, httptest.NewTLSServer)
	k.Config.ErrorLog = nil
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate().Raw})
	good := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(good, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	for trust, ok := range map[string]bool{"": false, "insecure": true, good: true} {
		config := Config{Issuer: k.URL}
		if trust != "" {
			config.TLSTrust = []string{trust}
		}
		m, err := newLab(t, config).asks()
		if (err == nil) != ok || ok && m.EndSession == "" || !ok && !isUnreachable(err) {
			t.Errorf("%s: %+v %v", trust, m, err)
		}
	}
	t.Run("local CA", func(t *testing.T) {
		p := newLab(t, Config{Issuer: k.URL})
		if _, err := p.asks(); err == nil {
			t.Fatal("trusted for no reason")
		}
		if err := p.env.Storage.Store(t.Context(), "pki/authorities/local/root.crt", certificate); err != nil {
			t.Fatal(err)
		}
		p.clock.turn(retryMetadata)
		if m, err := p.asks(); err != nil || m.EndSession == "" {
			t.Errorf("%+v %v", m, err)
		}
	})
}

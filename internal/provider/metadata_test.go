package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
)

// TestDiscoveryIsSharedAndRare: whoever logs out meanwhile waits for the same
// answer, and for 15 s it is good.
func TestDiscoveryIsSharedAndRare(t *testing.T) {
	t.Parallel()
	k := labtest.NewWellKnown(t, httptest.NewServer)
	release := make(chan struct{})
	k.Serves(func(w http.ResponseWriter, _ *http.Request) { <-release; k.Document(w, nil) })
	s := newLab(t, Config{Issuer: k.URL})
	c := s.clock
	var all sync.WaitGroup
	var started sync.WaitGroup
	for range 40 {
		started.Add(1)
		all.Go(func() {
			started.Done()
			if m, err := s.asks(); err != nil || m.EndSession != k.URL+"/end" {
				t.Errorf("%+v %v", m, err)
			}
		})
	}
	// One leaves; the others get their answer all the same.
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.Endpoints(gone); !isUnreachable(err) {
		t.Errorf("who did not wait got %v", err)
	}
	started.Wait()
	close(release)
	all.Wait()
	for _, step := range []struct {
		by   time.Duration
		want int32
	}{{0, 1}, {14 * time.Second, 1}, {time.Second, 2}, {14 * time.Second, 2}} {
		c.turn(step.by)
		if _, err := s.asks(); err != nil || k.Asked.Load() != step.want {
			t.Errorf("asked %d times after %s more, want %d: %v", k.Asked.Load(), step.by, step.want, err)
		}
	}
}

// TestDiscoveryIsTriedAgain: 3 s after a failure, and not before.
func TestDiscoveryIsTriedAgain(t *testing.T) {
	t.Parallel()
	k := labtest.NewWellKnown(t, httptest.NewServer)
	k.Serves(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	s := newLab(t, Config{Issuer: k.URL})
	c := s.clock
	for range 3 {
		if m, err := s.asks(); err == nil || m.EndSession != "" || k.Asked.Load() != 1 {
			t.Errorf("%+v %v, asked %d times", m, err, k.Asked.Load())
		}
		c.turn(900 * time.Millisecond)
	}
	k.Serves(func(w http.ResponseWriter, _ *http.Request) { k.Document(w, nil) })
	c.turn(time.Second)
	if m, err := s.asks(); err != nil || m.EndSession == "" {
		t.Errorf("%+v %v", m, err)
	}
}

// TestKnownMetadataIsKept: what a provider said once is good as long as it
// says nothing better; but where nobody answers, no browser goes.
func TestKnownMetadataIsKept(t *testing.T) {
	t.Parallel()
	elsewhere := labtest.NewWellKnown(t, httptest.NewServer)
	for name, tc := range map[string]struct {
		answer func(*labtest.WellKnown, http.ResponseWriter)
		alone  bool // no answer at all
	}{
		"500":           {answer: func(_ *labtest.WellKnown, w http.ResponseWriter) { w.WriteHeader(500) }},
		"404":           {answer: func(_ *labtest.WellKnown, w http.ResponseWriter) { w.WriteHeader(404) }},
		"HTML":          {answer: func(_ *labtest.WellKnown, w http.ResponseWriter) { fmt.Fprint(w, "<!doctype html>") }},
		"nothing in it": {answer: func(_ *labtest.WellKnown, w http.ResponseWriter) { fmt.Fprint(w, "{}") }},
		"no object":     {answer: func(_ *labtest.WellKnown, w http.ResponseWriter) { fmt.Fprint(w, "null") }},
		"numbers":       {answer: func(_ *labtest.WellKnown, w http.ResponseWriter) { fmt.Fprint(w, `{"issuer":1}`) }},
		"two documents": {answer: func(k *labtest.WellKnown, w http.ResponseWriter) { k.Document(w, nil); fmt.Fprint(w, "{}") }},
		"another issuer": {answer: func(k *labtest.WellKnown, w http.ResponseWriter) {
			k.Document(w, map[string]any{"issuer": k.URL + "/x"})
		}},
		"513 KiB": {answer: func(k *labtest.WellKnown, w http.ResponseWriter) {
			fmt.Fprint(w, strings.Repeat(" ", maxDocument))
			k.Document(w, nil)
		}},
		"redirect": {answer: func(_ *labtest.WellKnown, w http.ResponseWriter) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(302)
		}},
		"breaks off": {alone: true, answer: func(_ *labtest.WellKnown, w http.ResponseWriter) {
			w.Header().Set("Content-Length", "9999")
			fmt.Fprint(w, "{")
		}},
		"no connection": {alone: true},
		"no HTTP":       {alone: true, answer: func(_ *labtest.WellKnown, w http.ResponseWriter) { labtest.Hijack(w, "SSH-2.0-OpenSSH_9\r\n") }},
		"an endless header": {alone: true, answer: func(_ *labtest.WellKnown, w http.ResponseWriter) {
			labtest.Hijack(w, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := labtest.NewWellKnown(t, httptest.NewServer)
			s := newLab(t, Config{Issuer: k.URL})
			c := s.clock
			if _, err := s.asks(); err != nil {
				t.Fatal(err)
			}
			if tc.answer == nil {
				k.Close()
			} else {
				k.Serves(func(w http.ResponseWriter, _ *http.Request) { tc.answer(k, w) })
			}
			c.turn(freshMetadata)
			m, err := s.asks()
			if err == nil || m.EndSession != k.URL+"/end" || isUnreachable(err) != tc.alone {
				t.Errorf("%+v %v", m, err)
			}
			c.turn(retryMetadata)
			k.Serves(func(w http.ResponseWriter, _ *http.Request) {
				k.Document(w, map[string]any{"end_session_endpoint": k.URL + "/new"})
			})
			if m, err := s.asks(); tc.answer != nil && (err != nil || m.EndSession != k.URL+"/new") {
				t.Errorf("does not recover: %+v %v", m, err)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Asked.Load(); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

// TestBiggestMetadata: 512 KiB are read.
func TestBiggestMetadata(t *testing.T) {
	t.Parallel()
	k := labtest.NewWellKnown(t, httptest.NewServer)
	k.Serves(func(w http.ResponseWriter, _ *http.Request) {
		doc := fmt.Sprintf(`{"issuer":%q,"end_session_endpoint":%q}`, k.URL, k.URL+"/end")
		fmt.Fprint(w, strings.Repeat(" ", maxDocument-len(doc))+doc)
	})
	if m, err := newLab(t, Config{Issuer: k.URL}).asks(); err != nil || m.EndSession == "" {
		t.Error(err)
	}
}

// TestIssuerIsComparedByteForByte: RPI-04.
func TestIssuerIsComparedByteForByte(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		configured, named, asked string
		ok                       bool
	}{
		"as configured":        {"", "", "/.well-known/openid-configuration", true},
		"with a path":          {"/realms/main", "/realms/main", "/realms/main/.well-known/openid-configuration", true},
		"with a slash at last": {"/o/app/", "/o/app/", "/o/app/.well-known/openid-configuration", true},
		"slash added":          {"", "/", "/.well-known/openid-configuration", false},
		"slash left out":       {"/", "", "/.well-known/openid-configuration", false},
		"case":                 {"/realms/main", "/realms/Main", "/realms/main/.well-known/openid-configuration", false},
		"dots":                 {"/realms/main", "/realms/./main", "/realms/main/.well-known/openid-configuration", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := labtest.NewWellKnown(t, httptest.NewServer)
			var asked atomic.Value
			k.Serves(func(w http.ResponseWriter, r *http.Request) {
				asked.Store(r.URL.Path)
				k.Document(w, map[string]any{"issuer": k.URL + tc.named})
			})
			m, err := newLab(t, Config{Issuer: k.URL + tc.configured}).asks()
			if (err == nil) != tc.ok || (m.EndSession != "") != tc.ok || asked.Load() != tc.asked {
				t.Errorf("%+v %v, asked at %v", m, err, asked.Load())
			}
		})
	}
}

// TestOnlySafeEndpointsCount: RPI-02, RPI-03. What a document names without
// https is as if it were not there; a query of its own may be.
func TestOnlySafeEndpointsCount(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]bool{
		"https://sso.example.com/end": true, "https://sso.example.com:8443/end?tenant=1": true, "http://127.0.0.1:9/end": true, "http://sso.localhost/end": true,
		"http://sso.example.com/end": false, "https://ana@sso.example.com/end": false, "https://sso.example.com/end#x": false, "/end": false, "//sso.example.com/end": false,
		`https://sso.example.com/\e`: false, "javascript:alert(1)": false, "https:///end": false, "https://sso.example.com/e nd": false, "https://sso.example.com/\r\nX: y": false, "https:sso.example.com": false, "": false,
	} {
		k := labtest.NewWellKnown(t, httptest.NewServer)
		all := map[string]any{}
		for _, name := range []string{"end_session_endpoint", "revocation_endpoint", "jwks_uri", "authorization_endpoint", "token_endpoint"} {
			all[name] = endpoint
		}
		k.Serves(func(w http.ResponseWriter, _ *http.Request) { k.Document(w, all) })
		m, err := newLab(t, Config{Issuer: k.URL}).asks()
		for _, got := range []string{m.EndSession, m.Revocation, m.JWKS, m.Authorization, m.Token} {
			if err != nil || (got == endpoint) != want && endpoint != "" || !want && got != "" {
				t.Errorf("%q becomes %q, %v", endpoint, got, err)
			}
		}
	}
}

// TestConfiguredEndpointsWin: RPI-01, each of them, and with all of them there
// is nothing to be asked.
func TestConfiguredEndpointsWin(t *testing.T) {
	t.Parallel()
	words := []func(*Config) *string{
		func(c *Config) *string { return &c.EndSessionEndpoint }, func(c *Config) *string { return &c.RevocationEndpoint },
		func(c *Config) *string { return &c.JWKSURI }, func(c *Config) *string { return &c.AuthorizationEndpoint },
		func(c *Config) *string { return &c.TokenEndpoint },
	}
	values := func(m Metadata) []string {
		return []string{m.EndSession, m.Revocation, m.JWKS, m.Authorization, m.Token}
	}
	k := labtest.NewWellKnown(t, httptest.NewServer)
	discovered, err := newLab(t, Config{Issuer: k.URL}).asks()
	if err != nil {
		t.Fatal(err)
	}
	all := Config{Issuer: k.URL, ClientID: "edge"}
	for i, word := range words {
		const ours = "https://own.example/x?y=1"
		alone := Config{Issuer: k.URL}
		*word(&all), *word(&alone) = ours, ours
		m, err := newLab(t, alone).asks()
		want := values(discovered)
		want[i] = ours
		if got := values(m); err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("number %d: %v, %v", i, got, err)
		}
	}
	before := k.Asked.Load()
	for range 2 {
		m, err := newLab(t, all).asks()
		if got := strings.Join(values(m), " "); err != nil || got != strings.TrimSpace(strings.Repeat("https://own.example/x?y=1 ", 5)) {
			t.Errorf("%s %v", got, err)
		}
	}
	if k.Asked.Load() != before {
		t.Error("the provider was asked although all was said")
	}
}

// TestLocalhostNames: RFC 6761 6.3, as in browsers, whatever the resolver says.
func TestLocalhostNames(t *testing.T) {
	t.Parallel()
	k := labtest.NewWellKnown(t, httptest.NewServer)
	issuer := strings.Replace(k.URL, "127.0.0.1", "SSO.localhost", 1)
	k.Serves(func(w http.ResponseWriter, _ *http.Request) { k.Document(w, map[string]any{"issuer": issuer}) })
	if m, err := newLab(t, Config{Issuer: issuer}).asks(); err != nil || m.EndSession == "" {
		t.Errorf("%+v %v", m, err)
	}
}

// TestMetadataNamesNothingOfThisMachine: JWT-13. What a provider elsewhere says
// of loopback addresses, such as that of Caddy's own admin API, is as if it
// were not there. A provider on this machine may name itself.
func TestMetadataNamesNothingOfThisMachine(t *testing.T) {
	t.Parallel()
	const elsewhere = "https://sso.example.com"
	for _, endpoint := range []string{
		"http://127.0.0.1:2019/stop", "http://localhost:2019/stop", "https://localhost/x", "https://127.0.0.1/x", "http://127.1.2.3/x",
		"http://[::1]:2019/stop", "https://[::ffff:127.0.0.1]/x", "http://sso.localhost/x", "http://LOCALHOST:2019/x", "https://localhost./x", "http://127.1/x", "http://2130706433/x",
		"https://LocalHost/x", "https://sso.LOCALHOST./x", "https://0.0.0.0/x", "https://[::]/x",
	} {
		s := newLab(t, Config{Issuer: elsewhere, ClientID: "edge", ClientSecret: "secret"})
		s.AskThrough(transport(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"end_session_endpoint":%[2]q,"jwks_uri":%[2]q,"authorization_endpoint":%[2]q,"token_endpoint":%[2]q,"revocation_endpoint":%[2]q}`, elsewhere, endpoint)
		}))
		m, err := s.asks()
		if got := m.EndSession + m.JWKS + m.Authorization + m.Token + m.Revocation; err != nil || got != "" {
			t.Errorf("%s: %s %v", endpoint, got, err)
		}
	}
}

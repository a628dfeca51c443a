package universallogout

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
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
func (s *site) main() *provider.Provider         { return s.app.providers["main"] }
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

// TestDiscoveryIsSharedAndRare: whoever logs out meanwhile waits for the same
// answer, and for 15 s it is good.
func TestDiscoveryIsSharedAndRare(t *testing.T) {
	t.Parallel()
	k := newWellKnown(t, httptest.NewServer)
	release := make(chan struct{})
	k.serves(func(w http.ResponseWriter, _ *http.Request) { <-release; k.document(w, nil) })
	s := providerSite(t, k.URL, "")
	c := s.turnable()
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
	if _, err := s.main().Endpoints(gone); !provider.IsUnreachable(err) {
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
		if _, err := s.asks(); err != nil || k.asked.Load() != step.want {
			t.Errorf("asked %d times after %s more, want %d: %v", k.asked.Load(), step.by, step.want, err)
		}
	}
}

// TestDiscoveryIsTriedAgain: 3 s after a failure, and not before.
func TestDiscoveryIsTriedAgain(t *testing.T) {
	t.Parallel()
	k := newWellKnown(t, httptest.NewServer)
	k.serves(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	s := providerSite(t, k.URL, "")
	c := s.turnable()
	for range 3 {
		if m, err := s.asks(); err == nil || m.EndSession != "" || k.asked.Load() != 1 {
			t.Errorf("%+v %v, asked %d times", m, err, k.asked.Load())
		}
		c.turn(900 * time.Millisecond)
	}
	k.serves(func(w http.ResponseWriter, _ *http.Request) { k.document(w, nil) })
	c.turn(time.Second)
	if m, err := s.asks(); err != nil || m.EndSession == "" {
		t.Errorf("%+v %v", m, err)
	}
}

// TestKnownMetadataIsKept: what a provider said once is good as long as it
// says nothing better; but where nobody answers, no browser goes.
func TestKnownMetadataIsKept(t *testing.T) {
	t.Parallel()
	elsewhere := newWellKnown(t, httptest.NewServer)
	for name, tc := range map[string]struct {
		answer func(*wellKnown, http.ResponseWriter)
		alone  bool // no answer at all
	}{
		"500":            {answer: func(_ *wellKnown, w http.ResponseWriter) { w.WriteHeader(500) }},
		"404":            {answer: func(_ *wellKnown, w http.ResponseWriter) { w.WriteHeader(404) }},
		"HTML":           {answer: func(_ *wellKnown, w http.ResponseWriter) { fmt.Fprint(w, "<!doctype html>") }},
		"nothing in it":  {answer: func(_ *wellKnown, w http.ResponseWriter) { fmt.Fprint(w, "{}") }},
		"no object":      {answer: func(_ *wellKnown, w http.ResponseWriter) { fmt.Fprint(w, "null") }},
		"numbers":        {answer: func(_ *wellKnown, w http.ResponseWriter) { fmt.Fprint(w, `{"issuer":1}`) }},
		"two documents":  {answer: func(k *wellKnown, w http.ResponseWriter) { k.document(w, nil); fmt.Fprint(w, "{}") }},
		"another issuer": {answer: func(k *wellKnown, w http.ResponseWriter) { k.document(w, map[string]any{"issuer": k.URL + "/x"}) }},
		"513 KiB": {answer: func(k *wellKnown, w http.ResponseWriter) {
			fmt.Fprint(w, strings.Repeat(" ", provider.MaxMetadata))
			k.document(w, nil)
		}},
		"redirect": {answer: func(_ *wellKnown, w http.ResponseWriter) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(302)
		}},
		"breaks off": {alone: true, answer: func(_ *wellKnown, w http.ResponseWriter) {
			w.Header().Set("Content-Length", "9999")
			fmt.Fprint(w, "{")
		}},
		"no connection": {alone: true},
		"no HTTP":       {alone: true, answer: func(_ *wellKnown, w http.ResponseWriter) { hijack(w, "SSH-2.0-OpenSSH_9\r\n") }},
		"an endless header": {alone: true, answer: func(_ *wellKnown, w http.ResponseWriter) {
			hijack(w, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newWellKnown(t, httptest.NewServer)
			s := providerSite(t, k.URL, "")
			c := s.turnable()
			if _, err := s.asks(); err != nil {
				t.Fatal(err)
			}
			if tc.answer == nil {
				k.Close()
			} else {
				k.serves(func(w http.ResponseWriter, _ *http.Request) { tc.answer(k, w) })
			}
			c.turn(provider.FreshMetadata)
			m, err := s.asks()
			if err == nil || m.EndSession != k.URL+"/end" || provider.IsUnreachable(err) != tc.alone {
				t.Errorf("%+v %v", m, err)
			}
			c.turn(provider.RetryMetadata)
			k.serves(func(w http.ResponseWriter, _ *http.Request) {
				k.document(w, map[string]any{"end_session_endpoint": k.URL + "/new"})
			})
			if m, err := s.asks(); tc.answer != nil && (err != nil || m.EndSession != k.URL+"/new") {
				t.Errorf("does not recover: %+v %v", m, err)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.asked.Load(); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

func hijack(w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte(answer))
	_ = conn.Close()
}

// TestBiggestMetadata: 512 KiB are read.
func TestBiggestMetadata(t *testing.T) {
	t.Parallel()
	k := newWellKnown(t, httptest.NewServer)
	k.serves(func(w http.ResponseWriter, _ *http.Request) {
		doc := fmt.Sprintf(`{"issuer":%q,"end_session_endpoint":%q}`, k.URL, k.URL+"/end")
		fmt.Fprint(w, strings.Repeat(" ", provider.MaxMetadata-len(doc))+doc)
	})
	if m, err := providerSite(t, k.URL, "").asks(); err != nil || m.EndSession == "" {
		t.Error(err)
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
	after.app.useShared(before.app.shared) // one process
	if m, err := after.asks(); err == nil || m.EndSession != k.URL+"/end" {
		t.Errorf("%+v %v", m, err)
	}
	if m, _ := providerSite(t, k.URL+"/", "").asks(); m.EndSession != "" {
		t.Errorf("another issuer's: %+v", m)
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
			k := newWellKnown(t, httptest.NewServer)
			var asked atomic.Value
			k.serves(func(w http.ResponseWriter, r *http.Request) {
				asked.Store(r.URL.Path)
				k.document(w, map[string]any{"issuer": k.URL + tc.named})
			})
			m, err := providerSite(t, k.URL+tc.configured, "").asks()
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
		k := newWellKnown(t, httptest.NewServer)
		all := map[string]any{}
		for _, name := range []string{"end_session_endpoint", "revocation_endpoint", "jwks_uri", "authorization_endpoint", "token_endpoint"} {
			all[name] = endpoint
		}
		k.serves(func(w http.ResponseWriter, _ *http.Request) { k.document(w, all) })
		m, err := providerSite(t, k.URL, "").asks()
		for _, got := range []string{m.EndSession, m.Revocation, m.JWKS, m.Authorization, m.Token} {
			if err != nil || (got == endpoint) != want && endpoint != "" || !want && got != "" {
				t.Errorf("%q becomes %q, %v", endpoint, got, err)
			}
		}
	}
}

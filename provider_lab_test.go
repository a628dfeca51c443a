package universallogout

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

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

func (s *site) main() *provider.Provider { return s.app.run.providers["main"] }

func (s *site) asks() (provider.Metadata, error) { return s.main().Endpoints(s.t.Context()) }

type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = io.NopCloser(strings.NewReader(""))
	}
	in.RequestURI = r.URL.RequestURI()
	in.Host = r.URL.Host
	p.ServeHTTP(w, in)
	res := w.Result()
	res.Request = r
	return res, nil
}

// inProcess lets browser and edge reach the provider under a name of its own.
func (so *signOn) inProcess() {
	so.site.app.run.providers["main"].AskThrough(inProcess{so.op})
	so.site.inProcess = true
}

// servedBy is a transport without a wire, for names that nobody resolves.
type servedBy struct{ http.Handler }

func (s servedBy) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

package universallogout

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

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

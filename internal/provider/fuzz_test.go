package provider

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// FuzzProviderMetadata: no document makes us trust an endpoint that is none, or
// build an address that leads elsewhere.
func FuzzProviderMetadata(f *testing.F) {
	for _, doc := range []string{
		`{"issuer":"https://sso.example.com","end_session_endpoint":"https://sso.example.com/end?tenant=1","jwks_uri":"https://sso.example.com/keys"}`,
		`{"issuer":"https://sso.example.com","end_session_endpoint":"javascript:alert(1)","token_endpoint":"http://sso.example.com"}`,
		`{"issuer":"https://sso.example.com","ISSUER":"https://evil.example","end_session_endpoint":"https://sso.example.com:443\\@evil.example/"}`,
		`{"issuer":"https://sso.example.com","end_session_endpoint":"https://sso.example.com/e#f","revocation_endpoint":"//sso.example.com"}`,
		`{"issuer":"https://sso.example.com","end_session_endpoint":"https://[::1]:99999/?%zz","authorization_endpoint":"https://127.0.0.1/a?a=b&"}`,
		`{"issuer":"https://sso.example.com","revocation_endpoint_auth_methods_supported":["none",7]}`, `{"issuer":null}`, `[]`, `null`, `{}`, ``, `<html>`, "{\"issuer\":\"https://sso.example.com\",\"end_session_endpoint\":\"https://sso.example.com/\u202e\"}",
	} {
		f.Add(doc)
	}
	p := newLab(f, Config{Issuer: "https://sso.example.com", ClientID: "edge"})
	f.Fuzz(func(t *testing.T, doc string) {
		p.AskThrough(transport(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(doc)) }))
		m, err := p.fetchMetadata(t.Context())
		if err != nil {
			return
		}
		if m.Issuer != p.Issuer {
			t.Errorf("%q: issuer %q", doc, m.Issuer)
		}
		for _, endpoint := range []string{m.EndSession, m.Revocation, m.JWKS, m.Authorization, m.Token} {
			if endpoint == "" {
				continue
			}
			if err := origin.CheckEndpoint(endpoint); err != nil {
				t.Errorf("%q: %v", doc, err)
			}
			address, _ := EndSession{"h", "edge", "https://app.example.com/bye", "s"}.url(endpoint, Quirks{})
			u, err := url.Parse(address)
			if err != nil || !strings.HasPrefix(address, endpoint) || !origin.SameEndpoint(address, endpoint) || u.Query().Get("id_token_hint") == "" {
				t.Errorf("%q becomes %q, %v", endpoint, address, err)
			}
			if strings.ContainsAny(address, "\\\r\n\x00 ") {
				t.Errorf("%q becomes %q, which browsers read in their own way", endpoint, address)
			}
		}
	})
}

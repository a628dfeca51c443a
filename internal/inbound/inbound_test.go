package inbound

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TestOrigin: what a proxy says counts only if Caddy trusts it.
func TestOrigin(t *testing.T) {
	for _, tc := range []struct {
		tls, trusted bool
		proto, host  string
		want         string
	}{
		{want: "http://app.example.com"},
		{tls: true, want: "https://app.example.com"},
		{proto: "https", host: "evil.example", want: "http://app.example.com"},
		{trusted: true, want: "http://app.example.com"},
		{trusted: true, proto: "https", want: "https://app.example.com"},
		{trusted: true, proto: "https, http", host: "Out.example.com:443 , in.example.com", want: "https://out.example.com"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://app.example.com/", nil)
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: tc.trusted}))
		if tc.tls {
			r.TLS = new(tls.ConnectionState)
		}
		r.Header.Set("X-Forwarded-Proto", tc.proto)
		r.Header.Set("X-Forwarded-Host", tc.host)
		if got := Origin(r).String(); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
}

// TestURL: a path that another handler has cut is whole again.
func TestURL(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/cut", nil)
	if got := URL(r).Path; got != "/cut" {
		t.Errorf("as it came: %s", got)
	}
	original := http.Request{URL: &url.URL{Path: "/base/cut"}}
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original))
	if got := URL(r).Path; got != "/base/cut" {
		t.Errorf("after handle_path: %s", got)
	}
}

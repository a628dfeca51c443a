// Package inbound reads a request as Caddy got it: from whom it came, and what
// the browser asked for before other handlers changed it.
package inbound

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Origin is the origin under which the browser sees this request's site. What a
// proxy in front of Caddy says counts only if it is a trusted one.
func Origin(r *http.Request) origin.Origin {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if IsFromTrustedProxy(r) {
		if proto := firstValue(r.Header, "X-Forwarded-Proto"); proto != "" {
			scheme = proto
		}
		if forwarded := firstValue(r.Header, "X-Forwarded-Host"); forwarded != "" {
			host = forwarded
		}
	}
	return origin.New(scheme, host)
}

// firstValue is the first element of a list header, which is what the proxy
// that saw the browser wrote.
func firstValue(hdr http.Header, name string) string {
	first, _, _ := strings.Cut(hdr.Get(name), ",")
	return strings.TrimSpace(first)
}

// URL is the URL as the browser sees it: handle_path has not cut it.
func URL(r *http.Request) *url.URL {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.URL
	}
	return r.URL
}

// ClientIP is the client's address without a port, or "" if Caddy knows none.
func ClientIP(r *http.Request) string {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return ip
}

// IsFromTrustedProxy reports whether one of Caddy's trusted_proxies sent the
// request.
func IsFromTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

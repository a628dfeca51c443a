package inbound

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// ownOrigin is the origin under which the browser sees this request's site.
// What a proxy in front of Caddy says counts only if it is a trusted one.
func Origin(r *http.Request) origin.Origin {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
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
func firstValue(h http.Header, name string) string {
	first, _, _ := strings.Cut(h.Get(name), ",")
	return strings.TrimSpace(first)
}

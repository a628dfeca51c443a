package universallogout

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// origin is scheme and host as a browser compares them: lower case, without
// the scheme's default port. The zero value is no origin and equals nothing.
type origin struct{ scheme, host string }

func (o origin) String() string { return o.scheme + "://" + o.host }

func newOrigin(scheme, host string) origin {
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return origin{}
	}
	if host == "" {
		return origin{}
	}
	return origin{scheme, host}
}

// parseOrigin reads an Origin header, or a URL of which only the origin counts.
func parseOrigin(s string) origin {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" {
		return origin{}
	}
	return newOrigin(u.Scheme, u.Host)
}

// ownOrigin is the origin under which the browser sees this request's site.
// What a proxy in front of Caddy says counts only if it is a trusted one.
func ownOrigin(r *http.Request) origin {
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
	return newOrigin(scheme, host)
}

// firstValue is the first element of a list header, which is what the proxy
// that saw the browser wrote.
func firstValue(h http.Header, name string) string {
	first, _, _ := strings.Cut(h.Get(name), ",")
	return strings.TrimSpace(first)
}

// hostname is the origin's host without its port.
func (o origin) hostname() string {
	if host, _, err := net.SplitHostPort(o.host); err == nil {
		return host
	}
	return strings.Trim(o.host, "[]")
}

func (o origin) https() bool { return o.scheme == "https" }

// trustworthy is the browsers' "potentially trustworthy": https, or loopback.
// Elsewhere they ignore Clear-Site-Data and __Host- cookies (CSD-03).
func (o origin) trustworthy() bool {
	return o.https() || isLoopback(o.hostname())
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// registrableDomain is the public suffix of host and one label more, or ""
// if there is none: an IP address, a public suffix itself, no valid name.
func registrableDomain(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || !isHostname(host) {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return ""
	}
	return domain
}

// isHostname reports whether host is one that may be repeated in a header:
// lower-case labels of letters, digits, - and _, without a trailing dot.
func isHostname(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

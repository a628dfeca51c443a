package origin

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// origin is scheme and host as a browser compares them: lower case, without
// the scheme's default port. The zero value is no origin and equals nothing.
type Origin struct{ Scheme, Host string }

func (o Origin) String() string { return o.Scheme + "://" + o.Host }

func New(scheme, host string) Origin {
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return Origin{}
	}
	if host == "" {
		return Origin{}
	}
	return Origin{scheme, host}
}

// parseOrigin reads an Origin header, or a URL of which only the origin counts.
func Parse(s string) Origin {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" {
		return Origin{}
	}
	return New(u.Scheme, u.Host)
}

// hostname is the origin's host without its port.
func (o Origin) Hostname() string {
	if host, _, err := net.SplitHostPort(o.Host); err == nil {
		return host
	}
	return strings.Trim(o.Host, "[]")
}

func (o Origin) Https() bool { return o.Scheme == "https" }

// trustworthy is the browsers' "potentially trustworthy": https, or loopback.
// Elsewhere they ignore Clear-Site-Data and __Host- cookies (CSD-03).
func (o Origin) Trustworthy() bool {
	return o.Https() || isLoopback(o.Hostname())
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
func Registrable(host string) string {
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

// Package origin compares and reads addresses as browsers do: origins, sites,
// host names, host patterns, and URLs that every parser reads alike.
package origin

import (
	"cmp"
	"net"
	"net/url"
	"strings"
)

// Origin is scheme and host as a browser compares them: lower case, without
// the scheme's default port. The zero value is no origin and equals nothing.
type Origin struct{ Scheme, Host string }

// New is the origin of a scheme and a host with an optional port, or the zero
// value for schemes other than https and http.
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

// Parse reads an Origin header, or a URL of which only the origin counts. What
// has none is the zero value.
func Parse(s string) Origin {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" {
		return Origin{}
	}
	return New(u.Scheme, u.Host)
}

func (o Origin) String() string { return o.Scheme + "://" + o.Host }

// Hostname is the origin's host without its port, and without the brackets of
// an IPv6 address.
func (o Origin) Hostname() string {
	if host, _, err := net.SplitHostPort(o.Host); err == nil {
		return host
	}
	return strings.Trim(o.Host, "[]")
}

// IsHTTPS reports whether the scheme is https.
func (o Origin) IsHTTPS() bool { return o.Scheme == "https" }

// Trustworthy is the browsers' "potentially trustworthy": https, or loopback.
// Elsewhere they ignore Clear-Site-Data and __Host- cookies (CSD-03).
func (o Origin) Trustworthy() bool {
	return o.IsHTTPS() || isLoopback(o.Hostname())
}

// PortSuffix is the port as it stands behind a host, ":8443", or "" for the scheme's
// default.
func PortSuffix(o Origin) string {
	host := o.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return strings.TrimPrefix(o.Host, host)
}

// Site is equal for origins that browsers call same-site: scheme and
// registrable domain, whatever the port.
func Site(o Origin) string {
	return o.Scheme + "://" + cmp.Or(Registrable(o.Hostname()), o.Hostname())
}

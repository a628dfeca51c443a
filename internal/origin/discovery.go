package origin

import (
	"net/netip"
	"net/url"
	"strings"
)

// isThisMachine knows the spellings that a resolver takes for loopback, too.
func IsThisMachine(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, err := netip.ParseAddr(host)
	return isLoopback(host) || err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified())
}

// sameEndpoint reports whether a URL is an endpoint, whatever its query.
func SameEndpoint(raw, endpoint string) bool {
	a, errA := url.Parse(raw)
	b, errB := url.Parse(endpoint)
	if errA != nil || errB != nil || a.User != nil || a.Opaque != "" {
		return false
	}
	o := New(a.Scheme, a.Host)
	return o != (Origin{}) && o == New(b.Scheme, b.Host) && a.EscapedPath() == b.EscapedPath()
}

package origin

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Registrable is the registrable domain of a host: its public suffix and one
// label more. It is "" if there is none: for an IP address, a public suffix
// itself, no valid name.
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

// CanOwnNamesBelow reports whether one party has all names below a host: those
// below a registrable domain, and below what is no public suffix at all, like a
// home's .lan.
func CanOwnNamesBelow(host string) bool {
	if Registrable(host) != "" {
		return true
	}
	suffix, icann := publicsuffix.PublicSuffix(host)
	return isHostname(host) && !icann && !strings.Contains(suffix, ".")
}

// IsThisMachine reports whether a connection to a host ends on this machine. It
// knows the spellings that a resolver takes for loopback, too.
func IsThisMachine(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, err := netip.ParseAddr(host)
	return isLoopback(host) || err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified())
}

// isLoopback reports whether browsers take a host for their own machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
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

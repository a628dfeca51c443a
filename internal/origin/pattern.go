package origin

import (
	"net/netip"
	"strings"
)

// A host pattern is a name as Caddy's host matchers have it, in lower case,
// where * stands for one label.

// IsHostPattern reports whether a pattern can match what a browser sends.
func IsHostPattern(pattern string) bool {
	if ip, err := netip.ParseAddr(pattern); err == nil {
		return ip.String() == pattern // Caddy compares text, and browsers write it so
	}
	labels := strings.Split(pattern, ".")
	for i, label := range labels {
		if label == "*" {
			labels[i] = "x"
		}
	}
	return isHostname(strings.Join(labels, "."))
}

// CommonPattern is the pattern of the names that both patterns match, or "".
func CommonPattern(a, b string) string {
	if a == b {
		return a
	}
	if !strings.Contains(a, "*") && !strings.Contains(b, "*") {
		return ""
	}
	both, labels := strings.Split(a, "."), strings.Split(b, ".")
	if len(both) != len(labels) {
		return ""
	}
	for i, label := range labels {
		switch {
		case both[i] == "*":
			both[i] = label
		case label != "*" && label != both[i]:
			return ""
		}
	}
	return strings.Join(both, ".")
}

package origin

import (
	"net/netip"
	"strings"
)

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

// meet is the pattern of the names that both match, or "".
func Meet(a, b string) string {
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

// narrow keeps of outer what inner matches too.
func Narrow(outer, inner []string) []string {
	if outer == nil {
		return inner
	}
	both := []string{}
	for _, o := range outer {
		for _, i := range inner {
			if pattern := Meet(o, i); pattern != "" {
				both = append(both, pattern)
			}
		}
	}
	return Unique(both)
}

// minus leaves out the patterns that one of taken has altogether. What is
// served under any name, or under a *, remains so: it has other names too.
func Minus(hosts, taken []string) []string {
	if hosts == nil || len(taken) == 0 {
		return hosts
	}
	left := []string{}
	for _, host := range hosts {
		covered := false
		for _, t := range taken {
			covered = covered || Meet(t, host) == host
		}
		if !covered {
			left = append(left, host)
		}
	}
	return left
}

// unique keeps the first of each.
func Unique(list []string) []string {
	seen := make(map[string]struct{}, len(list))
	kept := list[:0]
	for _, s := range list {
		if _, again := seen[s]; !again {
			seen[s] = struct{}{}
			kept = append(kept, s)
		}
	}
	return kept
}

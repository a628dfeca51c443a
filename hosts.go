package universallogout

import (
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A host pattern is a name as Caddy's host matchers have it, in lower case,
// where * stands for one label. A nil list of them is any host, an empty one
// is none.

// patternsOf are those of a matcher that can ever match what a browser sends.
// Placeholders that only a request knows make a name that nobody can be sent to.
func patternsOf(m caddyhttp.MatchHost, known *caddy.Replacer) []string {
	patterns := make([]string, 0, len(m))
	for _, pattern := range m {
		pattern = strings.ToLower(known.ReplaceKnown(pattern, ""))
		if isHostPattern(pattern) {
			patterns = append(patterns, pattern)
		}
	}
	return patterns
}

func isHostPattern(pattern string) bool {
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
func meet(a, b string) string {
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
func narrow(outer, inner []string) []string {
	if outer == nil {
		return inner
	}
	both := []string{}
	for _, o := range outer {
		for _, i := range inner {
			if pattern := meet(o, i); pattern != "" {
				both = append(both, pattern)
			}
		}
	}
	return unique(both)
}

// minus leaves out the patterns that one of taken has altogether. What is
// served under any name, or under a *, remains so: it has other names too.
func minus(hosts, taken []string) []string {
	if hosts == nil || len(taken) == 0 {
		return hosts
	}
	left := []string{}
	for _, host := range hosts {
		covered := false
		for _, t := range taken {
			covered = covered || meet(t, host) == host
		}
		if !covered {
			left = append(left, host)
		}
	}
	return left
}

// unique keeps the first of each.
func unique(list []string) []string {
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

// hostPatterns are the names under which a configuration serves anything. What
// is served under no name at all is not among them: there, anybody's name is
// as good as another.
type hostPatterns map[string]struct{}

// serves reports whether the configuration names a site. A name that is only
// covered by a * is one that its owner gives away: whoever may have it is at
// least below the same domain.
func (a *App) serves(own origin) bool {
	if !own.trustworthy() {
		return false
	}
	host := own.hostname()
	_, rest, _ := strings.Cut(host, ".")
	_, names := a.sites()
	_, exact := names[host]
	_, covered := names["*."+rest]
	return exact || covered
}

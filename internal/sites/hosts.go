package sites

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
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
		if origin.IsHostPattern(pattern) {
			patterns = append(patterns, pattern)
		}
	}
	return patterns
}

// narrow keeps of outer what inner matches too.
func narrow(outer, inner []string) []string {
	if outer == nil {
		return inner
	}
	both := []string{}
	for _, o := range outer {
		for _, i := range inner {
			if pattern := origin.CommonPattern(o, i); pattern != "" {
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
			covered = covered || origin.CommonPattern(t, host) == host
		}
		if !covered {
			left = append(left, host)
		}
	}
	return left
}

// unique keeps the first of each, in place.
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

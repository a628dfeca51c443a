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

// Names are the names under which a configuration serves anything. What is
// served under no name at all is not among them: there, anybody's name is as
// good as another.
type Names map[string]struct{}

// Have reports whether a host is named. A name that is only covered by a * is
// one that its owner gives away: whoever may have it is at least below the same
// domain.
func (n Names) Have(host string) bool {
	_, rest, _ := strings.Cut(host, ".")
	_, exact := n[host]
	_, covered := n["*."+rest]
	return exact || covered
}

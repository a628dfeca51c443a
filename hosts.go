package universallogout

import (
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

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
		if origin.IsHostPattern(pattern) {
			patterns = append(patterns, pattern)
		}
	}
	return patterns
}

// hostPatterns are the names under which a configuration serves anything. What
// is served under no name at all is not among them: there, anybody's name is
// as good as another.
type hostPatterns map[string]struct{}

// serves reports whether the configuration names a site. A name that is only
// covered by a * is one that its owner gives away: whoever may have it is at
// least below the same domain.
func (a *App) serves(own origin.Origin) bool {
	if !own.Trustworthy() {
		return false
	}
	host := own.Hostname()
	_, rest, _ := strings.Cut(host, ".")
	_, names := a.sites()
	_, exact := names[host]
	_, covered := names["*."+rest]
	return exact || covered
}

package sites

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// matchers reads what matchers and rewrites say of hosts and paths.
type matchers struct {
	known *caddy.Replacer // knows {env.*} and the like, nothing of a request
}

// matched narrows hosts by matchers. Sets are alternatives; what is in one of
// them must match together.
func (m matchers) matched(sets caddyhttp.MatcherSets, hosts []string) []string {
	if len(sets) == 0 {
		return hosts
	}
	all := []string{}
	for _, set := range sets {
		these := hosts
		for _, matcher := range set {
			if names, ok := m.hostMatcher(matcher); ok {
				these = narrow(these, names)
			}
			if not, ok := matcher.(*caddyhttp.MatchNot); ok {
				for _, set := range not.MatcherSets {
					these = minus(these, m.onlyHosts(set))
				}
			}
		}
		if these == nil {
			return nil
		}
		all = append(all, these...)
	}
	return unique(all)
}

// hostMatcher are the patterns of a matcher, if it is one of hosts.
func (m matchers) hostMatcher(matcher any) (patterns []string, ok bool) {
	switch hosts := matcher.(type) {
	case *caddyhttp.MatchHost:
		return patternsOf(*hosts, m.known), true
	case caddyhttp.MatchHost: // in the redirects that Caddy adds
		return patternsOf(hosts, m.known), true
	}
	return nil, false
}

// onlyHosts are the hosts of which a set takes every request.
func (m matchers) onlyHosts(set caddyhttp.MatcherSet) []string {
	if len(set) != 1 {
		return nil
	}
	patterns, _ := m.hostMatcher(set[0])
	return patterns
}

// folderOf is the path that all requests of a route are below, "" for several
// or none.
func folderOf(sets caddyhttp.MatcherSets) (folder string) {
	if len(sets) != 1 {
		return ""
	}
	for _, matcher := range sets[0] {
		var paths []string
		switch m := matcher.(type) {
		case *caddyhttp.MatchPath:
			paths = *m
		case caddyhttp.MatchPath:
			paths = m
		}
		for _, path := range paths {
			this := strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/")
			if folder != "" && this != folder || !origin.IsPlainPath(this) || strings.ContainsAny(this, "*{%") {
				return ""
			}
			folder = this
		}
	}
	return folder
}

// stripped is the prefix that a rewrite takes off every path that has it.
func (m matchers) stripped(r *rewrite.Rewrite) string {
	prefix := strings.TrimSuffix(m.known.ReplaceKnown(r.StripPathPrefix, ""), "/")
	if prefix != "" && !strings.HasPrefix(prefix, "/") {
		prefix = "/" + prefix
	}
	if !origin.IsPlainPath(prefix) || strings.ContainsAny(prefix, "{%*?#") || origin.HasSpaceOrControl(prefix) {
		return ""
	}
	return prefix
}

package logoutpath

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
)

// noteFirst adds to the cheap question what is near a rule.
func (rs *Rules) noteFirst(rule Rule) {
	rs.queries = rs.queries || len(rule.Query) > 0
	if len(rule.Segments) == 0 {
		return
	}
	for _, c := range []byte(`/\%.; `) { // other spellings of what comes first
		rs.first[c] = true
	}
	c := rule.Segments[0][0]
	if c == '*' || c >= 0x80 {
		for c := range rs.first {
			rs.first[c] = true
		}
	}
	rs.first[c], rs.first[lower(c)] = true, true
	if c >= 'a' && c <= 'z' {
		rs.first[c&^0x20] = true
	}
}

// AddOwnPrefix makes our own addresses, below prefix, unusual.
func (rs *Rules) AddOwnPrefix(prefix string) { rs.first[prefix[1]] = true }

// MayConcernUs is the cheap question asked of every request, whether it could be
// for an address of ours, whose query begins with OwnParameter perhaps, or could
// be near a logout; no means no.
func (rs *Rules) MayConcernUs(path, query string) bool {
	return len(path) > 1 && rs.first[path[1]] || rs.queries || len(query) > len(OwnParameter) && query[0] == OwnParameter[0]
}

// Lookalike reports whether an app could take r, which is no logout request, for
// one. If only the body can tell, inBody says so: then ask BodyMakesLogout.
func (rs *Rules) Lookalike(r *http.Request) (near, inBody bool) {
	for i := range rs.List {
		rule := &rs.List[i]
		if len(rule.Query) > 0 && r.URL.RawQuery == "" && guard.IsSafe(r.Method) {
			continue
		}
		switch {
		case len(rule.Query) > 0 && rule.matchQuery(r.URL.RawQuery):
			return true, false // whatever the path: front controllers
		case len(rule.Query) > 0:
			inBody = inBody || !guard.IsSafe(r.Method)
		case !rule.nearPath(r.URL.Path):
		case rule.takes(r.Method):
			return true, false
		case overrides(r, rule.Method):
			return true, false
		case !guard.IsSafe(r.Method):
			inBody = true
		}
	}
	return false, inBody
}

// nearPath reports whether path names the rule's path and perhaps more.
func (rule *Rule) nearPath(path string) bool {
	if strings.Contains(path, "%") { // encoded twice
		if again, err := url.PathUnescape(path); err == nil {
			path = again
		}
	}
	rest := path
	for _, want := range rule.Segments {
		var segment string
		for segment = ""; segment == "" || segment == "."; {
			if rest == "" {
				return false
			}
			if rest = strings.TrimLeft(rest, `/\`); rest == "" {
				return false
			}
			end := strings.IndexAny(rest, `/\`)
			if end < 0 {
				end = len(rest)
			}
			segment, rest = rest[:end], rest[end:]
			if i := strings.IndexAny(segment, ";\x00"); i >= 0 {
				segment = segment[:i]
			}
		}
		if want != "*" && !strings.EqualFold(want, segment) && !isWithFormat(segment, want) {
			return false
		}
	}
	// Below a script lies the script; below /logout lies /logout/callback.
	return strings.Trim(rest, `/\`) == "" || len(rule.Segments) > 0 && strings.Contains(rule.Segments[len(rule.Segments)-1], ".")
}

// isWithFormat: logout.json, and what some servers cut off: "logout ", "logout.".
func isWithFormat(segment, want string) bool {
	return len(segment) > len(want) && strings.EqualFold(segment[:len(want)], want) &&
		(segment[len(want)] == '.' || segment[len(want)] <= ' ')
}

// overrides reports whether the query or a header makes r a request with the
// rule's method, as frameworks let forms do that have only GET and POST.
func overrides(r *http.Request, method string) bool {
	if method == "" {
		return false
	}
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if strings.EqualFold(r.Header.Get(name), method) {
			return true
		}
	}
	return queryHas(r.URL.RawQuery, "_method", method)
}

// BodyMakesLogout looks for a rule's query pairs, or a method override, in the
// fields of a form, written as a query.
func (rs *Rules) BodyMakesLogout(r *http.Request, fields string) bool {
	all := r.URL.RawQuery + "&" + fields
	return slices.ContainsFunc(rs.List, func(rule Rule) bool {
		return len(rule.Query) > 0 && rule.matchQuery(all) ||
			rule.Method != "" && rule.nearPath(r.URL.Path) && queryHas(all, "_method", rule.Method)
	})
}

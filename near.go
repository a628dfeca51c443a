package universallogout

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"

	"github.com/universal-logout/caddy-universal-logout/internal/inbound"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
)

// Apps take more for a logout than paths names: what follows a script's name
// (PATH_INFO), a format at the end of a path (/logout.json), the same query at
// another path (front controllers) or in a form, another method that a form
// field makes the right one. Such requests go on to the app as they are, if they
// come from a page that may log out; from elsewhere they are refused like the
// logout itself. A guard that can be passed by is none.

func (rs *logoutRules) addNear(rule logoutRule) {
	rs.queries = rs.queries || len(rule.query) > 0
	if len(rule.segments) == 0 {
		return
	}
	for _, c := range []byte(`/\%.; `) { // other spellings of what comes first
		rs.first[c] = true
	}
	c := rule.segments[0][0]
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

// addOwn makes our own addresses unusual.
func (rs *logoutRules) addOwn(prefix string) { rs.first[prefix[1]] = true }

// unusual is the cheap question asked of every request, whether it could be
// for an address of ours, a round of a logout or near one; no means no.
func (rs *logoutRules) unusual(path, query string) bool {
	return len(path) > 1 && rs.first[path[1]] || rs.queries || len(query) > len(roundParameter) && query[0] == roundParameter[0]
}

// near reports whether an app could take r, which is no logout request, for
// one. With a method override only the body may tell: inBody says so.
func (rs *logoutRules) near(r *http.Request) (near, inBody bool) {
	for i := range rs.rules {
		rule := &rs.rules[i]
		if len(rule.query) > 0 && r.URL.RawQuery == "" && guard.IsSafe(r.Method) {
			continue
		}
		switch {
		case len(rule.query) > 0 && rule.matchQuery(r.URL.RawQuery):
			return true, false // whatever the path: front controllers
		case len(rule.query) > 0:
			inBody = inBody || !guard.IsSafe(r.Method)
		case !rule.nearPath(r.URL.Path):
		case rule.takes(r.Method):
			return true, false
		case overrides(r, rule.method):
			return true, false
		case !guard.IsSafe(r.Method):
			inBody = true
		}
	}
	return false, inBody
}

// nearPath reports whether path names the rule's path and perhaps more.
func (rule *logoutRule) nearPath(path string) bool {
	if strings.Contains(path, "%") { // encoded twice
		if again, err := url.PathUnescape(path); err == nil {
			path = again
		}
	}
	rest := path
	for _, want := range rule.segments {
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
	return strings.Trim(rest, `/\`) == "" || len(rule.segments) > 0 && strings.Contains(rule.segments[len(rule.segments)-1], ".")
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

// bodyMakesLogout looks for a rule's query pairs, or a method override, in the
// fields of a form.
func (rs *logoutRules) bodyMakesLogout(r *http.Request, fields string) bool {
	all := r.URL.RawQuery + "&" + fields
	return slices.ContainsFunc(rs.rules, func(rule logoutRule) bool {
		return len(rule.query) > 0 && rule.matchQuery(all) ||
			rule.method != "" && rule.nearPath(r.URL.Path) && queryHas(all, "_method", rule.method)
	})
}

// bodyIsNear looks into a form from elsewhere. One that is too long to be read
// is taken for the worst.
func (h *Handler) bodyIsNear(w http.ResponseWriter, r *http.Request) bool {
	contentType := r.Header.Get("Content-Type")
	if _, isForm := returnurl.FormFields(contentType, nil); !isForm {
		return false
	}
	body, whole, _ := peekBody(w, r, time.Duration(h.app.Timeout))
	fields, _ := returnurl.FormFields(contentType, body)
	return !whole || h.rules.bodyMakesLogout(r, fields)
}

// serveNear refuses what comes from elsewhere. It reports whether it did.
func (h *Handler) serveNear(w http.ResponseWriter, r *http.Request) (refused bool, err error) {
	near, inBody := h.rules.near(r)
	if !near && !inBody || inbound.IsOwnCall(r) {
		return false, nil
	}
	if !near && guard.IsOwnForm(r) || guard.IsOwnResource(r) {
		return false, nil
	}
	own := inbound.Origin(r)
	verdict := guard.Check(r, own, h.app.friends(r, own, h), h.AllowCrossSite)
	if verdict == guard.Logout || verdict == guard.Pass || verdict == guard.NotAllowed {
		return false, nil
	}
	if !near && !h.bodyIsNear(w, r) {
		return false, nil
	}
	return true, h.answerVerdict(w, r, verdict, own)
}

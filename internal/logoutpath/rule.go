package logoutpath

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Rule is one entry of paths, compiled.
type Rule struct {
	Method   string      // in capitals; "": every method that can log out
	Segments []string    // "*" stands for one of any name
	Query    [][2]string // pairs of key and value, decoded, that must be there
}

// Parse reads one entry of paths, "[<method> ][+]/path[?key=value&…]". added
// reports whether it has the + that keeps the default. Its errors quote the entry
// and say what to write.
func Parse(entry string) (rule Rule, added bool, err error) {
	path := entry
	if method, rest, found := strings.Cut(entry, " "); found && !strings.HasPrefix(entry, "/") && !strings.HasPrefix(entry, "+") {
		if !slices.Contains(guard.LogoutMethods, method) {
			return rule, false, fmt.Errorf("paths: %q is no method of a logout; write one of %s in capitals before the path, or none for all of them", method, strings.Join(guard.LogoutMethods, ", "))
		}
		rule.Method, path = method, rest
	}
	path, added = strings.CutPrefix(path, "+")
	if path == "off" {
		return rule, false, fmt.Errorf("paths: off stands alone; leave out the other paths, or leave out off")
	}
	if !strings.HasPrefix(path, "/") {
		return rule, false, fmt.Errorf("paths: %q must begin with /, as in /logout (or +/logout to keep the default too)", path)
	}
	path, query, _ := strings.Cut(path, "?")
	if strings.ContainsAny(path, "#;\\%") || strings.Contains(query, "%") || origin.HasSpaceOrControl(path) || origin.HasSpaceOrControl(query) {
		return rule, false, fmt.Errorf("paths: %q has a character that no path has; write it decoded, without #, ;, \\ and %%", entry)
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "" || segment == ".":
		case segment == "..":
			return rule, false, fmt.Errorf("paths: %q: .. has no place in a path here", entry)
		case segment != "*" && strings.Contains(segment, "*"):
			return rule, false, fmt.Errorf("paths: %q: * stands for one whole segment, as in /users/*/logout", entry)
		default:
			rule.Segments = append(rule.Segments, segment)
		}
	}
	if query == "" && !slices.ContainsFunc(rule.Segments, func(s string) bool { return s != "*" }) {
		return rule, false, fmt.Errorf("paths: %q would make visits of ordinary pages a logout; name a path, or a query as in /?action=logout", entry)
	}
	if rule.Query, err = parseRequiredQuery(query); err != nil {
		return rule, false, fmt.Errorf("paths: %q: %w", entry, err)
	}
	return rule, added, nil
}

// parseRequiredQuery reads the pairs that a logout must have.
func parseRequiredQuery(query string) (pairs [][2]string, err error) {
	if query == "" {
		return nil, nil
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, found := strings.Cut(pair, "=")
		if key == "" || !found {
			return nil, fmt.Errorf("%q is no pair; write the query that a logout must have, as in ?action=logout", pair)
		}
		pairs = append(pairs, [2]string{key, value})
	}
	return pairs, nil
}

func (rule *Rule) String() string {
	text := strings.TrimPrefix(rule.Method+" /"+strings.Join(rule.Segments, "/"), " ")
	pairs := make([]string, 0, len(rule.Query))
	for _, pair := range rule.Query {
		pairs = append(pairs, pair[0]+"="+pair[1])
	}
	return strings.TrimSuffix(text+"?"+strings.Join(pairs, "&"), "?")
}

// takes reports whether the rule is about requests with this method. HEAD is
// a GET; methods that cannot log out are for the guard to answer.
func (rule *Rule) takes(method string) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return rule.Method == "" || rule.Method == method
}

// matchPath compares from the end, where ".." can be counted without memory.
func (rule *Rule) matchPath(path string) bool {
	left, skip := len(rule.Segments), 0
	for path != "" {
		i := strings.LastIndexByte(path, '/')
		segment := path[i+1:]
		path = path[:max(i, 0)]
		if parameter := strings.IndexByte(segment, ';'); parameter >= 0 {
			segment = segment[:parameter]
		}
		switch {
		case segment == "" || segment == ".":
		case segment == "..":
			skip++
		case skip > 0:
			skip--
		case left == 0:
			return false
		default:
			left--
			if want := rule.Segments[left]; want != "*" && !strings.EqualFold(want, segment) {
				return false
			}
		}
	}
	return left == 0
}

func (rule *Rule) matchQuery(raw string) bool {
	for _, pair := range rule.Query {
		if !queryHas(raw, pair[0], pair[1]) {
			return false
		}
	}
	return true
}

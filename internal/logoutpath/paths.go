package logoutpath

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

const defaultLogoutPath = "/logout"

// logoutRule is one entry of paths, compiled.
type Rule struct {
	Method   string      // "": every method that can log out
	Segments []string    // "*" stands for one of any name
	Query    [][2]string // pairs that must be there
}

// logoutRules tell the requests that mean "log out" from all others.
type Rules struct {
	Rules   []Rule
	last    [256]bool // last bytes of paths that may match
	lengths uint64    // bit n: a last segment of n bytes may; bit 63: one of more
	first   [256]bool // first bytes, behind the slash, of unusual paths
	queries bool      // some rule has a query
}

// compilePaths reads the entries of paths as they stand in the config. base is
// where the app lies on its site, "" at its root.
func Compile(entries []string, base string) (*Rules, error) {
	rules := new(Rules)
	if len(entries) == 1 && entries[0] == "off" {
		return rules, nil
	}
	withDefault := true
	for _, entry := range entries {
		if entry == "off" {
			return nil, fmt.Errorf("paths: off stands alone; leave out the other paths, or leave out off")
		}
		rule, added, err := Parse(entry)
		if err != nil {
			return nil, err
		}
		withDefault = withDefault && added
		rules.add(rule)
	}
	if withDefault {
		rule, _, err := Parse(base + defaultLogoutPath)
		if err != nil {
			return nil, err
		}
		rules.add(rule)
	}
	return rules, nil
}

// parsePath reads "[<method> ][+]/path[?key=value&…]".
func Parse(entry string) (rule Rule, added bool, err error) {
	path := entry
	if method, rest, found := strings.Cut(entry, " "); found && !strings.HasPrefix(entry, "/") && !strings.HasPrefix(entry, "+") {
		if !slices.Contains(guard.Methods, method) {
			return rule, false, fmt.Errorf("paths: %q is no method of a logout; write one of %s in capitals before the path, or none for all of them", method, strings.Join(guard.Methods, ", "))
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

func (rs *Rules) add(rule Rule) {
	rs.Rules = append(rs.Rules, rule)
	rs.addNear(rule)
	rs.last['/'], rs.last['.'] = true, true // other spellings: "/logout/", "/logout/."
	for c := 0x80; c < len(rs.last); c++ {
		rs.last[c] = true // may fold into ASCII
	}
	if len(rule.Segments) == 0 {
		rs.lengths |= 1
		return
	}
	segment := rule.Segments[len(rule.Segments)-1]
	if segment == "*" || !origin.IsASCII(segment) {
		for c := range rs.last {
			rs.last[c] = true
		}
		rs.lengths = ^uint64(0)
		return
	}
	rs.last[strings.ToLower(segment)[len(segment)-1]] = true
	rs.last[strings.ToUpper(segment)[len(segment)-1]] = true
	rs.lengths |= 1 << min(len(segment), 63)
}

// mayMatch is the cheap question asked of every request; no means no.
func (rs *Rules) MayMatch(path string) bool {
	return len(path) > 0 && (rs.last[path[len(path)-1]] || strings.IndexByte(path, ';') >= 0) && rs.mayMatchSegment(path)
}

// mayMatchSegment looks at the length of the last segment.
func (rs *Rules) mayMatchSegment(path string) bool {
	end := len(path)
	for end > 0 && path[end-1] == '/' {
		end--
	}
	start := end
	for ; start > 0 && path[start-1] != '/'; start-- {
		// Parameters are no part of the name, letters beyond ASCII may fold
		// into shorter ones.
		if c := path[start-1]; c == ';' || c >= 0x80 {
			return len(rs.Rules) > 0
		}
	}
	if rs.lengths>>min(end-start, 63)&1 != 0 {
		return true
	}
	segment := path[start:end]
	return len(rs.Rules) > 0 && (segment == "." || segment == "..")
}

// match reports whether r is a logout request. Apps and the servers behind us
// read paths generously, so every spelling that one of them could take for the
// path counts: case, doubled and trailing slashes, dot segments, ;parameters.
// A guard that can be passed by with /Logout/ is none.
func (rs *Rules) Match(r *http.Request) bool {
	for i := range rs.Rules {
		if rule := &rs.Rules[i]; rule.takes(r.Method) && rule.matchPath(r.URL.Path) && rule.matchQuery(r.URL.RawQuery) {
			return true
		}
	}
	return false
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
		if !QueryHas(raw, pair[0], pair[1]) {
			return false
		}
	}
	return true
}

// queryHas reports whether any pair of a raw query, or of a form, says
// key=value. Frameworks differ in which of several they take, so one is
// enough. Some part pairs at ; too or do not look at case, and PHP takes many
// spellings of a name for the same.
func QueryHas(raw, key, value string) bool {
	for raw != "" {
		pair := raw
		if i := strings.IndexAny(raw, "&;"); i >= 0 {
			pair, raw = raw[:i], raw[i+1:]
		} else {
			raw = ""
		}
		k, v, _ := strings.Cut(pair, "=")
		if isKey(k, key) && decodesTo(v, value) {
			return true
		}
	}
	return false
}

// isKey compares the name of a query pair with a plain one as the most
// generous framework does: PHP drops spaces before it, cuts it at a NUL or a
// bracket, and makes _ of dots and spaces; ASP.NET does not look at case.
func isKey(raw, want string) bool {
	for {
		c, rest := nextByte(raw)
		if raw == "" || c != ' ' {
			break
		}
		raw = rest
	}
	for raw != "" {
		c, rest := nextByte(raw)
		if c == 0 || c == '[' && want == "" {
			break
		}
		if want == "" || mangled(c) != mangled(want[0]) {
			return false
		}
		raw, want = rest, want[1:]
	}
	return want == ""
}

func mangled(c byte) byte {
	switch {
	case c == '.' || c == ' ' || c == '[':
		return '_'
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return c
}

// decodesTo compares a query component with plain text, but for the case of
// its letters, without allocating.
func decodesTo(raw, want string) bool {
	for raw != "" {
		c, rest := nextByte(raw)
		if want == "" || lower(c) != lower(want[0]) {
			return false
		}
		raw, want = rest, want[1:]
	}
	return want == ""
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// nextByte decodes the first byte of a query component.
func nextByte(raw string) (c byte, rest string) {
	switch {
	case raw == "":
		return 0, ""
	case raw[0] == '+':
		return ' ', raw[1:]
	case raw[0] == '%' && len(raw) >= 3 && isHex(raw[1]) && isHex(raw[2]):
		return unhex(raw[1])<<4 | unhex(raw[2]), raw[3:]
	}
	return raw[0], raw[1:]
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// Package logoutpath knows which requests mean "log out", and which ones an app
// could take for that.
package logoutpath

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// OwnParameter is what the query of our own requests begins with where they have
// to be at an app's path: its logout's, or its base.
const OwnParameter = "universal-logout"

const defaultLogoutPath = "/logout"

// Rules tell the requests that mean "log out" from all others.
type Rules struct {
	List    []Rule
	last    [256]bool // last bytes of paths that may match
	lengths uint64    // bit n: a last segment of n bytes may; bit 63: one of more
	first   [256]bool // first bytes, behind the slash, of unusual paths
	queries bool      // some rule has a query
}

// Compile reads the entries of paths as they stand in the config. base is where
// the app lies on its site, "" at its root: the default, /logout, is below it.
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

// add adds a rule, and to the cheap questions what may match it.
func (rs *Rules) add(rule Rule) {
	rs.List = append(rs.List, rule)
	rs.noteFirst(rule)
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

// MayMatch is the cheap question asked of every request; no means no.
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
			return len(rs.List) > 0
		}
	}
	if rs.lengths>>min(end-start, 63)&1 != 0 {
		return true
	}
	segment := path[start:end]
	return len(rs.List) > 0 && (segment == "." || segment == "..")
}

// Match reports whether r is a logout request. Apps and the servers behind us
// read paths generously, so every spelling that one of them could take for the
// path counts: case, doubled and trailing slashes, dot segments, ;parameters.
// A guard that can be passed by with /Logout/ is none.
func (rs *Rules) Match(r *http.Request) bool {
	for i := range rs.List {
		if rule := &rs.List[i]; rule.takes(r.Method) && rule.matchPath(r.URL.Path) && rule.matchQuery(r.URL.RawQuery) {
			return true
		}
	}
	return false
}

package returnurl

import (
	"fmt"
	"strings"

	whatwg "github.com/nlnwa/whatwg-url/url"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Pattern is one entry of allowed_return_urls.
type Pattern struct {
	Origin   origin.Origin
	Wildcard bool   // any one label more stands before the host of Origin
	Path     string // "": any; ending in /*: everything below; else exactly this
}

// ParsePattern reads https://[*.]host[:port][/path[/*]]. Its errors quote the
// entry and say what to write.
func ParsePattern(entry string) (Pattern, error) {
	fail := func(why string) (Pattern, error) {
		return Pattern{}, fmt.Errorf("%q: %s; write an origin like https://www.example.com, with a path or /* after it if only some addresses are meant", entry, why)
	}
	scheme, rest, found := strings.Cut(entry, "://")
	scheme = strings.ToLower(scheme)
	if !found || (scheme != "https" && scheme != "http") {
		return fail("it must begin with https://")
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if folder := strings.TrimSuffix(path, "/*"); folder != "" && (!origin.IsPlainPath(folder) || origin.HasSpaceOrControl(folder)) {
		return fail("its path is none that every browser reads alike")
	}
	if strings.ContainsAny(path, "?#") || strings.Contains(strings.TrimSuffix(path, "/*"), "*") {
		return fail("a path ends where ? or # begins, and * may only stand as its last segment")
	}
	name, wildcard := strings.CutPrefix(host, "*.")
	if strings.Contains(name, "*") {
		return fail("* stands for the whole leftmost label of the host")
	}
	u, err := whatwg.Parse(scheme + "://" + name + "/")
	if err == nil && !origin.IsASCII(name) {
		return fail("in addresses its host is spelled " + u.Host())
	}
	if err != nil || u.Host() != origin.New(scheme, name).Host {
		return fail("browsers read its host differently")
	}
	p := Pattern{Origin: origin.New(scheme, u.Host()), Wildcard: wildcard, Path: path}
	if path == "/" {
		p.Path = "" // https://www.example.com/ is how people write an origin
	}
	if wildcard && !origin.CanOwnNamesBelow(p.Origin.Hostname()) {
		return fail("everybody can have a name below it")
	}
	if scheme == "http" && !p.Origin.Trustworthy() {
		return fail("plain http is for loopback hosts only")
	}
	return p, nil
}

// matches reports whether the pattern allows a path at an origin.
func (p Pattern) matches(o origin.Origin, path string) bool {
	if p.Wildcard {
		label, rest, found := strings.Cut(o.Host, ".")
		if !found || label == "" {
			return false
		}
		o.Host = rest
	}
	if o != p.Origin {
		return false
	}
	below, isPrefix := strings.CutSuffix(p.Path, "*")
	switch {
	case p.Path == "":
		return true
	case isPrefix:
		return strings.HasPrefix(path, below)
	}
	return path == p.Path
}

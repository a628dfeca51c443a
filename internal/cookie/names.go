package cookie

import (
	"fmt"
	"slices"
	"strings"
)

// namePatterns matches cookie names: exact, prefix*, *suffix.
type namePatterns struct {
	exact    map[string]struct{}
	prefixes []string
	suffixes []string
	contains []string // *part*: only our own lists use it
}

// CheckName says what is wrong with one pattern of the config behind word.
func CheckName(word, pattern string) error {
	_, err := compileNames(word, []string{pattern})
	return err
}

// compileNames reads patterns as they stand in the config behind word. Its
// errors begin with word.
func compileNames(word string, patterns []string) (*namePatterns, error) {
	for _, p := range patterns {
		name := strings.TrimSuffix(strings.TrimPrefix(p, "*"), "*")
		switch {
		case name == "":
			return nil, fmt.Errorf("%s: %q matches every cookie; name them, or use prefix* or *suffix", word, p)
		case strings.Contains(name, "*") || strings.HasPrefix(p, "*") && strings.HasSuffix(p, "*"):
			return nil, fmt.Errorf("%s: %q: * may stand at the beginning or at the end, once", word, p)
		case !IsName(name) || strings.Contains(name, ","):
			return nil, fmt.Errorf("%s: %q is no cookie name; write names with spaces between them, without = ; and ,", word, p)
		}
	}
	return newNamePatterns(patterns), nil
}

func newNamePatterns(patterns []string) *namePatterns {
	np := &namePatterns{exact: make(map[string]struct{})}
	for _, p := range patterns {
		rest, suffix := strings.CutPrefix(p, "*")
		part, prefix := strings.CutSuffix(rest, "*")
		switch {
		case prefix && suffix:
			np.contains = append(np.contains, part)
		case prefix:
			np.prefixes = append(np.prefixes, part)
		case suffix:
			np.suffixes = append(np.suffixes, rest)
		default:
			np.exact[p] = struct{}{}
		}
	}
	return np
}

// matches reports whether a pattern is for name, as it is, without __Host- and
// its kin, or without the number of a chunk too.
func (np *namePatterns) matches(name string) bool {
	plain := WithoutSecurityPrefix(name)
	for _, n := range [...]string{name, plain, withoutChunk(plain)} {
		if _, ok := np.exact[n]; ok {
			return true
		}
		has := func(with func(string, string) bool) func(string) bool {
			return func(p string) bool { return with(n, p) }
		}
		if slices.ContainsFunc(np.prefixes, has(strings.HasPrefix)) ||
			slices.ContainsFunc(np.suffixes, has(strings.HasSuffix)) ||
			slices.ContainsFunc(np.contains, has(strings.Contains)) {
			return true
		}
	}
	return false
}

// exactNames are the configured names that need not be seen to be expired.
func (np *namePatterns) exactNames() []string {
	names := make([]string, 0, len(np.exact))
	for n := range np.exact {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Longer ones first: __Host-Http- begins with __Host-.
var securityPrefixes = []string{"__host-http-", "__host-", "__secure-", "__http-"}

// WithoutSecurityPrefix cuts __Host- and its kin, in any spelling that browsers
// take for them (CK-06).
func WithoutSecurityPrefix(name string) string {
	for _, p := range securityPrefixes {
		if len(name) > len(p) && strings.EqualFold(name[:len(p)], p) {
			return name[len(p):]
		}
	}
	return name
}

// withoutChunk cuts the number that software puts behind the parts of a cookie
// too long for one: name.0, name_1, name-2, and nameC1 of ASP.NET (CK-15).
func withoutChunk(name string) string {
	stem := strings.TrimRight(name, "0123456789")
	if len(stem) < 2 || len(stem) == len(name) {
		return name
	}
	switch stem[len(stem)-1] {
	case '.', '_', '-', 'C':
		return stem[:len(stem)-1]
	}
	return name
}

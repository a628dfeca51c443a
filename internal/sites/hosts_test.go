package sites

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestHostPatterns: over a small alphabet, every pattern meets every other, as
// it would at a request.
func TestHostPatterns(t *testing.T) {
	names, patterns := spelled("abc"), spelled("ab*")
	for _, p := range patterns {
		for _, q := range patterns {
			both, left := narrow([]string{p}, []string{q}), minus([]string{p}, []string{q})
			for _, host := range names {
				inP, inQ := labtest.CaddyMatches(t, []string{p}, host), labtest.CaddyMatches(t, []string{q}, host)
				if got := labtest.CaddyMatches(t, both, host); got != (inP && inQ) {
					t.Fatalf("%s and %s are %q, wrong about %s", p, q, both, host)
				}
				if got := labtest.CaddyMatches(t, left, host); got && !inP || !got && inP && !inQ {
					t.Fatalf("%s without %s are %q, wrong about %s", p, q, left, host)
				}
			}
		}
	}
}

// spelled are all names of up to three labels of one of these letters.
func spelled(letters string) (names []string) {
	last := []string{""}
	for range 3 {
		var longer []string
		for _, name := range last {
			for letter := range strings.SplitSeq(letters, "") {
				longer = append(longer, strings.TrimPrefix(name+"."+letter, "."))
			}
		}
		names, last = append(names, longer...), longer
	}
	return names
}

func FuzzHostPatterns(f *testing.F) {
	for _, seed := range [][3]string{
		{"*.example.com a.b", "a.example.com *.b", "a.example.com"},
		{"*", "localhost ::1", "::1"},
		{"127.0.0.1 *.*.*.*", "127.*.0.1", "127.0.0.1"},
		{"{env.HOME}.x {http.request.host}", "*.x", "a.x"},
		{"[::1] a:80 A.B", "a a.b", "a.b"},
		{"**.a *a.b a.", "*.a", "b.a"},
		{"0:0::1 ::ffff:1.2.3.4", "*.*.*.*", "::1"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, outer, inner, host string) {
		host = strings.ToLower(host)
		if strings.Contains(host, "*") || !origin.IsHostPattern(host) || len(outer)+len(inner) > 1000 {
			return // no name that a browser sends
		}
		lists := [2][]string{strings.Fields(outer), strings.Fields(inner)}
		inBoth := true
		for i, list := range lists {
			patterns := patternsOf(list, caddy.NewReplacer())
			usable := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return strings.ContainsAny(s, "{}\\") })
			if got, want := labtest.CaddyMatches(t, patterns, host), labtest.CaddyMatches(t, usable, host); want && !got || got && !labtest.CaddyMatches(t, list, host) {
				t.Errorf("%q are kept of %q, wrong about %s", patterns, list, host)
			}
			inBoth = inBoth && labtest.CaddyMatches(t, patterns, host)
			lists[i] = patterns
		}
		both := narrow(lists[0], lists[1])
		if got := labtest.CaddyMatches(t, both, host); got != inBoth {
			t.Errorf("%q and %q are %q, wrong about %s", lists[0], lists[1], both, host)
		}
	})
}

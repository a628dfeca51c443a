package cookie

import (
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestLeftover: what did not fit goes with the next answers, for what is still
// presented only, and nothing that came later is taken for the logout's own.
func TestLeftover(t *testing.T) {
	own := origin.New("https", "app.example.com")
	before := []string{"sid=one; theme=dark; sid=two; token=three"}
	presented := []Cookie{{"sid", "one"}, {"sid", "two"}, {"token", "three"}}
	rest := NewLeftover([]string{"sid", "token"}, presented, "/app/logout", []string{"/old"}, 4)
	seen := rest.DigestOthers(before)
	if len(seen) != digestSize {
		t.Errorf("%d bytes for one other cookie", len(seen))
	}
	for _, tc := range []struct {
		name, now, since string
		expires          []string
	}{
		{"nothing has gone", before[0], "", []string{"sid", "token"}},
		{"one has gone", "theme=dark; token=three", "", []string{"token"}},
		{"all have gone", "theme=dark", "", nil},
		{"signed in again", "sid=new; theme=dark", "sid=new", nil},
		{"another value of another cookie", "theme=light; token=three", "theme=light", []string{"token"}},
	} {
		since := rest.Since([]string{tc.now}, seen)
		var pairs []string
		for _, c := range since {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
		if got := strings.Join(pairs, "; "); got != tc.since {
			t.Errorf("%s: new is %q, want %q", tc.name, got, tc.since)
		}
		lines, _ := rest.Expire([]string{tc.now}, own)
		expired := make(map[string]bool)
		for _, line := range lines {
			name, _, _ := strings.Cut(line, "=")
			expired[name] = true
		}
		if len(expired) != len(tc.expires) {
			t.Errorf("%s: lines for %v, want %v", tc.name, expired, tc.expires)
		}
		for _, name := range tc.expires {
			if !expired[name] {
				t.Errorf("%s: no line for %s", tc.name, name)
			}
		}
	}
}

// TestLeftoverEnds: the answers of one logout are as many as its expirations
// need, never more than a browser follows between two pages.
func TestLeftoverEnds(t *testing.T) {
	own := origin.New("https", "app.example.com")
	name := strings.Repeat("n", 3000) // one line fills an answer
	lines := []string{name + "=v"}
	rest := NewLeftover([]string{name}, []Cookie{{name, "v"}}, "/a/b/c/logout", nil, 0)
	answers, pages := 0, 0
	for rest != nil {
		answers++
		if rest.NeedsPage() {
			pages++
		}
		expired, after := rest.Expire(lines, own)
		if len(expired) != 1 || after != nil && after.Next <= rest.Next {
			t.Fatalf("%d lines, next %+v", len(expired), after)
		}
		rest = after
	}
	if variants := len(Variants(own, "/a/b/c/logout")); answers != min(variants, maxRounds) || pages != answers/roundsBetweenPages {
		t.Errorf("%d answers with %d pages for %d variants", answers, pages, variants)
	}
}

package universallogout

import (
	"strings"
	"testing"
)

// TestTourEndsAll: one click, wherever it is, ends every app of the group, and
// the browser comes back to where it began.
func TestTourEndsAll(t *testing.T) {
	for _, start := range groupSites {
		t.Run(start, func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, "", groupSites...)
			j := lab.visitor("ana")
			f := lab.follow(j, lab.signOutForm(start))
			last := mustURL(f.visited[len(f.visited)-1])
			if left := lab.left(j, "ana"); len(left) > 0 || last.Host != start || !strings.Contains(f.body, "signed out everywhere") {
				t.Errorf("left at %v, the browser was at\n%s\n%s", left, strings.Join(f.visited, "\n"), f.body)
			}
			for _, name := range j.names() {
				t.Errorf("%s is left in the browser", name)
			}
		})
	}
}

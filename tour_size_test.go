package universallogout

import (
	"fmt"
	"strings"
	"testing"
)

// TestManySites: whatever the number of sites, all are ended in one go, with
// headers that proxies in front of us take, and tokens that forms can carry.
func TestManySites(t *testing.T) {
	for _, tc := range []struct {
		sites, domains int
		answers        int // pages of ours
		header         int // bytes
	}{
		{1, 1, 1, 4 << 10},
		{2, 1, 2, 4 << 10},
		{64, 1, 2, 4 << 10},
		{50, 40, 42, 4 << 10},
		{120, 1, 4, 4 << 10},
		{200, 40, 42, 4 << 10},
	} {
		t.Run(fmt.Sprintf("%d at %d", tc.sites, tc.domains), func(t *testing.T) {
			t.Parallel()
			hosts := manySites(tc.sites, tc.domains)
			lab := newTourLab(t, "", hosts...)
			j := lab.visitor("ana")
			f := lab.follow(j, lab.signOutForm(hosts[0]))
			if left := lab.left(j, "ana"); len(left) > 0 {
				t.Errorf("left at %v", left)
			}
			if !strings.Contains(f.body, "You are signed out") || len(f.visited) > tc.answers {
				t.Errorf("%d answers, at last %s", len(f.visited), f.body)
			}
			for i, n := range f.headers {
				if n > tc.header {
					t.Errorf("the header of %s has %d bytes", f.visited[i], n)
				}
				p := browserPage{url: mustURL(f.visited[i]), body: f.pages[i]}
				if token := p.token(); len(token) > 2<<10 {
					t.Errorf("the token at %s has %d bytes", f.visited[i], len(token))
				}
			}
		})
	}
}

package tour

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// wayOf is a way through sites, from the first of them. Each has two apps.
func wayOf(hub string, hosts ...string) *Itinerary {
	it := &Itinerary{Hub: -1}
	for _, host := range hosts {
		o := origin.New("https", host)
		it.Stops = append(it.Stops, Stop{Origin: o, Domain: origin.Site(o), Bases: []string{"", "/wiki"}})
	}
	it.Order(origin.New("https", hub))
	return it
}

func (it *Itinerary) hosts() (hosts []string) {
	for _, s := range it.Stops {
		hosts = append(hosts, s.Origin.Host)
	}
	return hosts
}

// TestOrder: where it begins, its siblings, the hub and its siblings, and all
// others, one domain after the other.
func TestOrder(t *testing.T) {
	it := wayOf("hub.example.org", "b.example.com", "z.example.net", "hub.example.org", "a.example.com", "y.example.net", "a.example.org", "c.example.edu")
	want := []string{"b.example.com", "a.example.com", "hub.example.org", "a.example.org", "c.example.edu", "y.example.net", "z.example.net"}
	if got := it.hosts(); !slices.Equal(got, want) || it.Hub != 2 || it.Apps != 14 {
		t.Errorf("%v, the hub is %d, %d apps", got, it.Hub, it.Apps)
	}
	for i := range it.Apps {
		s, base := it.Find(i)
		if s != &it.Stops[i/2] || base != []string{"", "/wiki"}[i%2] {
			t.Errorf("app %d is at %v%s", i, s, base)
		}
	}
	if s, _ := it.Find(it.Apps); s != nil || it.Has(origin.New("http", "a.example.com")) || it.At(origin.New("https", "hub.example.org")) != 2 {
		t.Error("what is none is found")
	}
	if other := wayOf("hub.example.org", "b.example.com", "a.example.com"); slices.Equal(other.Digest, it.Digest) || len(it.Digest) != 8 {
		t.Errorf("digest %x", it.Digest)
	}
}

// TestWay: a tour asks for its siblings at once, goes to every other domain, and
// back to none; what its page says that it did is enough.
func TestWay(t *testing.T) {
	it := wayOf("", "a.example.com", "b.example.com", "a.example.net", "b.example.net", "a.example.org")
	tr := &Tour{Results: make([]byte, it.Apps)}
	tr.Begin(0, outcome.Ended)
	tr.Begin(99, outcome.Failed)
	var visited []int
	for n := tr.At; n >= 0; n = tr.Next(it) {
		visited = append(visited, n)
		tr.At = n
		tr.Hops++
		for _, app := range tr.Asks(it) {
			if s, _ := it.Find(app); s.Domain != it.Stops[n].Domain {
				t.Errorf("at %d it asks for %s", n, s.Origin)
			}
			tr.SetResult(app, Cleared)
		}
	}
	if done, all := tr.Progress(it); !slices.Equal(visited, []int{0, 2, 4}) || done != all || all != it.Apps || tr.Failed() || !tr.Found() {
		t.Errorf("visited %v, %d of %d, failed %v", visited, done, all, tr.Failed())
	}
}

// TestWayEnds: also if no site ever says a word.
func TestWayEnds(t *testing.T) {
	it := wayOf("", "a.example.com", "a.example.net", "a.example.org")
	tr := &Tour{Results: make([]byte, it.Apps)}
	hops := 0
	for n := 0; n >= 0; n = tr.Next(it) {
		tr.At = n
		tr.Hops++
		hops++
	}
	if hops > 2*len(it.Stops)+5 || !tr.Failed() || tr.Found() {
		t.Errorf("%d hops, failed %v", hops, tr.Failed())
	}
}

// TestSecondRound: near are the sites that are same-site with the landing page,
// and both together are all that need it, but for where it begins.
func TestSecondRound(t *testing.T) {
	it := wayOf("", "a.example.com", "b.example.com", "a.example.net")
	tr := &Tour{Results: make([]byte, it.Apps), At: 2, Hops: 5, Open: true}
	for app := range it.Apps {
		tr.SetResult(app, Ended|NeedsCookies)
	}
	for near, want := range map[bool][]int{true: {1}, false: {2}} {
		second := tr.CookiePass(it, near)
		var due []int
		for i := range it.Stops {
			if second.IsDue(&it.Stops[i]) {
				due = append(due, i)
			}
		}
		if !slices.Equal(due, want) || !second.Cookies || second.At != 0 || second.Hops != 0 || second.Open {
			t.Errorf("near %v: due are %v of %+v", near, due, second)
		}
	}
	if tr.Cookies || tr.At != 2 || tr.Result(0) != Ended|NeedsCookies {
		t.Error("the first round has changed")
	}
}

// TestResults: every outcome has a result, and it is the same when it comes back.
func TestResults(t *testing.T) {
	for _, out := range []outcome.Outcome{outcome.None, outcome.Ended, outcome.Cleared, outcome.Revoked, outcome.Failed} {
		if r := ResultOf(out); r.Outcome() != out || (r|NeedsCookies|NeedsStorage).Plain() != r {
			t.Errorf("%s is %d, which is %q", out, r, r.Outcome())
		}
	}
	if Unvisited.Outcome() != "" || Unreached.Outcome() != outcome.Failed {
		t.Error("what nobody knows has an outcome")
	}
}

// FuzzSkip: what a client sends as the number of a stop changes nothing but
// what became of the apps there, and never the page's own site or the first.
func FuzzSkip(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "2", "-1", "99999999999999999999", "+1", "1 ", "0x1"} {
		f.Add(seed, byte(Ended|NeedsStorage))
	}
	it := wayOf("", "a.example.com", "b.example.com", "a.example.net")
	f.Fuzz(func(t *testing.T, number string, was byte) {
		tr := &Tour{Results: slices.Repeat([]byte{was}, it.Apps), At: 1}
		tr.Skip(it, number)
		for i := range it.Stops {
			for app := range it.Stops[i].apps() {
				n, err := strconv.Atoi(number)
				changed := tr.Results[app] != was
				if changed && (err != nil || n != i || i == 0 || i == tr.At) {
					t.Errorf("%q changes app %d", number, app)
				}
				if n == i && err == nil && i == 2 && (!tr.Finished(app) || tr.owes(app)) {
					t.Errorf("%q leaves app %d at %d", number, app, tr.Result(app))
				}
			}
		}
	})
}

func ExampleTour_Next() {
	it := wayOf("", "shop.example.com", "wiki.example.com", "blog.example.net")
	tr := &Tour{Results: make([]byte, it.Apps)}
	fmt.Println(it.Stops[tr.Next(it)].Origin)
	fmt.Println(it.Stops[tr.AfterAsking(it).Next(it)].Origin)
	// Output:
	// https://wiki.example.com
	// https://blog.example.net
}

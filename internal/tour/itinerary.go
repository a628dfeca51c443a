package tour

import (
	"cmp"
	"crypto/sha256"
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/sites"
)

// Stop is one site of a group.
type Stop struct {
	Origin   origin.Origin
	Domain   string        // equal for sites that browsers call same-site
	Server   *sites.Server // that it is on
	Bases    []string      // where its apps lie, "" at the root of the site
	FirstApp int           // number of its first app among those of all stops
}

// apps are their numbers among those of all stops.
func (s *Stop) apps() iter.Seq[int] {
	return func(yield func(app int) bool) {
		for n := range s.Bases {
			if !yield(s.FirstApp + n) {
				return
			}
		}
	}
}

// Itinerary is a group as a tour goes through it: the site where it begins,
// then its siblings, then the other registrable domains.
type Itinerary struct {
	Group  string
	Stops  []Stop
	Apps   int
	Digest []byte   // of all names: numbers of stops mean something only with it
	Plain  []string // hosts with plain http only, which take no part
	Hub    int      // number of the hub's stop, -1 without one
}

// Order puts the stops of one registrable domain together, the start's first.
// The hub comes soon, so that it knows of a tour that is not finished.
func (it *Itinerary) Order(hub origin.Origin) {
	start := it.Stops[0]
	hubDomain := origin.Site(hub)
	rank := func(s Stop) int {
		switch {
		case s.Origin == start.Origin:
			return 0
		case s.Domain == start.Domain:
			return 1
		case s.Origin == hub:
			return 2
		case s.Domain == hubDomain:
			return 3
		}
		return 4
	}
	sort.Slice(it.Stops, func(i, j int) bool {
		x, y := it.Stops[i], it.Stops[j]
		return cmp.Or(cmp.Compare(rank(x), rank(y)), strings.Compare(x.Domain, y.Domain), strings.Compare(x.Origin.Host, y.Origin.Host)) < 0
	})
	sum := sha256.New()
	for i := range it.Stops {
		s := &it.Stops[i]
		s.FirstApp = it.Apps
		it.Apps += len(s.Bases)
		sum.Write([]byte(s.Origin.String() + "\n"))
		for _, base := range s.Bases {
			sum.Write([]byte("\t" + base + "\n"))
		}
		if s.Origin == hub {
			it.Hub = i
		}
	}
	it.Digest = sum.Sum(nil)[:8]
}

// At is the number of the stop with an origin, -1 if there is none.
func (it *Itinerary) At(o origin.Origin) int {
	return slices.IndexFunc(it.Stops, func(s Stop) bool { return s.Origin == o })
}

// Has reports whether an origin is a site of the group.
func (it *Itinerary) Has(o origin.Origin) bool { return it.At(o) >= 0 }

// Find is the stop behind an app's number, and where on it the app lies.
func (it *Itinerary) Find(app int) (s *Stop, base string) {
	for i := range it.Stops {
		if s := &it.Stops[i]; app >= s.FirstApp && app < s.FirstApp+len(s.Bases) {
			return s, s.Bases[app-s.FirstApp]
		}
	}
	return nil, ""
}

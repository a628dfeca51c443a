package tour

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/bounded"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/sites"
)

// stop is one site of a group.
type Stop struct {
	Origin origin.Origin
	Domain string        // equal for sites that browsers call same-site
	Server *sites.Server // that it is on
	Bases  []string      // where its apps lie, "" at the root of the site
	First  int           // number of its first app among those of all stops
}

// itinerary is a group as a tour goes through it: the site where it begins,
// then its siblings, then the other registrable domains.
type Itinerary struct {
	Group  string
	Stops  []Stop
	Apps   int
	Digest []byte   // of all names: numbers of stops mean something only with it
	Plain  []string // hosts with plain http only, which take no part
	Hub    int      // number of the hub's stop, -1 without one
}

// Itineraries keeps those that were asked for, by what they depend on: a tour
// through n sites needs its own 2n times. Where a site has many names, or a
// request may name any port, there is no end of them.
type Itineraries[K comparable] struct {
	known *bounded.Map[K, Itinerary]
}

func NewItineraries[K comparable]() *Itineraries[K] {
	return &Itineraries[K]{bounded.NewMap[K, Itinerary](maxItineraries, 0)}
}

const maxItineraries = 64

// Get returns the one that is kept, or what find finds. That takes a while, so
// nobody else waits for it.
func (its *Itineraries[K]) Get(key K, find func() Itinerary) Itinerary {
	it, ok := its.known.Get(key)
	if !ok {
		it = find()
		its.known.Put(key, it, time.Time{})
	}
	return it
}

// Len is how many are kept.
func (its *Itineraries[K]) Len() int { return its.known.Len() }

// order puts the stops of one registrable domain together, the start's first.
// The hub comes soon, so that it knows of a tour that is not finished.
func (it *Itinerary) Order(hub origin.Origin) {
	start := it.Stops[0]
	hubDomain := origin.SameSite(hub)
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
	slices.SortFunc(it.Stops, func(x, y Stop) int {
		return cmp.Or(cmp.Compare(rank(x), rank(y)), strings.Compare(x.Domain, y.Domain), strings.Compare(x.Origin.Host, y.Origin.Host))
	})
	sum := sha256.New()
	for i := range it.Stops {
		s := &it.Stops[i]
		s.First = it.Apps
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

// at is the number of the stop with an origin, -1 if there is none.
func (it *Itinerary) At(o origin.Origin) int {
	return slices.IndexFunc(it.Stops, func(s Stop) bool { return s.Origin == o })
}

// has reports whether an origin is a site of the group.
func (it *Itinerary) Has(o origin.Origin) bool { return it.At(o) >= 0 }

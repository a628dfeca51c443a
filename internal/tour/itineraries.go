package tour

import (
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/bounded"
)

// maxItineraries bounds the memory: where a site has many names, or a request
// may name any port, there is no end of them.
const maxItineraries = 64

// Itineraries keeps those that were asked for, by what they depend on: a tour
// through n sites needs its own 2n times.
type Itineraries[K comparable] struct {
	known *bounded.Map[K, Itinerary]
}

// NewItineraries keeps none yet.
func NewItineraries[K comparable]() *Itineraries[K] {
	return &Itineraries[K]{known: bounded.NewMap[K, Itinerary](maxItineraries, 0)}
}

// Get returns the one for key, from find if it is asked for the first time.
// Nobody waits while another one is found.
func (its *Itineraries[K]) Get(key K, find func() Itinerary) Itinerary {
	it, ok := its.known.Get(key)
	if !ok {
		it = find()
		its.known.Put(key, it, time.Time{})
	}
	return it
}

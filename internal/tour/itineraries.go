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
type Itineraries struct {
	known *bounded.Map
}

// NewItineraries keeps none yet.
func NewItineraries() *Itineraries {
	return &Itineraries{known: bounded.NewMap(maxItineraries, 0)}
}

// Get returns the one for key, from find if it is asked for the first time.
// Nobody waits while another one is found.
func (its *Itineraries) Get(key any, find func() Itinerary) Itinerary {
	if known, ok := its.known.Get(key); ok {
		return known.(Itinerary)
	}
	it := find()
	its.known.Put(key, it, time.Time{})
	return it
}

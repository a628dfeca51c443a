package tour

import (
	"sync"
)

// Itineraries keeps those that were asked for, by what they depend on: a tour
// through n sites needs its own 2n times.
type Itineraries[K comparable] struct {
	mu    sync.Mutex
	known map[K]Itinerary
}

// NewItineraries keeps none yet.
func NewItineraries[K comparable]() *Itineraries[K] {
	return &Itineraries[K]{known: make(map[K]Itinerary)}
}

// maxItineraries bounds the memory: where a site has many names, or a request
// may name any port, there is no end of them.
const maxItineraries = 64

// Get returns the one for key, from find if it is asked for the first time.
func (its *Itineraries[K]) Get(key K, find func() Itinerary) Itinerary {
	its.mu.Lock()
	it, ok := its.known[key]
	its.mu.Unlock()
	if ok {
		return it
	}
	it = find()
	its.mu.Lock()
	defer its.mu.Unlock()
	if len(its.known) >= maxItineraries {
		clear(its.known)
	}
	its.known[key] = it
	return it
}

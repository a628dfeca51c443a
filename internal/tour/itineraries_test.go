package tour

import "testing"

// TestItinerariesAreBounded: a request may name any port, and each is a way of
// its own; the way that a tour needs is always right, and found once.
func TestItinerariesAreBounded(t *testing.T) {
	its := NewItineraries()
	for port := range 3 * maxItineraries {
		found := 0
		for range 2 {
			it := its.Get(port, func() Itinerary { found++; return Itinerary{Apps: port} })
			if it.Apps != port {
				t.Fatalf("from port %d: that of %d", port, it.Apps)
			}
		}
		if found != 1 {
			t.Errorf("port %d: found %d times", port, found)
		}
	}
	if n := its.known.Len(); n > maxItineraries {
		t.Errorf("%d are kept", n)
	}
}

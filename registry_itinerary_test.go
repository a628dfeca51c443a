package universallogout

import (
	"strconv"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/sites"
)

// TestItineraryOfAnyPort: a request may name any port, and each is a way of its
// own; the way that a tour needs is always right.
func TestItineraryOfAnyPort(t *testing.T) {
	lab := newTourLab(t, "", groupSites...)
	var srv *sites.Server
	for _, srv = range lab.app.registry().servers {
	}
	for port := range 200 { // more than are kept
		for _, host := range groupSites[:2] {
			start := origin.Parse("https://" + host + ":" + strconv.Itoa(port+1000))
			for range 2 {
				it := lab.app.itineraryFrom(srv, start, defaultGroup)
				if len(it.Stops) != len(groupSites) || it.Stops[0].Origin != start || origin.PortSuffix(it.Stops[1].Origin) != origin.PortSuffix(start) {
					t.Fatalf("from %s: %+v", start, it.Stops)
				}
			}
		}
	}
	if it := lab.app.itineraryFrom(srv, origin.Parse("https://"+groupSites[0]), "another"); len(it.Stops) != 0 {
		t.Errorf("another group has %d sites", len(it.Stops))
	}
}

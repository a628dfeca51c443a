package universallogout

import (
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestAskingAheadRefusesNothing: while the app is busy with its logout, the edge
// finds out where the browser goes afterwards. The app needs the session until it
// has answered, so that nothing is refused by that.
func TestAskingAheadRefusesNothing(t *testing.T) {
	so := newSignOn(t, signOnConfig{})
	own := origin.New("https", "app.example.com")
	visit := journey.Visit{Provider: "main", Clients: []journey.Client{{ID: edgeClient}}, Hints: []string{so.hint(edgeClient)}}
	so.site.app.getReady(t.Context(), own, visit)
	if n := so.list().Stats().Sessions; n != 0 {
		t.Errorf("%d sessions are refused already", n)
	}
	ready := visit
	so.site.app.wayTo(t.Context(), so.main(), own, &ready) // the logout itself does
	if n := so.list().Stats().Sessions; n != 1 {
		t.Errorf("%d sessions are refused by the logout", n)
	}
}

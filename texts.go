package universallogout

import (
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// Every sentence that a person can read on our pages or in our JSON.
var (
	textProvider = map[journey.Outcome]string{
		journey.ProviderEnded: "Your session at %s, which signs you in to your apps, has ended, too.",
		journey.ProviderNone:  "There was no session at %s, which signs you in to your apps.",
		journey.ProviderAlive: "You may still be signed in at %s, which signs you in to your apps. Then the next sign-in may ask for no password.",
	}

	// What became of the apps of a tour.
	textApp = map[tour.Result]string{
		tour.Ended:     "signed out",
		tour.Revoked:   "signed out; the session is refused from now on",
		tour.Cleared:   "signed out in this browser; the app did not say that it ended the session",
		tour.Failed:    "could not be ended",
		tour.Unreached: "not reached",
		tour.Unvisited: "not reached",
	}
)

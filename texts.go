package universallogout

// Every sentence that a person can read on our pages or in our JSON.
var (
	textProvider = map[providerOutcome]string{
		providerEnded: "Your session at %s, which signs you in to your apps, has ended, too.",
		providerNone:  "There was no session at %s, which signs you in to your apps.",
		providerAlive: "You may still be signed in at %s, which signs you in to your apps. Then the next sign-in may ask for no password.",
	}

	// What became of the apps of a tour.
	textApp = map[result]string{
		resultEnded:     "signed out",
		resultRevoked:   "signed out; the session is refused from now on",
		resultCleared:   "signed out in this browser; the app did not say that it ended the session",
		resultFailed:    "could not be ended",
		resultUnreached: "not reached",
		resultUnvisited: "not reached",
	}
)

package universallogout

import (
	"net/http"
	"slices"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// outcome says how the app's own logout went. A page that the app answered
// with is no proof, whatever its status: only the session cookie is.
func (l *logout) outcome(res appResult) outcome.Outcome {
	if len(l.presented) == 0 {
		return outcome.None
	}
	failed := res.status == 0 || res.status >= 400
	if failed && l.tokens.AreAll(l.presented) && slices.Contains(noSuchLogout, res.status) {
		failed = false // a session made of the provider's tokens only: there is nothing for the app to end
	}
	switch {
	case res.endsSession(l.presented, failed, l.began):
		return outcome.Ended
	case failed:
		return outcome.Failed
	}
	return outcome.Cleared
}

// endsSession reports whether an answer deletes or replaces a session cookie
// that was presented.
func (res appResult) endsSession(presented []cookie.Cookie, failed bool, now time.Time) bool {
	for _, line := range res.header["Set-Cookie"] {
		sc := cookie.ParseSet(line, now)
		for _, c := range presented {
			// With an error, a new value may be one that comes with every answer.
			if sc.Name == c.Name && (sc.Expired || sc.Value != c.Value && !failed) {
				return true
			}
		}
	}
	return false
}

// noSuchLogout is what apps answer that have no logout of their own.
var noSuchLogout = []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}

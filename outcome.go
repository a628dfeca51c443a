package universallogout

import (
	"net/http"
	"slices"
	"time"
)

// outcome is what became of one app's session.
type outcome string

const (
	outcomeEnded   outcome = "ended"   // the app deleted or replaced the session cookie
	outcomeRevoked outcome = "revoked" // the edge refuses it from now on
	outcomeCleared outcome = "cleared" // only the browser has forgotten it
	outcomeNone    outcome = "none"    // no session was presented
	outcomeFailed  outcome = "failed"  // the app could not be asked, or said no
)

// outcome says how the app's own logout went. A page that the app answered
// with is no proof, whatever its status: only the session cookie is.
func (l *logout) outcome(res appResult) outcome {
	if len(l.presented) == 0 {
		return outcomeNone
	}
	failed := res.status == 0 || res.status >= 400
	if failed && l.tokens.areAll(l.presented) && slices.Contains(noSuchLogout, res.status) {
		failed = false // a session made of the provider's tokens only: there is nothing for the app to end
	}
	switch {
	case res.endsSession(l.presented, failed, l.began):
		return outcomeEnded
	case failed:
		return outcomeFailed
	}
	return outcomeCleared
}

// endsSession reports whether an answer deletes or replaces a session cookie
// that was presented.
func (res appResult) endsSession(presented []cookie, failed bool, now time.Time) bool {
	for _, line := range res.header["Set-Cookie"] {
		sc := parseSetCookie(line, now)
		for _, c := range presented {
			// With an error, a new value may be one that comes with every answer.
			if sc.name == c.name && (sc.expired || sc.value != c.value && !failed) {
				return true
			}
		}
	}
	return false
}

// noSuchLogout is what apps answer that have no logout of their own.
var noSuchLogout = []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}

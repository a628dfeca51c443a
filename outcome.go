package universallogout

import (
	"slices"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// outcome says how the app's own logout went. A page that the app answered
// with is no proof, whatever its status: only the session cookie is.
func (l *logout) outcome(res appcall.Result) outcome.Outcome {
	if len(l.presented) == 0 {
		return outcome.None
	}
	failed := res.Status == 0 || res.Status >= 400
	if failed && l.tokens.AreAll(l.presented) && slices.Contains(appcall.NoSuchLogout, res.Status) {
		failed = false // a session made of the provider's tokens only: there is nothing for the app to end
	}
	switch {
	case res.EndsSession(l.presented, failed, l.began):
		return outcome.Ended
	case failed:
		return outcome.Failed
	}
	return outcome.Cleared
}

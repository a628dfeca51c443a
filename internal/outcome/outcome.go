// Package outcome has the five words for what became of one app's session.
package outcome

// Outcome is what became of one app's session. It is its own spelling in JSON,
// logs and metrics.
type Outcome string

const (
	Ended   Outcome = "ended"   // the app deleted or replaced the session cookie
	Revoked Outcome = "revoked" // the edge refuses it from now on
	Cleared Outcome = "cleared" // only the browser has forgotten it
	None    Outcome = "none"    // no session was presented
	Failed  Outcome = "failed"  // the app could not be asked, or said no
)

// Worse is the outcome of an app with two directives, of which each has one.
// None counts only if both have it.
func Worse(a, b Outcome) Outcome {
	for _, o := range []Outcome{Failed, Cleared, Revoked, Ended} {
		if a == o || b == o {
			return o
		}
	}
	return None
}

// Summary is the outcome of a whole logout, in one of three words: ok, none or
// failed.
func Summary(out Outcome) string {
	switch out {
	case Failed:
		return "failed"
	case None:
		return "none"
	case Ended, Revoked, Cleared:
	}
	return "ok"
}

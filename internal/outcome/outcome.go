package outcome

// outcome is what became of one app's session.
type Outcome string

const (
	Ended   Outcome = "ended"   // the app deleted or replaced the session cookie
	Revoked Outcome = "revoked" // the edge refuses it from now on
	Cleared Outcome = "cleared" // only the browser has forgotten it
	None    Outcome = "none"    // no session was presented
	Failed  Outcome = "failed"  // the app could not be asked, or said no
)

package tour

import (
	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// Result is what became of one app, in a byte: its outcome, and what its site
// still needs.
type Result byte

const (
	Unvisited Result = iota // the app had no turn yet
	None
	Ended
	Cleared
	Failed
	Unreached // its site gave no answer
	Revoked

	resultMask Result = 0x0f

	// NeedsStorage: a page of the site itself must clear its storage, because
	// WebKit clears a sibling's on nothing else.
	NeedsStorage Result = 0x10

	// NeedsCookies: the site is due in the cookie pass.
	NeedsCookies Result = 0x20
)

// Outcomes are those of results without what their sites still need.
var Outcomes = map[Result]outcome.Outcome{
	None: outcome.None, Ended: outcome.Ended, Cleared: outcome.Cleared,
	Failed: outcome.Failed, Unreached: outcome.Failed, Revoked: outcome.Revoked,
}

// ResultOf is the result with an outcome.
func ResultOf(out outcome.Outcome) Result {
	switch out {
	case outcome.None:
		return None
	case outcome.Ended:
		return Ended
	case outcome.Cleared:
		return Cleared
	case outcome.Revoked:
		return Revoked
	case outcome.Failed:
	}
	return Failed
}

// Plain is r without what the site still needs.
func (r Result) Plain() Result { return r & resultMask }

// Outcome of a plain result, "" of one that is not known yet.
func (r Result) Outcome() outcome.Outcome { return Outcomes[r] }

// Report is what a site says about one of its apps. It goes back to the next hop
// with the page's form.
type Report struct {
	ID       string           `json:"i"` // of the logout
	AppNo    int              `json:"a"`
	Result   Result           `json:"r"`
	Leftover *cookie.Leftover `json:"l,omitempty"` // expirations that found no room
}

// What the page says besides, in the same field.
const (
	SaidOver = "over"  // the hub was told that the tour is over
	saidSkip = "skip:" // and the number of a stop that cannot be reached
)

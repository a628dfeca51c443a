package journey

import "github.com/universal-logout/caddy-universal-logout/internal/cookie"

// round is one more answer of a logout, on the way to its landing page or, if
// the app has answered its script already, to the page that was opened next.
type Sweep struct {
	Host    string           `json:"h"`
	Made    int64            `json:"m"` // Unix seconds
	Browser string           `json:"b"` // value of browserCookie
	Rest    *cookie.Leftover `json:"r"`
	Landing *Landing         `json:"l,omitempty"`
	Page    string           `json:"p,omitempty"`
}

// isLast reports whether no expirations are left.
func (sweep Sweep) IsLast() bool { return sweep.Rest == nil || sweep.Rest.Next < 0 }

// withoutLanding ends at the page that the browser opens next.
func (sweep Sweep) WithoutLanding() Sweep {
	sweep.Landing = nil
	return sweep
}

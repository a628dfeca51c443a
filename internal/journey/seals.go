package journey

import (
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/seal"
)

// Seals makes and opens the tokens that travel with a browser. Any node that has
// the keys can go on with a logout.
type Seals struct {
	Keys   *seal.Ring
	Prefix string // of our addresses, without a slash at its end
	Now    func() time.Time
}

// The kinds of tokens. The purposes are older than the names: tokens that are
// under way during an update must stay readable.
const (
	landingToken seal.Token = "landing"
	sweepToken   seal.Token = "round"
	markerToken  seal.Token = "marker"
	stateToken   seal.Token = "state"
	tourToken    seal.Token = "tour"
	reportToken  seal.Token = "word"
	hubToken     seal.Token = "hub"
)

// IsRecent reports whether a moment, in Unix seconds, is not longer ago than
// lifetime.
func (s *Seals) IsRecent(moment int64, lifetime time.Duration) bool {
	return seal.IsRecent(moment, lifetime, s.Now())
}

package journey

import (
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/seal"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
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
var (
	landingToken = seal.Token[Landing]{Purpose: "landing", Life: LandingLifetime, Made: func(done Landing) int64 { return done.Began }}
	sweepToken   = seal.Token[Sweep]{Purpose: "round", Life: LandingLifetime, Made: func(sweep Sweep) int64 { return sweep.Made }}
	markerToken  = seal.Token[Journey]{Purpose: "marker", Life: VisitLifetime, Made: func(j Journey) int64 { return j.Sweep.Made }}
	stateToken   = seal.Token[State]{Purpose: "state", Life: VisitLifetime, Made: func(st State) int64 { return st.Made }}
	tourToken    = seal.Token[tour.Tour]{Purpose: "tour", Life: tour.Lifetime, Made: func(t tour.Tour) int64 { return t.Made }}
	reportToken  = seal.Token[tour.Report]{Purpose: "word"} // as old as its tour
	hubToken     = seal.Token[remembered]{Purpose: "hub", Life: tour.Lifetime, Made: func(m remembered) int64 { return m.Made }}
)

// IsRecent reports whether a moment, in Unix seconds, is not longer ago than
// lifetime.
func (s *Seals) IsRecent(moment int64, lifetime time.Duration) bool {
	return seal.IsRecent(moment, lifetime, s.Now())
}

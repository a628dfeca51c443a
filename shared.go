package universallogout

import (
	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/limit"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
	"github.com/universal-logout/caddy-universal-logout/internal/telemetry"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
	"github.com/universal-logout/caddy-universal-logout/internal/work"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/seal"
)

// shared outlives reloads of the config.
type shared struct {
	keys                      *seal.Ring
	steps                     *tour.Steps
	revocations               *revocations
	revoking, revokingUnknown *limit.Clients  // of sessions refused: that an app ended, and others
	limit                     *limit.Clients  // of logouts without a session
	streams                   enforce.Streams // that are open with a session
	background                chan struct{}   // places of work.Runner
	metadata                  provider.Seen
	metrics                   *telemetry.Metrics
	running                   runningApps
}

func newShared(keys *seal.Ring) *shared {
	rv := newRevocations()
	return &shared{
		keys: keys, steps: tour.NewSteps(), limit: limit.NewSessionlessLimit(),
		revoking: limit.New(revokingAtOnce, revokingEvery), revokingUnknown: limit.New(unknownAtOnce, unknownEvery),
		revocations: rv, background: make(chan struct{}, work.MaxPlaces), metrics: telemetry.NewMetrics(rv.stats),
	}
}

// Destruct implements caddy.Destructor.
func (s *shared) Destruct() error { return s.revocations.Destruct() }

var pool = caddy.NewUsagePool()

const poolKey = "universal_logout"

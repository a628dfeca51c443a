package universallogout

import (
	"sync"

	"github.com/universal-logout/caddy-universal-logout/internal/limit"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/seal"
)

// shared outlives reloads of the config.
type shared struct {
	keys                      *seal.Ring
	steps                     *steps
	revocations               *revocations
	revoking, revokingUnknown *limit.Clients // of sessions refused: that an app ended, and others
	limit                     *limit.Clients // of logouts without a session
	streams                   streams        // that are open with a session
	background                chan struct{}  // one place for each piece of work that outlives its logout
	metadata                  sync.Map       // issuer → metadata, as it was last seen
	metrics                   *metrics
	running                   runningApps
}

func newShared(keys *seal.Ring) *shared {
	rv := newRevocations()
	return &shared{
		keys: keys, steps: newSteps(), limit: limit.NewSessionlessLimit(),
		revoking: limit.New(revokingAtOnce, revokingEvery), revokingUnknown: limit.New(unknownAtOnce, unknownEvery),
		revocations: rv, background: make(chan struct{}, maxBackground), metrics: newMetrics(rv),
	}
}

// maxBackground bounds the work that outlives its logout. Most of it is
// waiting, and costs a goroutine.
const maxBackground = 1024

func (s *shared) knownMetadata(issuer string) metadata {
	m, _ := s.metadata.Load(issuer)
	known, _ := m.(metadata)
	return known
}

// keepMetadata: there are as many as providers in the configurations that
// this process has seen.
func (s *shared) keepMetadata(m metadata) { s.metadata.Store(m.Issuer, m) }

// Destruct implements caddy.Destructor.
func (s *shared) Destruct() error { return s.revocations.Destruct() }

var pool = caddy.NewUsagePool()

const poolKey = "universal_logout"

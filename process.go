package universallogout

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/limit"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
	"github.com/universal-logout/caddy-universal-logout/internal/seal"
	"github.com/universal-logout/caddy-universal-logout/internal/telemetry"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// process outlives reloads of the config.
type process struct {
	keys                      *seal.Ring
	steps                     *tour.Steps
	revocations               *revocations
	revoking, revokingUnknown *limit.PerClient // of sessions refused: that an app ended, and others
	limit                     *limit.PerClient // of logouts without a session
	streams                   enforce.Streams  // that are open with a session
	background                chan struct{}    // places of work.Runner
	metadata                  provider.Seen
	metrics                   *telemetry.Metrics
	running                   runningApps
}

func newProcess(keys *seal.Ring) *process {
	rv := newRevocations()
	return &process{
		keys: keys, steps: tour.NewSteps(), limit: newSessionlessLimit(),
		revoking: limit.New(revokingAtOnce, revokingEvery), revokingUnknown: limit.New(unknownAtOnce, unknownEvery),
		revocations: rv, background: make(chan struct{}, work.MaxPlaces), metrics: telemetry.NewMetrics(rv.stats),
	}
}

// sessionlessPerMinute bounds how many logouts a client may ask for that present
// no session: each is a request to the app that nobody needs.
const sessionlessPerMinute = 30

func newSessionlessLimit() *limit.PerClient {
	return limit.New(sessionlessPerMinute, time.Minute/sessionlessPerMinute)
}

// Destruct implements caddy.Destructor.
func (s *process) Destruct() error { return s.revocations.Destruct() }

var pool = caddy.NewUsagePool()

const poolKey = "universal_logout"

// use lets the configuration use what outlives it.
func (a *App) use(s *process) {
	a.process = s
	a.work.Places = s.background
	a.enforcing = a.newEnforcing()
	a.seals = journey.Seals{Keys: s.keys, Prefix: a.Prefix, Now: a.clock}
}

// runningApps are those of the configurations that are served. While one takes
// over from another, or fails to, there are two.
type runningApps struct {
	mu   sync.Mutex
	apps []*App
}

func (r *runningApps) begin(a *App) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.apps = append(r.apps, a)
}

func (r *runningApps) end(a *App) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.apps = slices.DeleteFunc(r.apps, func(other *App) bool { return other == a })
}

func (r *runningApps) last() *App {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.apps) == 0 {
		return nil
	}
	return r.apps[len(r.apps)-1]
}

// runningApp is the app of the configuration that is served, nil if it has none.
// Caddy's admin modules come before all apps, and those that nobody configured
// come with the first handler: only the pool knows them.
func runningApp() (a *App) {
	pool.Range(func(_, value any) bool {
		a = value.(*process).running.last()
		return false
	})
	return a
}

// lastingLogger is for what outlives the config that began it. A logger of that
// one would go on writing where its config said, after a reload that says
// otherwise.
func (a *App) lastingLogger() *zap.Logger {
	return zap.New(lastingCore{&a.process.running, a.logger.Core()}).Named(a.logger.Name())
}

// lastingCore is the core of the running config's logger, whichever that is.
type lastingCore struct {
	running *runningApps
	first   zapcore.Core // while none runs
}

func (c lastingCore) core() zapcore.Core {
	if a := c.running.last(); a != nil {
		return a.logger.Core()
	}
	return c.first
}

// Enabled implements zapcore.LevelEnabler.
func (c lastingCore) Enabled(level zapcore.Level) bool { return c.core().Enabled(level) }

// With implements zapcore.Core.
func (c lastingCore) With(fields []zapcore.Field) zapcore.Core { return c.core().With(fields) }

// Check implements zapcore.Core: it is the other core that writes.
func (c lastingCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return c.core().Check(entry, checked)
}

// Write implements zapcore.Core.
func (c lastingCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	return c.core().Write(entry, fields)
}

// Sync implements zapcore.Core.
func (c lastingCore) Sync() error { return c.core().Sync() }

// refreshKeys brings the keys that nodes share, at once and then every minute.
// Until then, and while the storage is away, this process uses its own.
func (a *App) refreshKeys(ctx context.Context) {
	told := false
	for {
		err := a.process.keys.Refresh(ctx, a.ctx.Storage(), a.now)
		if err != nil && ctx.Err() == nil && !told {
			told = true
			a.logger.Warn("no shared keys: a logout must be finished by the node that began it, before it restarts", zap.Error(err))
		}
		if err == nil {
			told = false
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(refreshKeys):
		}
	}
}

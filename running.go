package universallogout

import (
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// provisionOperations gets what tells others how we are doing.
func (a *App) provisionOperations() error {
	app, err := a.ctx.App("events")
	if err != nil {
		return err
	}
	a.events = newEvents(app.(*caddyevents.App))
	a.metrics = a.shared.metrics
	return a.metrics.register(a.ctx.GetMetricsRegistry())
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
		a = value.(*shared).running.last()
		return false
	})
	return a
}

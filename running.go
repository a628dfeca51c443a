package universallogout

import (
	"slices"
	"sync"
)

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

package universallogout

import (
	"context"
	"fmt"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// listener to events that keeps what it hears.
type eventEar struct {
	mu    sync.Mutex
	heard []caddy.Event
	hold  chan struct{} // nil: it does not
}

// Handle implements caddyevents.Handler.
func (e *eventEar) Handle(_ context.Context, event caddy.Event) error {
	e.mu.Lock()
	e.heard = append(e.heard, event)
	e.mu.Unlock()
	if e.hold != nil {
		<-e.hold
	}
	return nil
}

func (e *eventEar) all() (texts []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.heard {
		texts = append(texts, event.Name()+" "+fmt.Sprint(event.Data))
	}
	return texts
}

func (e *eventEar) count(name string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.heard {
		if event.Name() == name {
			n++
		}
	}
	return n
}

// listenTo has a handler hear all events of a site.
func (s *site) listenTo(ear *eventEar) {
	s.t.Helper()
	app, err := s.app.ctx.App("events")
	if err != nil {
		s.t.Fatal(err)
	}
	if err := app.(*caddyevents.App).On("", ear); err != nil {
		s.t.Fatal(err)
	}
}

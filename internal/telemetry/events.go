package telemetry

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// Names of events, for those who want to act on them: { events { on <name> … } }.
const (
	loggedOutEvent = "universal_logout.logged_out"
	revokedEvent   = "universal_logout.revoked"
	refusedEvent   = "universal_logout.refused"
)

const (
	// maxEmitting bounds the handlers of events that run at a time.
	maxEmitting = 64

	// refusedEvery: one event tells of many requests. A page that polls with an
	// old session would start a program each time otherwise.
	refusedEvery = time.Second
)

// events tells others what happened. Nobody who logs out waits for them.
type events struct {
	app      *caddyevents.App
	emitting chan struct{}
	lost     rate.Sometimes // told that events are left out

	mu      sync.Mutex
	refused map[string]*refusals // by kind
}

// refusals are the refused requests of one kind.
type refusals struct {
	told  time.Time
	count int // since then
}

func newEvents(app *caddyevents.App) *events {
	return &events{app: app, emitting: make(chan struct{}, maxEmitting), lost: rate.Sometimes{Interval: time.Minute}, refused: make(map[string]*refusals)}
}

// emit tells of an event, if anybody listens.
func (t *Teller) emit(name string, data map[string]any) {
	e := t.events
	if !e.app.ShouldEmit(name) {
		return
	}
	select {
	case e.emitting <- struct{}{}:
	default:
		e.lost.Do(func() { t.logger().Warn("events are left out: their handlers are slower than events come") })
		return
	}
	go func() {
		defer func() { <-e.emitting }()
		t.work.Guarded("a handler of events", func() { e.app.Emit(t.ctx, name, data) })
	}()
}

// emitRefused tells of refused requests, once a second for each kind.
func (t *Teller) emitRefused(kind string) {
	e := t.events
	if !e.app.ShouldEmit(refusedEvent) {
		return
	}
	e.mu.Lock()
	known := e.refused[kind]
	if known == nil {
		known = new(refusals)
		e.refused[kind] = known
	}
	known.count++
	now, count := t.now(), known.count
	due := now.Sub(known.told) >= refusedEvery
	if due {
		known.told, known.count = now, 0
	}
	e.mu.Unlock()
	if due {
		t.emit(refusedEvent, map[string]any{"kind": kind, "requests": count})
	}
}

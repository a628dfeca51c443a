package provider

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// lab is a provider in a process of its own.
type lab struct {
	*Provider
	t      testing.TB
	clock  *clock
	logged *observer.ObservedLogs
}

func newLab(t testing.TB, config Config) *lab {
	t.Helper()
	p := &lab{t: t, clock: new(clock)}
	core, logged := observer.New(zap.DebugLevel)
	logger, seen := zap.New(core), new(Seen)
	p.logged = logged
	var err error
	p.Provider, err = New("main", config, Env{
		Now: p.clock.now, Logger: func() *zap.Logger { return logger }, Storage: &certmagic.FileStorage{Path: t.TempDir()},
		Seen: func() *Seen { return seen }, Count: func(string, string, string) {},
		Work: &work.Runner{Logger: func() *zap.Logger { return logger }, Places: make(chan struct{}, 8)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *lab) asks() (Metadata, error) { return p.Endpoints(p.t.Context()) }

// clock is one that tests turn.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time        { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) turn(by time.Duration) { c.ahead.Add(int64(by)) }

// transport answers without a wire.
type transport func(http.ResponseWriter, *http.Request)

func (answer transport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	answer(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

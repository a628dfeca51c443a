package telemetry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// lab is a teller of a configuration with nothing else in it.
type lab struct {
	*Teller
	t      testing.TB
	stats  *revocation.Stats
	clock  time.Time
	logged *observer.ObservedLogs
	values *prometheus.Registry
}

func newLab(t testing.TB) *lab {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	core, logged := observer.New(zap.DebugLevel)
	logger := zap.New(core)
	lab := &lab{t: t, clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), logged: logged, values: prometheus.NewPedanticRegistry()}
	metrics := NewMetrics(func() *revocation.Stats { return lab.stats })
	runner := &work.Runner{Logger: func() *zap.Logger { return logger }}
	lab.Teller, err = New(ctx, metrics, runner, func() *zap.Logger { return logger }, func() time.Time { return lab.clock })
	if err != nil {
		t.Fatal(err)
	}
	if err := metrics.Register(lab.values); err != nil {
		t.Fatal(err)
	}
	return lab
}

// read are the values of all metrics that have one, by name and labels.
func (lab *lab) read() string {
	lab.t.Helper()
	families, err := lab.values.Gather()
	if err != nil {
		lab.t.Fatal(err)
	}
	var lines []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "caddy_universal_logout_")
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			lines = append(lines, fmt.Sprint(name, ": ", value))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// wantMetrics: these, and no others.
func (lab *lab) wantMetrics(lines ...string) {
	lab.t.Helper()
	slices.Sort(lines)
	if got := lab.read(); got != strings.Join(lines, "\n") {
		lab.t.Errorf("counted:\n%s\nwant:\n%s", got, strings.Join(lines, "\n"))
	}
}

// ear keeps what it hears of events.
type ear struct {
	heard chan string
	hold  chan struct{} // nil: it does not
}

// Handle implements caddyevents.Handler.
func (e *ear) Handle(_ context.Context, event caddy.Event) error {
	e.heard <- event.Name() + " " + fmt.Sprint(event.Data)
	if e.hold != nil {
		<-e.hold
	}
	return nil
}

// listen has all events heard.
func (lab *lab) listen() *ear {
	lab.t.Helper()
	e := &ear{heard: make(chan string, 1000)}
	if err := lab.events.app.On("", e); err != nil {
		lab.t.Fatal(err)
	}
	return e
}

// next is the event that comes next, "" if none does soon.
func (e *ear) next() string {
	select {
	case event := <-e.heard:
		return event
	case <-time.After(10 * time.Second):
		return ""
	}
}

// settle waits until no handler of events runs.
func (lab *lab) settle() {
	var free sync.WaitGroup
	for range maxEmitting {
		free.Go(func() { lab.events.emitting <- struct{}{} })
	}
	free.Wait()
	for range maxEmitting {
		<-lab.events.emitting
	}
}

var _ caddyevents.Handler = (*ear)(nil)

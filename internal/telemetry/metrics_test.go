package telemetry

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// TestLabels: no value of a label comes from a request.
func TestLabels(t *testing.T) {
	lab := newLab(t)
	for _, kind := range []string{"cookie", "header", "stream", "sessionid=x", ""} {
		lab.Refused(kind)
	}
	lab.AppEnded("a.example.com", outcome.Ended, time.Second)
	lab.AppEnded("a.example.com", outcome.None, 0) // was not asked
	lab.AppEnded(OtherApp, outcome.Failed, time.Minute)
	lab.ProviderAnswered("main", "token", "ok")
	lab.ProviderAnswered("main", "token", "ok")
	lab.wantMetrics(
		"refused_total cookie: 1", "refused_total header: 1", "refused_total stream: 1", "refused_total _other: 2",
		"app_logouts_total a.example.com ended: 1", "app_logouts_total a.example.com none: 1", "app_logouts_total _other failed: 1",
		"app_logout_duration_seconds a.example.com: 1", "app_logout_duration_seconds _other: 1",
		"provider_requests_total token main ok: 2",
	)
}

// TestListIsTold: when it is open.
func TestListIsTold(t *testing.T) {
	lab := newLab(t)
	lab.wantMetrics()
	lab.stats = &revocation.Stats{Credentials: 1, Sessions: 2, Subjects: 3, Bindings: 4, Journal: journal.Stats{Lag: 5 * time.Second}}
	lab.wantMetrics("revocations credential: 1", "revocations session: 2", "revocations subject: 3", "revocations binding: 4", "log_lag_seconds: 5")
}

// TestValuesOutliveConfigurations: each has a registry of its own.
func TestValuesOutliveConfigurations(t *testing.T) {
	lab := newLab(t)
	lab.ProviderAnswered("main", "token", "ok")
	for range 2 { // a second time is no error
		if err := lab.metrics.Register(lab.values); err != nil {
			t.Error(err)
		}
	}
	if err := lab.metrics.Register(nil); err != nil {
		t.Error(err)
	}
	lab.values = prometheus.NewPedanticRegistry()
	if err := lab.metrics.Register(lab.values); err != nil {
		t.Error(err)
	}
	lab.wantMetrics("provider_requests_total token main ok: 1")
	taken := prometheus.NewPedanticRegistry()
	taken.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "caddy_universal_logout_refused_total", Help: "Another one of this name."}))
	if err := lab.metrics.Register(taken); err == nil {
		t.Error("takes the name of somebody else's metric")
	}
}

package telemetry

import (
	"errors"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// Metrics are what Prometheus gets to see. Every label has as many values as
// the configuration has names, and a few more: never one from a request.
type Metrics struct {
	logouts  *prometheus.CounterVec
	apps     *prometheus.CounterVec
	duration *prometheus.HistogramVec
	requests *prometheus.CounterVec
	refused  *prometheus.CounterVec
	list     listCollector
}

// Initiators: who began a logout.
const (
	User  = "user"
	Admin = "admin"
)

// OtherApp is the label of all apps that have no name in the configuration.
const OtherApp = "_other"

// NewMetrics returns metrics that nobody has counted in. stats says how the list
// of revocations is doing, nil while the list is not open.
func NewMetrics(stats func() *revocation.Stats) *Metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "caddy", Subsystem: "universal_logout", Name: name, Help: help}
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts(opts(name, help)), labels)
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("caddy", "universal_logout", name), help, labels, nil)
	}
	return &Metrics{
		logouts:  counter("logouts_total", "Logouts, each counted once wherever it went: ok, failed, or none where nobody was signed in.", "initiator", "result"),
		apps:     counter("app_logouts_total", "What became of the sessions of each app.", "app", "outcome"),
		requests: counter("provider_requests_total", "Requests of our own to providers, by what they answered.", "provider", "endpoint", "result"),
		refused:  counter("refused_total", "Requests with a credential that is refused.", "kind"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "caddy", Subsystem: "universal_logout", Name: "app_logout_duration_seconds",
			Help: "How long each app took to end a session.", Buckets: prometheus.DefBuckets,
		}, []string{"app"}),
		list: listCollector{
			stats: stats,
			count: desc("revocations", "What is refused, and what is known of sessions, by kind.", "kind"),
			lag:   desc("log_lag_seconds", "How long the oldest revocation waits to be shared with other nodes."),
		},
	}
}

// Register makes the metrics known to a configuration. Each has a registry of
// its own, and the values go on from one to the next.
func (m *Metrics) Register(registry *prometheus.Registry) error {
	if registry == nil {
		return nil
	}
	for _, c := range m.collectors() {
		if err := registry.Register(c); err != nil && !errors.As(err, &prometheus.AlreadyRegisteredError{}) {
			return err
		}
	}
	return nil
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.logouts, m.apps, m.duration, m.requests, m.refused, m.list}
}

// countLogout counts one act of logging out.
func (m *Metrics) countLogout(initiator string, out outcome.Outcome) {
	m.logouts.WithLabelValues(initiator, outcome.Summary(out)).Inc()
}

// refusedKinds are those that a metric may name.
var refusedKinds = []string{"cookie", "header", "stream"}

// countRefused counts a request with a credential that is refused.
func (m *Metrics) countRefused(kind string) {
	if !slices.Contains(refusedKinds, kind) {
		kind = OtherApp
	}
	m.refused.WithLabelValues(kind).Inc()
}

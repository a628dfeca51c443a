package universallogout

import (
	"errors"
	"slices"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// metrics are what Prometheus gets to see. Every label has as many values as
// the configuration has names, and a few more: never one from a request.
type metrics struct {
	logouts  *prometheus.CounterVec
	apps     *prometheus.CounterVec
	duration *prometheus.HistogramVec
	requests *prometheus.CounterVec
	refused  *prometheus.CounterVec
	list     listCollector
}

const (
	initiatorUser  = "user"
	initiatorAdmin = "admin"

	// otherApp stands for those that have no name in the configuration.
	otherApp = "_other"
)

func newMetrics(rv *revocations) *metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "caddy", Subsystem: "universal_logout", Name: name, Help: help}
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts(opts(name, help)), labels)
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("caddy", "universal_logout", name), help, labels, nil)
	}
	return &metrics{
		logouts:  counter("logouts_total", "Logouts, each counted once wherever it went: ok, failed, or none where nobody was signed in.", "initiator", "result"),
		apps:     counter("app_logouts_total", "What became of the sessions of each app.", "app", "outcome"),
		requests: counter("provider_requests_total", "Requests of our own to providers, by what they answered.", "provider", "endpoint", "result"),
		refused:  counter("refused_total", "Requests with a credential that is refused.", "kind"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "caddy", Subsystem: "universal_logout", Name: "app_logout_duration_seconds",
			Help: "How long each app took to end a session.", Buckets: prometheus.DefBuckets,
		}, []string{"app"}),
		list: listCollector{
			revocations: rv,
			count:       desc("revocations", "What is refused, and what is known of sessions, by kind.", "kind"),
			lag:         desc("log_lag_seconds", "How long the oldest revocation waits to be shared with other nodes."),
		},
	}
}

// register makes the metrics known to a configuration. Each has a registry of
// its own, and the values go on from one to the next.
func (m *metrics) register(registry *prometheus.Registry) error {
	if registry == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{m.logouts, m.apps, m.duration, m.requests, m.refused, m.list} {
		if err := registry.Register(c); err != nil && !errors.As(err, &prometheus.AlreadyRegisteredError{}) {
			return err
		}
	}
	return nil
}

// listCollector tells of the list when it is asked.
type listCollector struct {
	revocations *revocations
	count, lag  *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c listCollector) Describe(descs chan<- *prometheus.Desc) { descs <- c.count; descs <- c.lag }

// Collect implements prometheus.Collector. While the list is not open, there
// is nothing to tell.
func (c listCollector) Collect(values chan<- prometheus.Metric) {
	list := c.revocations.list.Load()
	if list == nil {
		return
	}
	stats := list.Stats()
	for _, kind := range kindsOf(stats) {
		values <- prometheus.MustNewConstMetric(c.count, prometheus.GaugeValue, float64(kind.count), kind.name)
	}
	values <- prometheus.MustNewConstMetric(c.lag, prometheus.GaugeValue, stats.Journal.Lag.Seconds())
}

type kindCount struct {
	name  string
	count int
}

func kindsOf(stats revocation.Stats) []kindCount {
	return []kindCount{
		{"credential", stats.Credentials}, {"session", stats.Sessions}, {"subject", stats.Subjects}, {"binding", stats.Bindings},
	}
}

// countLogout counts one act of logging out.
func (m *metrics) countLogout(initiator string, out outcome.Outcome) {
	m.logouts.WithLabelValues(initiator, outcome.Word(out)).Inc()
}

// countApp counts what became of one app's session.
func (l *logout) countApp(out outcome.Outcome) {
	m, app := l.h.app.metrics, l.h.app.appLabel(l.h, l.own.Hostname())
	m.apps.WithLabelValues(app, string(out)).Inc()
	if l.asked > 0 {
		m.duration.WithLabelValues(app).Observe(l.asked.Seconds())
	}
}

// appLabel names an app as the configuration does. What requests call their
// host is anybody's choice.
func (a *App) appLabel(h *Handler, host string) string {
	for _, p := range a.registry().apps {
		if p.Handler.rules != h.rules || !p.Takes(host) { // the hub's handler is a copy
			continue
		}
		if slices.Contains(p.names(), host) {
			return host + p.base()
		}
		for _, pattern := range p.Hosts {
			if origin.Meet(pattern, host) != "" {
				return pattern + p.base()
			}
		}
	}
	return otherApp
}

// refusedKinds are those that a metric may name.
var refusedKinds = []string{"cookie", "header", "stream"}

func (m *metrics) countRefused(kind string) {
	if !slices.Contains(refusedKinds, kind) {
		kind = otherApp
	}
	m.refused.WithLabelValues(kind).Inc()
}

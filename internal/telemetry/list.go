package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// listCollector tells of the list when it is asked.
type listCollector struct {
	stats      func() *revocation.Stats
	count, lag *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c listCollector) Describe(descs chan<- *prometheus.Desc) { descs <- c.count; descs <- c.lag }

// Collect implements prometheus.Collector. While the list is not open, there
// is nothing to tell.
func (c listCollector) Collect(values chan<- prometheus.Metric) {
	stats := c.stats()
	if stats == nil {
		return
	}
	for _, kind := range kindsOf(*stats) {
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

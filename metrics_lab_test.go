package universallogout

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/telemetry"
)

// ownMetrics gives a site metrics that no other test counts in. What it returns
// reads them: name{label="value"} to value.
func (s *site) ownMetrics() (read func() map[string]float64) {
	s.t.Helper()
	m := telemetry.NewMetrics(s.app.process.revocations.stats)
	teller, err := telemetry.New(s.app.ctx, m, s.app.work, func() *zap.Logger { return s.app.logger }, s.app.clock)
	if err != nil {
		s.t.Fatal(err)
	}
	s.app.teller = teller
	registry := prometheus.NewPedanticRegistry()
	for range 2 { // a second time is no error
		if err := m.Register(registry); err != nil {
			s.t.Fatal(err)
		}
	}
	return func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			s.t.Fatal(err)
		}
		values := make(map[string]float64)
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				var labels []string
				for _, label := range metric.GetLabel() {
					labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
				}
				name := strings.TrimPrefix(family.GetName(), "caddy_universal_logout_") + "{" + strings.Join(labels, ",") + "}"
				values[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
		return values
	}
}

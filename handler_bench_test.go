package universallogout

import (
	"testing"
	"time"
)

// BenchmarkPassThrough measures T4: what a request that is no logout pays
// above a no-op handler. Blocks of both alternate, so that whatever else the
// machine does hits both alike; A/A is the no-op against itself and says how
// far the figures can be trusted.
func BenchmarkPassThrough(b *testing.B) {
	h := &Handler{edge: &App{Prefix: defaultPrefix, process: &process{revocations: inMemory(b, time.Now)}}}
	h.edge.enforcing = h.edge.newEnforcing()
	if err := h.compile(); err != nil {
		b.Fatal(err)
	}
	for name, r := range passThroughRequests() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			const block = 20_000
			var ours, same []float64
			for b.Loop() {
				first, second := blockOf(block, noOp{}, r), blockOf(block, noOp{}, r)
				same = append(same, second-first)
				ours = append(ours, blockOf(block, h, r)-(first+second)/2)
			}
			b.ReportMetric(median(ours), "ns-above-no-op")
			b.ReportMetric(median(same), "ns-A/A")
			b.ReportMetric(blockOf(block, noOp{}, r), "ns-no-op")
			b.ReportMetric(0, "ns/op") // of three blocks: says nothing
		})
	}
}

package universallogout

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// BenchmarkFanout measures T19: what it costs to end 50 apps at once above
// ending one, if each takes 50 ms. One and 50 alternate, so that whatever else
// the machine does hits both alike. A/A is one against one and says how far the
// figures can be trusted; proxied is what 50 ordinary requests to the same apps
// at once cost above one ending, through the same Caddy.
func BenchmarkFanout(b *testing.B) {
	const apps, takes, rounds = 50, 50 * time.Millisecond, 25
	for _, shape := range []string{sitesOfADomain, pathsOfASite} {
		b.Run(shape, func(b *testing.B) {
			f := newFanout(b, shape, slices.Repeat([]http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(takes)
				endsSession(w, r)
			}}, apps))
			ending := func(n int) float64 {
				p, asks := f.begin()
				return millisecondsOf(func() {
					for i, out := range f.askAtOnce(p, asks[:n]) {
						if out != outcome.Ended {
							b.Fatalf("%s: %q", asks[i], out)
						}
					}
				})
			}
			_, asks := f.begin()
			proxied := func() float64 {
				return millisecondsOf(func() {
					var wg sync.WaitGroup
					for _, ask := range asks {
						u, err := url.Parse(ask)
						if err != nil {
							b.Fatal(err)
						}
						u.RawQuery = ""
						if shape == sitesOfADomain {
							u.Path = "/"
						}
						wg.Go(func() {
							if res := f.do(request("GET", u.String(), "", clicked...)); res.StatusCode != http.StatusFound {
								b.Errorf("%s: %d", u, res.StatusCode)
							}
						})
					}
					wg.Wait()
				})
			}
			ending(apps) // connects
			var ones, all, ratios, same, plain []float64
			for range rounds {
				one, many, again, caddys := ending(1), ending(apps), ending(1), proxied()
				ones, all = append(ones, one), append(all, many)
				ratios, same, plain = append(ratios, many/one), append(same, again/one), append(plain, caddys/one)
			}
			b.ReportMetric(median(ones), "ms-one")
			b.ReportMetric(median(all), "ms-all")
			b.ReportMetric(median(ratios), "all/one")
			b.ReportMetric(median(same), "A/A")
			b.ReportMetric(median(plain), "proxied/one")
			b.ReportMetric(0, "ns/op") // of all rounds: says nothing
		})
	}
}

func millisecondsOf(work func()) float64 {
	began := time.Now()
	work()
	return float64(time.Since(began).Microseconds()) / 1000
}

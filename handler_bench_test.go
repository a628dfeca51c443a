package universallogout

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// passThroughRequests are requests that are no logout, as browsers send them.
func passThroughRequests() map[string]*http.Request {
	cookies := "theme=dark; _ga=GA1.2.1234567890.1234567890; lang=en; sessionid=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy; csrftoken=8f14e45fceea167a5a36dedd4bea2543; consent=yes; sidebar=open; density=compact; tz=Europe-Berlin"
	script := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items?page=2", nil)
	script.Header.Set("Sec-Fetch-Mode", "cors")
	script.Header.Set("Cookie", cookies)
	post := httptest.NewRequest(http.MethodPost, "https://app.example.com/api/v1/items", nil)
	post.Header.Set("Sec-Fetch-Mode", "cors")
	post.Header.Set("Cookie", cookies)
	plain := httptest.NewRequest(http.MethodGet, "https://app.example.com/static/app.js", nil)
	page := httptest.NewRequest(http.MethodGet, "https://app.example.com/dashboard/overview", nil)
	page.Header.Set("Sec-Fetch-Mode", "navigate")
	page.Header.Set("Cookie", cookies)
	almost := httptest.NewRequest(http.MethodGet, "https://app.example.com/about", nil) // ends like /logout
	almost.Header.Set("Sec-Fetch-Mode", "cors")
	almost.Header.Set("Cookie", cookies)
	bearer := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items", nil)
	bearer.Header.Set("Authorization", "Bearer Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy")
	bad := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items", nil)
	bad.Header["Cookie"] = []string{"; ;=;a;\x00=b; =;\"=\"xy\"; s[id]=%zz%4", "", "sessionid=" + strings.Repeat("Zm9v", 1000)}
	many := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items", nil)
	many.Header.Set("Cookie", cookies+strings.Repeat("; chunk=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy", 11))
	return map[string]*http.Request{"bearer": bearer, "bad cookies": bad, "20 cookies": many, "script": script, "post": post, "no cookies": plain, "navigation": page, "almost a logout": almost}
}

type noOp struct{}

//go:noinline
func (noOp) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

func nothing(http.ResponseWriter, *http.Request) error { return nil }

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

// blockOf is the time of one request, measured over n of them.
func blockOf(n int, handler caddyhttp.MiddlewareHandler, r *http.Request) float64 {
	next := caddyhttp.HandlerFunc(nothing)
	began := time.Now()
	for range n {
		_ = handler.ServeHTTP(nil, r, next)
	}
	return float64(time.Since(began).Nanoseconds()) / float64(n)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

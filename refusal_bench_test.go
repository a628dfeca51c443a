package universallogout

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// refusalRequests are pages asked for with sessions that are not refused.
func refusalRequests() []refusalRequest {
	five := ordinaryRequest().Header.Get("Cookie")
	twenty := five
	for i := range 15 {
		twenty += fmt.Sprintf("; pref_%c=%s", 'a'+i, strings.Repeat("ab.cd-", 10))
	}
	part := func(n int) string {
		random := strings.Repeat(randomID(), n/43+1)
		return random[:n]
	}
	jwt := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT","kid":"`+randomID()[:20]+`"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://sso.example.com","sub":"`+randomID()+`","data":"`+part(390)+`"}`)) + "." + part(342)
	var thousand []string
	for i := range 1000 {
		thousand = append(thousand, fmt.Sprintf("c%d=%s", i, randomID()[:9])) // c0 and c1 may be the parts of one
	}
	return []refusalRequest{
		{"no cookies", "", 50_000},
		{"5 cookies", five, 20_000},
		{"20 cookies", twenty, 10_000},
		{"JWT of 1 KB", "theme=dark; token=" + jwt, 10_000},
		{"1,000 cookies in 16 KB", strings.Join(thousand, "; "), 200},
		{"500 cookies in 8 KB", strings.Join(thousand[:500], "; "), 400},
		{"a value of 16 KB", "session=" + part(16_000), 200},
	}
}

type refusalRequest struct {
	name, cookies string
	block         int
}

// BenchmarkRefusal measures T4, T5 and T8: what a request pays above a no-op
// handler for not being refused, with nothing revoked and with a million
// sessions, and what the naive way pays. The first request of a browser pays
// more than those that follow. Blocks alternate as in BenchmarkPassThrough. The collector runs for the naive way only: nothing else
// here makes garbage.
func BenchmarkRefusal(b *testing.B) {
	for _, revocations := range []int{0, 1_000_000} {
		ours := newChain(b, revocations, chainOurs, chainFixed).http.Servers["s"].Routes[0].Handlers[0].(*Handler)
		naive := newChain(b, revocations, chainNaive, chainFixed).http.Servers["s"].Routes[0].Handlers[0].(*naive)
		for _, c := range refusalRequests() {
			b.Run(fmt.Sprintf("%s, %d revoked", c.name, revocations), func(b *testing.B) {
				r := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items?page=2", nil)
				r.Header.Set("Sec-Fetch-Mode", "cors")
				if c.cookies != "" {
					r.Header.Set("Cookie", c.cookies)
				}
				defer debug.SetGCPercent(debug.SetGCPercent(-1))
				var above, same, firsts, naives, ratios []float64
				lines := make([]string, c.block)
				for i := range lines {
					lines[i] = fmt.Sprintf("%s; v=%d", c.cookies, i)
				}
				for b.Loop() {
					first, second := blockOf(c.block, noOp{}, r), blockOf(c.block, noOp{}, r)
					same = append(same, second-first)
					above = append(above, blockOf(c.block, ours, r)-(first+second)/2)
					fillList(b, ours.edge, min(1, revocations)) // no line is known any more
					firsts = append(firsts, blockOfLines(lines, ours, r)-blockOfLines(lines, noOp{}, r))
					debug.SetGCPercent(100)
					naives = append(naives, blockOf(c.block, naive, r)-(first+second)/2)
					debug.SetGCPercent(-1)
					runtime.GC()
					ratios = append(ratios, naives[len(naives)-1]/above[len(above)-1])
				}
				b.ReportMetric(median(above), "ns-above-no-op")
				b.ReportMetric(median(firsts), "ns-first-request")
				b.ReportMetric(median(same), "ns-A/A")
				b.ReportMetric(median(naives), "ns-naive")
				b.ReportMetric(median(ratios), "naive/ours")
				b.ReportMetric(testing.AllocsPerRun(100, func() {
					_ = ours.ServeHTTP(nil, r, caddyhttp.HandlerFunc(nothing))
				}), "allocs")
				b.ReportMetric(0, "ns/op") // of all blocks: says nothing
			})
		}
	}
}

// blockOfLines is the time of one request, each with other cookies.
func blockOfLines(lines []string, handler caddyhttp.MiddlewareHandler, r *http.Request) float64 {
	next := caddyhttp.HandlerFunc(nothing)
	r = r.Clone(r.Context())
	r.Header["Cookie"] = []string{""}
	began := time.Now()
	for _, line := range lines {
		r.Header["Cookie"][0] = line
		_ = handler.ServeHTTP(nil, r, next)
	}
	return float64(time.Since(began).Nanoseconds()) / float64(len(lines))
}

// BenchmarkChain measures T6: what a request through a whole Caddy takes with
// us, as a multiple of what it takes with a no-op handler. A/A is the no-op
// handler against itself.
func BenchmarkChain(b *testing.B) {
	noop, ours := newChain(b, 0, chainNoOp, chainFixed), newChain(b, 1000, chainOurs, chainFixed)
	const block = 400
	requests := ordinaryRequests(block, false)
	timed := func(s *site) float64 {
		began := time.Now()
		s.pass(requests)
		return float64(time.Since(began).Nanoseconds()) / block
	}
	var bases, ratios, same []float64
	for i := 0; b.Loop(); i++ {
		var first, second, with float64
		if i%2 == 0 {
			first, with, second = timed(noop), timed(ours), timed(noop)
		} else {
			with, first, second = timed(ours), timed(noop), timed(noop)
		}
		bases, ratios, same = append(bases, first), append(ratios, with/first), append(same, second/first)
	}
	b.ReportMetric(median(bases), "ns-no-op")
	b.ReportMetric(median(ratios), "ours/no-op")
	b.ReportMetric(median(same), "A/A")
	b.ReportMetric(0, "ns/op")
}

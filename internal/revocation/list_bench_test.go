package revocation

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

// naive is what the list is measured against: net/http's cookies, SHA-256, a
// sync.Map.
type naive struct{ refused sync.Map }

func (n *naive) refusesAny(lines []string) bool {
	r := http.Request{Header: http.Header{"Cookie": lines}}
	for _, c := range r.Cookies() {
		if _, ok := n.refused.Load(sha256.Sum256([]byte(c.Value))); ok {
			return true
		}
	}
	return false
}

func blockOf(n int, refuses func([]string) bool, lines []string) float64 {
	began := time.Now()
	for range n {
		if refuses(lines) {
			panic("refused")
		}
	}
	return float64(time.Since(began).Nanoseconds()) / float64(n)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkRefusesAny measures T5 and T8: requests against a million
// revocations. Blocks of ours and of the naive way alternate; A/A is ours
// against itself and says how far the figures can be trusted.
func BenchmarkRefusesAny(b *testing.B) {
	list := openAt(b, &clock{testStart}, Options{})
	fill(b, list, 1_000_000)
	other := &naive{}
	for i := range 1_000_000 {
		other.refused.Store(sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)}), struct{}{})
	}
	runtime.GC()
	lines := cookieLines()
	for _, name := range []string{"no cookies", "5 cookies", "5, 2 opaque", "20 cookies", "1000 cookies", "700 sessions", "700 chunks", "JWT of 1 KB", "value of 16KB"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			block := max(20, 40_000/(1+len(strings.Join(lines[name], ""))/200))
			var ours, theirs, same []float64
			for b.Loop() {
				theirs = append(theirs, blockOf(block, other.refusesAny, lines[name]))
				runtime.GC() // the naive way's garbage is not ours
				first := blockOf(block, list.RefusesAny, lines[name])
				second := blockOf(block, list.RefusesAny, lines[name])
				ours, same = append(ours, first), append(same, second/first)
			}
			ns, naive := median(ours), median(theirs)
			b.ReportMetric(ns, "ns")
			b.ReportMetric(naive, "ns-naive")
			b.ReportMetric(naive/ns, "x-faster")
			b.ReportMetric(median(same), "A/A")
			b.ReportMetric(0, "ns/op") // of three blocks: says nothing
		})
	}
}

// BenchmarkLinear measures T8: what twice the bytes cost.
func BenchmarkLinear(b *testing.B) {
	list := openAt(b, &clock{testStart}, Options{})
	fill(b, list, 1000)
	shapes := map[string]func(bytes int) string{
		"cookies":    func(n int) string { return strings.Repeat("sid="+opaqueID+"; ", n/(len(opaqueID)+6)) },
		"value":      func(n int) string { return "v=" + strings.Repeat("a", n) },
		"separators": func(n int) string { return strings.Repeat(";", n) },
		"pieces":     func(n int) string { return "v=" + strings.Repeat("a=b,", n/4) },
		"percent":    func(n int) string { return "v=e" + strings.Repeat("%2e", n/3) },
		"escapes":    func(n int) string { return `v="` + strings.Repeat(`\0`, n/2) },
	}
	for name, shape := range shapes {
		b.Run(name, func(b *testing.B) {
			sizes := []int{4 << 10, 8 << 10, 16 << 10, 1 << 20}
			times := make([][]float64, len(sizes))
			for b.Loop() {
				for i, size := range sizes {
					times[i] = append(times[i], blockOf(max(1, (1<<20)/size), list.RefusesAny, []string{shape(size)}))
				}
			}
			for i, size := range sizes {
				b.ReportMetric(median(times[i])/float64(size)*1024, fmt.Sprintf("ns/KB-of-%dKB", size>>10))
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkLookup measures T9 and T10: one look into the table, beside a map
// of the same size.
func BenchmarkLookup(b *testing.B) {
	const n = 1 << 20
	list := openAt(b, &clock{testStart}, Options{})
	digests, inMap := make([]digest, 2*n), make(map[digest]uint32, n)
	for i := range digests {
		digests[i] = list.keys.sid.digest("issuer", fmt.Sprint(i))
		if i < n {
			list.credentials.add(digests[i], 1<<31, 0, nil)
			inMap[digests[i]] = 1 << 31
		}
	}
	var found uint32
	loop := func(from int, look func(d digest) uint32) float64 {
		began := time.Now()
		for i := range n {
			found += look(digests[from+(i*7919)%n])
		}
		return float64(time.Since(began).Nanoseconds()) / n
	}
	ways := map[string]func(d digest) uint32{
		"loop": func(d digest) uint32 { return uint32(d[0]) }, "table": list.credentials.until, "map": func(d digest) uint32 { return inMap[d] },
	}
	times := map[string][]float64{}
	for b.Loop() {
		for name, look := range ways {
			times[name+"-hit"] = append(times[name+"-hit"], loop(0, look))
			times[name+"-miss"] = append(times[name+"-miss"], loop(n, look))
		}
	}
	for name, t := range times {
		b.ReportMetric(median(t), "ns-"+name)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMemory measures T11.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				heap := func() float64 {
					runtime.GC()
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					return float64(m.HeapAlloc)
				}
				before := heap()
				list := openAt(b, &clock{testStart}, Options{Max: 2 * n})
				fill(b, list, n)
				b.ReportMetric((heap()-before)/float64(n), "B/entry")
				var collections []float64
				for range 5 {
					began := time.Now()
					runtime.GC()
					collections = append(collections, time.Since(began).Seconds()*1000)
				}
				b.ReportMetric(median(collections), "ms-collection")
				runtime.KeepAlive(list)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkReplay measures what a start costs beside reading the journal.
func BenchmarkReplay(b *testing.B) {
	const n = 1_000_000
	list := openAt(b, &clock{testStart}, Options{})
	records := make([]journal.Record, n)
	for i := range records {
		hi, lo := list.keys.sid.of(fmt.Sprint(i))
		e := entry{kind: ofCredential, until: 1 << 31, fingerprint: newFingerprint(hi, lo, uint32(hi*31))}
		if i%4 == 0 {
			e.kind, e.sid, e.sub, e.issuer, e.moment = ofBinding, digest(e.fingerprint[:]), digest(e.fingerprint[4:]), 1, int64(i)
		}
		records[i] = e.encode()
	}
	for b.Loop() {
		list := openAt(b, &clock{testStart}, Options{})
		for batch := range slices.Chunk(records, 4096) {
			list.merge(batch)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// BenchmarkSweep measures T13: readers and writers while ten million entries
// grow and expire, in windows that alternate with quiet ones. The longest
// insert is that of a machine with nothing else to do; beside others it is how
// long the scheduler lets a thread wait.
func BenchmarkSweep(b *testing.B) {
	const n = 10_000_000
	c := &clock{testStart}
	list := openAt(b, c, Options{Max: 4 * n})
	fill(b, list, n)
	random := uint64(1)
	randomDigest := func() (d digest) {
		for i := range d {
			random = random*6364136223846793005 + 1442695040888963407
			d[i] = byte(random >> 56)
		}
		return d
	}
	// reader's p99, while others work until stop is set.
	window := func(others func(stop *atomic.Bool)) float64 {
		var stop atomic.Bool
		var group sync.WaitGroup
		group.Go(func() { others(&stop) })
		var times []float64
		for began := time.Now(); time.Since(began) < time.Second; {
			d := randomDigest()
			at := time.Now()
			list.credentials.until(d)
			times = append(times, float64(time.Since(at).Nanoseconds()))
		}
		stop.Store(true)
		group.Wait()
		slices.Sort(times)
		return times[len(times)*99/100]
	}
	var inserts, rebuilds []float64
	next := 0
	insert := func(stop *atomic.Bool, pause time.Duration) {
		for !stop.Load() {
			next++
			d := list.keys.sid.digest("issuer", fmt.Sprint(next))
			at := time.Now()
			list.credentials.add(d, 1<<31, seconds(c.now), nil)
			inserts = append(inserts, float64(time.Since(at).Nanoseconds())/1e6)
			time.Sleep(pause)
		}
	}
	calm := func(stop *atomic.Bool) { insert(stop, time.Millisecond) }
	growing := func(stop *atomic.Bool) { insert(stop, 0) }
	expiring := func(stop *atomic.Bool) {
		for i := 0; !stop.Load(); i = (i + 1) % shards {
			s := &list.credentials.shards[i]
			at := time.Now()
			s.mu.Lock()
			list.credentials.rebuild(s, seconds(c.now), 0)
			s.mu.Unlock()
			rebuilds = append(rebuilds, float64(time.Since(at).Nanoseconds())/1e6)
			time.Sleep(sweepPause)
		}
	}
	var same, whileGrowing, whileExpiring []float64
	for b.Loop() {
		quiet := window(calm)
		whileGrowing = append(whileGrowing, window(growing)/quiet)
		whileExpiring = append(whileExpiring, window(expiring)/quiet)
		same = append(same, window(calm)/quiet)
	}
	b.ReportMetric(median(same), "A/A-p99")
	b.ReportMetric(median(whileGrowing), "x-p99-growing")
	b.ReportMetric(median(whileExpiring), "x-p99-expiring")
	b.ReportMetric(median(rebuilds), "ms-shard")
	slices.Sort(inserts)
	b.ReportMetric(slices.Max(inserts), "ms-longest-insert")
	b.ReportMetric(inserts[len(inserts)-1-len(inserts)/100_000], "ms-p99.999-insert")
	b.ReportMetric(0, "ns/op")
}

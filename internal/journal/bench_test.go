package journal

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

const writers = 64

// rawLog is the least that makes records durable: all that came during a sync
// goes with the next one.
type rawLog struct {
	file *os.File
	more chan struct{}

	mu    sync.Mutex
	buf   []byte
	round chan struct{} // closed when buf is durable
}

func newRawLog(b *testing.B) *rawLog {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	l := &rawLog{file: f, more: make(chan struct{}, 1), round: make(chan struct{})}
	go l.write(b)
	b.Cleanup(func() { close(l.more) })
	return l
}

func (l *rawLog) write(b *testing.B) {
	for range l.more {
		l.mu.Lock()
		buf, round := l.buf, l.round
		l.buf, l.round = nil, make(chan struct{})
		l.mu.Unlock()
		if _, err := l.file.Write(buf); err != nil {
			b.Error(err)
		}
		if err := l.file.Sync(); err != nil {
			b.Error(err)
		}
		close(round)
	}
}

func (l *rawLog) append(r *Record) error {
	l.mu.Lock()
	l.buf = append(l.buf, r[:]...)
	l.buf = binary.BigEndian.AppendUint32(l.buf, crc32.Checksum(r[:], castagnoli))
	round := l.round
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	<-round
	return nil
}

// perSecond is how many records 64 writers make durable.
func perSecond(b *testing.B, each int, append func(r *Record) error) float64 {
	b.Helper()
	var wg sync.WaitGroup
	begin := time.Now()
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r := recordUntil(w*each+i, begin.Add(lifetime))
				if err := append(&r); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return float64(writers*each) / time.Since(begin).Seconds()
}

// BenchmarkDurable compares the journal with the least that makes records
// durable, in turns, and that with itself.
func BenchmarkDurable(b *testing.B) {
	l := newLab(b)
	l.now = time.Now()
	ours := l.open()
	raw, same := newRawLog(b), newRawLog(b)
	const each = 400
	ways := []func(r *Record) error{
		raw.append, same.append,
		func(r *Record) error { return ours.Append(b.Context(), *r) },
	}
	rates := make([][]float64, len(ways))
	round := 0
	for b.Loop() {
		for i := range ways {
			i = (i + round) % len(ways)
			rates[i] = append(rates[i], perSecond(b, each, ways[i]))
		}
		round++
	}
	median := func(of func(round int) float64) float64 {
		values := make([]float64, round)
		for i := range values {
			values[i] = of(i)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	b.ReportMetric(median(func(i int) float64 { return rates[0][i] }), "raw/s")
	b.ReportMetric(median(func(i int) float64 { return rates[2][i] }), "ours/s")
	b.ReportMetric(median(func(i int) float64 { return rates[1][i] / rates[0][i] }), "A/A")
	b.ReportMetric(median(func(i int) float64 { return rates[2][i] / rates[0][i] }), "ours/raw")
}

// BenchmarkTidy says how long appends take while a million records are written
// anew, beside those before.
func BenchmarkTidy(b *testing.B) {
	l := newLab(b)
	l.now = time.Now()
	var quiet, busy []time.Duration
	for b.Loop() {
		b.StopTimer()
		n := l.open(in(b.TempDir()))
		start := l.time()
		for i := range 40 {
			rs := make([]Record, 60_000)
			for k := range rs {
				rs[k] = recordUntil(i*len(rs)+k, start.Add(time.Duration(1+k%5/3*20)*time.Hour)) // three of five for an hour
			}
			n.append(rs...)
		}
		l.pass(3 * time.Hour)
		each := func(ctx context.Context) (took []time.Duration) {
			for i := 0; ctx.Err() == nil; i++ {
				begin := time.Now()
				n.append(l.record(i))
				took = append(took, time.Since(begin))
			}
			return took
		}
		ctx, done := context.WithTimeout(b.Context(), time.Second)
		quiet = append(quiet, each(ctx)...)
		done()
		ctx, done = context.WithCancel(b.Context())
		over := make(chan []time.Duration)
		go func() { over <- each(ctx) }()
		b.StartTimer()
		n.disk.tidy(b.Context())
		b.StopTimer()
		done()
		busy = append(busy, <-over...)
		n.close()
		l.pass(-3 * time.Hour)
		b.StartTimer()
	}
	slices.Sort(quiet)
	slices.Sort(busy)
	b.ReportMetric(float64(quiet[len(quiet)*99/100].Microseconds()), "quiet-p99-µs")
	b.ReportMetric(float64(busy[len(busy)*99/100].Microseconds()), "tidying-p99-µs")
	b.ReportMetric(float64(busy[len(busy)-1].Milliseconds()), "tidying-max-ms")
}

// BenchmarkReplay of a million records, beside reading and checking them only.
func BenchmarkReplay(b *testing.B) {
	const records = 1_000_000
	l := newLab(b)
	l.now = time.Now()
	n := l.open()
	for i := 0; i < records; i += 50_000 {
		n.append(l.records(i, i+50_000)...)
	}
	n.close()
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			if c, err := scanFile(l.segments()[0], func([]byte, uint32) error { return nil }); err != nil || c.damaged > 0 {
				b.Fatal(c, err)
			}
		}
	})
	replay := func(b *testing.B, options ...option) {
		for b.Loop() {
			got := 0
			n := l.open(append(options, func(o *Options, _ *limits) { o.Apply = func(rs []Record) { got += len(rs) } })...)
			if got != records {
				b.Fatal(got)
			}
			b.StopTimer()
			n.close()
			b.StartTimer()
		}
	}
	b.Run("ours", func(b *testing.B) { replay(b) })
	b.Run("shared", func(b *testing.B) { // with all of it in a storage, too
		storage := sharing(newStorage(b))
		n := l.open(storage)
		n.publish()
		n.close()
		replay(b, storage)
	})
}

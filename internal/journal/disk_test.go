package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
)

// TestDurable: what was acknowledged is there after the next start, in order,
// and an owner does not get what it appended itself.
func TestDurable(t *testing.T) {
	l := newLab(t)
	n := l.open()
	for i := range 10 {
		n.append(l.record(i))
	}
	n.append(l.records(10, 10_000)...)
	n.has(0, 0)
	n.close()

	again := l.open()
	if got := again.numbers(); !slices.Equal(got, numbers(0, 10_000)) {
		t.Errorf("%d records, or another order: %v", len(got), shorten(got))
	}
	if s := again.Stats(); s != (Stats{Replayed: 10_000}) {
		t.Errorf("%+v", s)
	}
	if again.logs.Len() > 0 {
		t.Errorf("told: %v", again.logs.All())
	}
}

func TestManyAppendAtOnce(t *testing.T) {
	l := newLab(t)
	n := l.open(limited(func(l *limits) { l.segment = 1000 }))
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := range 100 {
				if err := n.Append(t.Context(), l.record(w*100+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if s := n.Stats(); s.Appended != 6400 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	n.close()
	if len(l.segments()) < 6 {
		t.Errorf("%d segments", len(l.segments()))
	}
	l.open().has(0, 6400)
}

func TestMisuse(t *testing.T) {
	if _, err := Open(t.Context(), Options{Dir: t.TempDir()}); err == nil {
		t.Error("opened without an owner")
	}
	n := newLab(t).open()
	if err := n.Append(t.Context()); err != nil {
		t.Errorf("nothing appended: %v", err)
	}
	n.close()
	if err := n.Append(t.Context(), Record{}); !errors.Is(err, errClosed) {
		t.Errorf("appended after the end: %v", err)
	}
	n.close()
}

// TestOnlyInMemory: without a directory nothing is kept, and nothing fails.
func TestOnlyInMemory(t *testing.T) {
	l := newLab(t)
	n := l.open(in(""))
	n.append(l.records(0, 10)...)
	n.close()
	if entries, _ := os.ReadDir("."); slices.ContainsFunc(entries, func(e os.DirEntry) bool { return isNode(e.Name()) }) {
		t.Error("files were made")
	}
}

var errDisk = errors.New("no space left on device")

// faults fail steps while they are on.
type faults struct {
	mu    sync.Mutex
	on    map[string]bool
	calls int
}

func (f *faults) set(steps ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = make(map[string]bool)
	for _, step := range steps {
		f.on[step] = true
	}
}

func (f *faults) fault(step string, file *os.File) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on[step] {
		return nil
	}
	f.calls++
	if step == "write" {
		r := recordUntil(-1, time.Unix(1<<31, 0))
		_, _ = file.Write(append(appendFrame(nil, &r, ownFrame)[:40], 1, 2, 3)) // a part of it
	}
	return errDisk
}

// TestDiskRefuses: whatever fails, the append says so at once, the journal goes
// on in memory, and all is on disk when that works again.
func TestDiskRefuses(t *testing.T) {
	for _, step := range []string{"claim", "header", "write", "sync", "syncdir"} {
		t.Run(step, func(t *testing.T) {
			l := newLab(t)
			f := new(faults)
			n := l.open(faulty(f.fault), limited(func(l *limits) { l.segment = 10 }))
			n.append(l.records(0, 10)...)
			f.set(step, "claim") // "claim" alone has no effect on what is claimed
			if step == "claim" {
				os.RemoveAll(l.dir)
			}
			for i := 10; i < 30; i++ {
				if err := n.Append(t.Context(), l.record(i)); !errors.Is(err, errDisk) {
					t.Fatalf("%d: %v", i, err)
				}
			}
			n.disk.commit(true)
			if s := n.Stats(); s.Waiting != 20 || !errors.Is(s.Local, errDisk) || s.Appended != 30 {
				t.Errorf("%+v", s)
			}
			if n.told(zapcore.ErrorLevel) != 1 || f.calls > 4 {
				t.Errorf("told %d times, tried %d times", n.told(zapcore.ErrorLevel), f.calls)
			}
			f.set()
			n.disk.commit(true)
			if s := n.Stats(); s.Waiting != 0 || s.Local != nil || n.told(zapcore.InfoLevel) != 1 {
				t.Errorf("after it: %+v", s)
			}
			n.append(l.records(30, 40)...)
			n.close()

			from := 0
			if step == "claim" {
				from = 10
			}
			again := l.open()
			again.has(from, 40)
		})
	}
}

// TestNoDirectory: a file is where the directory should be. The journal works
// in memory and says so; when the file is gone it writes all.
func TestNoDirectory(t *testing.T) {
	l := newLab(t)
	write(t, l.dir, []byte("not a directory"))
	n := l.open()
	if s := n.Stats(); s.Local == nil || n.told(zapcore.ErrorLevel) != 1 {
		t.Errorf("not told: %+v", s)
	}
	if err := n.Append(t.Context(), l.records(0, 5)...); err == nil {
		t.Error("durable?")
	}
	n.disk.commit(true)
	os.Remove(l.dir)
	n.disk.commit(true)
	if s := n.Stats(); s.Local != nil || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	n.close()
	l.open().has(0, 5)
}

func TestLostAtTheEnd(t *testing.T) {
	l := newLab(t)
	f := new(faults)
	n := l.open(faulty(f.fault))
	f.set("write")
	n.Append(t.Context(), l.records(0, 5)...)
	if err := n.Close(); !errors.Is(err, errDisk) {
		t.Errorf("5 records are lost, and Close says %v", err)
	}
}

// TestDirectoryVanishes: an append is not acknowledged for a file that somebody
// has deleted.
func TestDirectoryVanishes(t *testing.T) {
	l := newLab(t)
	n := l.open()
	n.append(l.records(0, 5)...)
	if err := os.RemoveAll(l.dir); err != nil {
		t.Fatal(err)
	}
	n.append(l.records(5, 10)...)
	other := l.open() // and it is locked again
	other.append(l.records(10, 15)...)
	n.append(l.records(15, 20)...)
	n.close()
	other.close()
	l.open().has(5, 20)
}

func TestTooManyWait(t *testing.T) {
	l := newLab(t)
	f := new(faults)
	n := l.open(faulty(f.fault), limited(func(l *limits) { l.queue = 10 }))
	f.set("write")
	for i := range 10 {
		if err := n.Append(t.Context(), l.record(i)); !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
	}
	if err := n.Append(t.Context(), l.record(10)); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	f.set()
	n.disk.commit(true)
	n.append(l.record(10))
	n.close()
	l.open().has(0, 11)
}

// TestContextEnds: who appends need not wait for a disk that hangs. The records
// are written all the same.
func TestContextEnds(t *testing.T) {
	l := newLab(t)
	hang := make(chan struct{})
	n := l.open(faulty(func(step string, _ *os.File) error {
		if step == "write" {
			<-hang
		}
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 10 {
		if err := n.Append(ctx, l.record(i)); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	close(hang)
	n.close()
	l.open().has(0, 10)
}

// TestFailsForAll: also those hear of it who came while it was tried.
func TestFailsForAll(t *testing.T) {
	l := newLab(t)
	try := make(chan struct{})
	n := l.open(faulty(func(step string, _ *os.File) error {
		if step != "write" {
			return nil
		}
		<-try
		return errDisk
	}))
	answers := make(chan error, 10)
	for i := range 10 {
		go func() { answers <- n.Append(t.Context(), l.record(i)) }()
	}
	queued := func() int {
		n.disk.mu.Lock()
		defer n.disk.mu.Unlock()
		return n.disk.queued
	}
	for deadline := time.Now().Add(10 * time.Second); queued() < 10 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	close(try)
	for range 10 {
		if err := <-answers; !errors.Is(err, errDisk) {
			t.Error(err)
		}
	}
	n.Close()
}

// TestFileReplaced: an append is not acknowledged for a file that is not the one
// which the next start reads.
func TestFileReplaced(t *testing.T) {
	l := newLab(t)
	n := l.open()
	n.append(l.records(0, 5)...)
	if err := os.Rename(l.segments()[0], l.segments()[0]+".old"); err != nil {
		t.Fatal(err)
	}
	write(t, l.first(), nil)
	n.append(l.records(5, 10)...)
	n.close()
	l.open().has(5, 10)
}

// TestTwoOfOneDirectory: each writes to files of its own, both read all.
func TestTwoOfOneDirectory(t *testing.T) {
	l := newLab(t)
	first := l.open()
	first.append(l.records(0, 10)...)
	second := l.open()
	second.has(0, 10)
	second.append(l.records(10, 20)...)
	first.append(l.records(20, 30)...)
	third := l.open()
	third.has(0, 30)
	for _, n := range []*node{first, second, third} {
		n.close()
	}
	if nodes, _ := filepath.Glob(filepath.Join(l.dir, "node-*")); len(nodes) != 3 {
		t.Errorf("%v", nodes)
	}
	last := l.open()
	last.has(0, 30)
	if last.Stats().Skipped != 0 {
		t.Errorf("%+v", last.Stats())
	}
	if last.disk.ownDir() != filepath.Join(l.dir, "node-0") {
		t.Error("the first directory is free, and not taken")
	}
}

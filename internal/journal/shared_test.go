package journal

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
)

// node opens a journal on a machine of its own.
func (l *lab) node(s *badStorage, options ...option) *node {
	l.t.Helper()
	return l.open(append([]option{in(l.t.TempDir()), sharing(s)}, options...)...)
}

// restart closes a journal and opens it in its directory.
func (n *node) restart(options ...option) *node {
	n.l.t.Helper()
	n.close()
	return n.l.open(append([]option{in(n.o.Dir), sharing(n.o.Storage)}, options...)...)
}

// TestNodesShare: each gets what the others append, once, also while an object
// grows and when the next one begins, and knows it after a restart without the
// storage.
func TestNodesShare(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	small := limited(func(l *limits) { l.object = 10 })
	a, b := l.node(s, small), l.node(s, small)
	for i := range 7 {
		a.append(l.records(i*5, i*5+5)...)
		a.publish()
		b.merge()
		if i%2 == 0 {
			b.merge()
			a.merge()
		}
	}
	b.has(0, 35)
	a.has(0, 0)
	if n := len(s.objects(t)); n != 4 {
		t.Errorf("%d objects", n)
	}
	if st := b.Stats(); st.Merged != 35 || st.Appended != 0 || st.Skipped != 0 {
		t.Errorf("%+v", st)
	}
	b.append(l.records(35, 60)...)
	b.publish()
	a.merge()
	a.has(35, 60)
	l.node(s).has(0, 60) // a new one, when it is opened

	b.close()
	alone := l.open(in(b.o.Dir))
	alone.has(0, 60)
	alone.close()

	again := a.restart()
	again.has(0, 60)
	if st := again.Stats(); st.Merged != 0 || st.Replayed != 60 {
		t.Errorf("what is in the files is merged once more: %+v", st)
	}
	again.publish()
	if n := len(s.objects(t)); n != 7 {
		t.Errorf("%d objects: what was shared is shared once more", n)
	}
	again.close()
	twice := l.open(in(a.o.Dir))
	twice.has(0, 60) // and is in the files once
}

// TestSharedLate: what is appended while the storage is away is shared when it
// is back, in this run or in the next, whatever a call did that failed.
func TestSharedLate(t *testing.T) {
	t.Run("away at the start", func(t *testing.T) {
		l, s := newLab(t), newStorage(t)
		s.err = errAway
		a := l.node(s)
		if err := a.Stats().Shared; !errors.Is(err, errAway) || a.told(zapcore.ErrorLevel) != 1 {
			t.Errorf("%v", err)
		}
		a.append(l.records(0, 10)...)
		a.publish()
		l.pass(time.Minute)
		a.publish()
		a.merge()
		if st := a.Stats(); st.Lag != time.Minute || a.told(zapcore.ErrorLevel) != 2 {
			t.Errorf("%+v, %v", st, a.logs.All())
		}
		s.set(func() { s.err = nil })
		a.publish()
		a.merge()
		if st := a.Stats(); st.Lag != 0 || st.Shared != nil || a.told(zapcore.InfoLevel) != 2 {
			t.Errorf("%+v, %v", st, a.logs.All())
		}
		l.node(s).has(0, 10)
	})
	t.Run("away until the restart", func(t *testing.T) {
		l, s := newLab(t), newStorage(t)
		a := l.node(s)
		a.append(l.records(0, 10)...)
		a.publish()
		s.set(func() { s.err = errAway })
		a.append(l.records(10, 20)...)
		a.publish()
		a = a.restart() // and still away
		a.append(l.records(20, 30)...)
		s.set(func() { s.err = nil })
		a.merge()
		a.publish()
		b := l.node(s)
		b.has(0, 30)
		if st := b.Stats(); st.Merged != 30 {
			t.Errorf("some came twice: %+v", st)
		}
	})
	t.Run("another storage", func(t *testing.T) {
		l, s := newLab(t), newStorage(t)
		a := l.node(s)
		a.append(l.records(0, 10)...)
		a.publish()
		a.close()
		other := newStorage(t)
		a = l.open(in(a.o.Dir), sharing(other))
		a.publish()
		l.node(other).has(0, 10)
	})
	t.Run("a call that failed has an effect", func(t *testing.T) {
		l, s := newLab(t), newStorage(t)
		a, b := l.node(s), l.node(s)
		a.append(l.records(0, 5)...)
		a.publish()
		s.set(func() { s.late = errAway })
		a.append(l.records(5, 10)...)
		a.publish()
		key := s.objects(t)[0]
		stale, _ := s.Load(t.Context(), key)
		b.merge()
		a.append(l.records(10, 15)...)
		a.publish()
		s.set(func() { s.late = nil })
		a.publish()
		a.append(l.records(15, 20)...)
		a.publish()
		s.Store(t.Context(), key, stale) // and once more, much later
		b.merge()
		b.has(0, 20)
		l.node(s).has(0, 20)
	})
	t.Run("more than can wait", func(t *testing.T) {
		l, s := newLab(t), newStorage(t)
		a := l.node(s, limited(func(l *limits) { l.queue = 10 }))
		s.set(func() { s.err = errAway })
		for i := range 35 {
			a.append(l.record(i))
		}
		a.publish()
		s.set(func() { s.err = nil })
		b := l.node(s)
		for range 5 {
			a.publish()
			a.merge()
		}
		b.merge()
		b.has(0, 35)
	})
	t.Run("the disk refuses", func(t *testing.T) {
		l, s := newLab(t), newStorage(t)
		f := new(faults)
		a := l.node(s, faulty(f.fault))
		f.set("write")
		if err := a.Append(t.Context(), l.records(0, 10)...); !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
		a.publish()
		l.node(s).has(0, 10)
	})
}

// TestRoomForOwn: while the disk refuses, what others append does not take the
// place of what is nowhere else.
func TestRoomForOwn(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	f := new(faults)
	a, b := l.node(s), l.node(s, faulty(f.fault), limited(func(l *limits) { l.queue = 100 }))
	f.set("write")
	for i := range 10 {
		a.append(l.records(i*20, i*20+20)...)
		a.publish()
		b.merge()
	}
	b.has(0, 200)
	if err := b.Append(t.Context(), l.records(200, 250)...); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	f.set()
	b.disk.commit(true)
	b.restart().has(0, 250)
}

// TestSharedAtTheEnd: a node that stops shares what it has.
func TestSharedAtTheEnd(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	a := l.node(s)
	a.append(l.records(0, 10)...)
	a.close()
	l.node(s).has(0, 10)
}

// TestQuietObjects are asked for seldom, and not rewritten then.
func TestQuietObjects(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	a, b := l.node(s), l.node(s)
	a.append(l.record(0))
	a.publish()
	b.merge()
	for range quietPasses + 1 {
		a.publish()
	}
	a.append(l.record(1))
	a.publish()
	if n := len(s.objects(t)); n != 2 {
		t.Errorf("%d objects", n)
	}
	b.merge()
	b.has(0, 2)
	for range hotPasses {
		b.merger.passes++
	}
	looked := 0
	for range rarePasses {
		b.merger.passes++
		looked += len(b.merger.due(s.objects(t)))
	}
	if looked != 2 {
		t.Errorf("looked %d times in a minute", looked)
	}
}

// TestExpiredObjects are deleted by their node at once, by others a day later.
func TestExpiredObjects(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	a, b := l.node(s), l.node(s)
	a.append(l.records(0, 5)...)
	a.publish()
	b.append(l.records(5, 10)...)
	b.publish()
	a.merge()
	a.close()
	minute := func(n *node) {
		for range rarePasses {
			n.publish()
			n.merge()
		}
	}
	minute(b)
	if n := len(s.objects(t)); n != 2 {
		t.Fatalf("%d objects", n)
	}
	for range 30 {
		l.pass(24 * time.Hour)
		b.clock.trusted()
	}
	minute(b)
	if keys := s.objects(t); len(keys) != 1 || keys[0] != objectKey(a.publisher.run, 1) {
		t.Errorf("%v", keys)
	}
	l.pass(24 * time.Hour)
	minute(b)
	if n := len(s.objects(t)); n != 0 {
		t.Errorf("%d objects", n)
	}
	b.append(l.record(10))
	b.publish()
	l.node(s).has(10, 11)
}

// TestNothingRuns after Close.
func TestNothingRuns(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	before := runtime.NumGoroutine()
	for range 10 {
		n := l.node(s)
		n.append(l.records(0, 10)...)
		n.close()
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		runtime.Gosched() // those that have done all still end
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// TestEachSecond: a journal does by itself what these tests ask for.
func TestEachSecond(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	quick := limited(func(l *limits) { l.every = time.Millisecond })
	f := new(faults)
	got := make(chan int, 100)
	a := l.node(s, quick, faulty(f.fault))
	l.open(in(t.TempDir()), sharing(s), quick, func(o *Options, _ *limits) {
		o.Apply = func(rs []Record) { got <- numberOf(&rs[0]) }
	})
	a.append(l.record(0))
	if n := <-got; n != 0 {
		t.Errorf("got %d", n)
	}
	f.set("write")
	if err := a.Append(t.Context(), l.record(1)); err == nil {
		t.Error("no fault")
	}
	f.set()
	if n := <-got; n != 1 {
		t.Errorf("got %d", n)
	}
	a.close() // writes it, if that is still to be done
	if b, err := os.ReadDir(a.o.Dir); err != nil || len(b) != 1 {
		t.Errorf("%v %v", b, err)
	}
	l.open(in(a.o.Dir)).has(0, 2)
}

package journal

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
)

// TestStorageHangs, and does not look at contexts: nobody who appends waits, and
// neither does who closes or opens.
func TestStorageHangs(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	quick := limited(func(l *limits) { l.call, l.closing = time.Millisecond, 20*time.Millisecond })
	hang := make(chan struct{})
	s.hang = hang
	var a *node
	before := runtime.NumGoroutine()
	a = l.node(s, quick) // Open returns, because the calls have a limit
	for i := range 10 {
		a.append(l.record(i))
		a.publish()
		a.merge()
	}
	if st := a.Stats(); st.Shared == nil || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
	if n := runtime.NumGoroutine() - before; n > 40 {
		t.Errorf("%d goroutines", n)
	}
	if err := a.Close(); err == nil {
		t.Error("closed, and not said that something hangs")
	}
	close(hang)
	s.set(func() { s.hang = nil })
	a.running.Wait()
	b := l.open(in(a.o.Dir), sharing(s))
	b.has(0, 10)
}

// TestLateAnswers: a call that was given up comes back while others go on.
func TestLateAnswers(t *testing.T) {
	for _, call := range []string{"Stat", "Load", "Store"} {
		l, s := newLab(t), newStorage(t)
		a, b := l.node(s), l.node(s)
		for i := range 5 {
			a.append(l.records(i*10, i*10+10)...)
			hang := make(chan struct{})
			s.set(func() { s.hang, s.only = hang, call })
			limit(a, b, 5*time.Millisecond)
			a.publish()
			b.merge()
			s.set(func() { s.hang = nil })
			limit(a, b, time.Minute)
			close(hang)
			a.publish()
			b.merge()
		}
		b.has(0, 50)
	}
}

// limit is what the storage has for an answer from now on.
func limit(a, b *node, limit time.Duration) {
	a.publisher.passing.Lock()
	defer a.publisher.passing.Unlock()
	b.merger.passing.Lock()
	defer b.merger.passing.Unlock()
	a.publisher.asked.limit, b.merger.asked.limit = limit, limit
}

// TestOpenReturns when its context is done; the rest is read afterwards.
func TestOpenReturns(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	a := l.node(s)
	a.append(l.records(0, 10)...)
	a.publish()
	hang := make(chan struct{})
	s.set(func() { s.hang = hang })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := make(chan int, 10)
	o := a.o
	o.Dir = t.TempDir()
	o.Apply = func(rs []Record) { got <- len(rs) }
	j, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Append(t.Context(), l.record(10)); err != nil {
		t.Error(err)
	}
	s.set(func() { s.hang = nil })
	close(hang)
	if n := <-got; n != 10 {
		t.Errorf("%d records", n)
	}
}

// TestDamagedObjects: told and left out; all else is there, also what is
// repaired later.
func TestDamagedObjects(t *testing.T) {
	l, s := newLab(t), newStorage(t)
	a, b := l.node(s, limited(func(l *limits) { l.object = 10 })), l.node(s)
	a.append(l.records(0, 30)...)
	a.publish()
	keys := s.objects(t)
	slices.Sort(keys)
	whole, err := s.Load(t.Context(), keys[1])
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(whole)
	damaged[headerSize+3*frameSize+5] ^= 1
	clear(damaged[:headerSize])
	store := func(key string, content []byte) {
		if err := s.Storage.Store(t.Context(), key, content); err != nil {
			t.Fatal(err)
		}
	}
	other := slices.Clone(whole)
	copy(other, oldHeader(l.time()))
	store(keys[1], damaged[:len(damaged)-30])
	store(objectKey(newRun(), 1), other)
	store(objectKey(newRun(), 1), nil)
	store(objectKey(newRun(), 1), make([]byte, maxObject+1))
	store(objectsPath+"/README", []byte("what is this?"))
	store(objectsPath+"/1234567", whole)
	store(objectsPath+"/more/"+newRun()+"-00000001.log", whole)
	b.merge()
	if got, want := b.numbers(), slices.Concat(numbers(0, 13), numbers(14, 19), numbers(20, 30)); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	st := b.Stats()
	if st.Skipped != 5 || st.Shared != nil || b.told(zapcore.WarnLevel) != 5 {
		t.Errorf("%+v %v", st, b.logs.All())
	}
	store(keys[1], whole)
	for range rarePasses {
		b.merge()
	}
	b.has(0, 30)
	if again := b.Stats(); again.Skipped != st.Skipped {
		t.Errorf("told again: %+v", again)
	}
}

// TestListBreaksOff: what is not listed is not taken for something that is not
// there.
func TestListBreaksOff(t *testing.T) {
	for _, broken := range []int{1, 2, 3} {
		l, s := newLab(t), newStorage(t)
		small := limited(func(l *limits) { l.object = 10 })
		a := l.node(s, small)
		a.append(l.records(0, 40)...)
		a.publish()
		s.set(func() { s.broken = broken })
		a = a.restart(small)
		a.merge()
		a.publish()
		if n := len(s.objects(t)); n != 4 {
			t.Errorf("%d objects", n)
		}
		if st := a.Stats(); st.Merged != 0 || st.Shared != nil {
			t.Errorf("%+v", st)
		}
		a.close()
	}
}

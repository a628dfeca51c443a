package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
)

// days pass one by one: a jump would not be believed.
func (l *lab) days(n *node, days int) {
	for range days {
		l.pass(24 * time.Hour)
		n.clock.trusted()
	}
}

// TestExpired: segments go when all in them has expired, and are written anew
// when half of all has.
func TestExpired(t *testing.T) {
	l := newLab(t)
	n := l.open(limited(func(l *limits) { l.segment, l.tidy = 100, 150 }))
	start := l.time()
	for i := range 1000 {
		days := 10
		if i < 300 {
			days = 1
		} else if i%10 == 0 {
			days = 100
		}
		n.append(recordUntil(i, start.Add(time.Duration(days)*24*time.Hour)))
	}
	n.append(recordUntil(1000, start.Add(100*24*time.Hour))) // in a segment that is written to
	tidy := func(hours int) {
		for range hours {
			l.pass(time.Hour)
			n.disk.tidy(t.Context())
		}
	}
	tidy(1)
	if files := l.segments(); len(files) != 11 {
		t.Errorf("%v", files)
	}
	tidy(24)
	if files := l.segments(); len(files) != 8 || filepath.Base(files[0]) != segmentName(4) {
		t.Errorf("%v", files)
	}
	tidy(10 * 24)
	if files := l.segments(); len(files) != 2 || filepath.Base(files[0]) != segmentName(10) {
		t.Errorf("%v", files)
	}
	n.append(recordUntil(1001, start.Add(100*24*time.Hour)))
	n.close()
	var want []int
	for i := 300; i <= 1000; i += 10 {
		want = append(want, i)
	}
	if got := l.open().numbers(); !slices.Equal(got, append(want, 1001)) {
		t.Errorf("%d records, or another order: %v", len(got), got)
	}
}

// TestWrittenAnew: a segment that has taken in others goes when all of it has
// expired, not when what it held before has.
func TestWrittenAnew(t *testing.T) {
	l := newLab(t)
	n := l.open(limited(func(l *limits) { l.segment, l.tidy = 100, 150 }))
	start := l.time()
	for i := range 200 {
		days := 1
		if i < 40 {
			days = 100
		} else if i >= 160 {
			days = 5
		}
		n.append(recordUntil(i, start.Add(time.Duration(days)*24*time.Hour)))
	}
	for range 7 {
		l.days(n, 1)
		n.disk.tidy(t.Context())
	}
	n.append(l.record(1000))
	n.close()
	if files := l.segments(); len(files) != 2 || filepath.Base(files[0]) != segmentName(2) {
		t.Errorf("%v", files)
	}
	if got := l.open().numbers(); len(got) != 81 && len(got) != 41 || !slices.Equal(got[:40], numbers(0, 40)) {
		t.Errorf("%d records: %v", len(got), got)
	}
}

// TestExpiredOfOthers: what a process left that has ended goes, too; what one
// has that has not ended stays.
func TestExpiredOfOthers(t *testing.T) {
	l := newLab(t)
	small := limited(func(l *limits) { l.segment = 10 })
	first, ended, running := l.open(small), l.open(small), l.open(small)
	for i, n := range []*node{first, ended, running} {
		n.append(l.records(i*10, i*10+10)...)
	}
	ended.close()
	l.days(first, 31)
	first.disk.tidy(t.Context())
	if files := l.segments(); len(files) != 1 || filepath.Dir(files[0]) != running.disk.ownDir() {
		t.Errorf("%v", files)
	}
}

// TestManySegments: each start makes one. They do not become more and more.
func TestManySegments(t *testing.T) {
	l := newLab(t)
	for i := range tidySegments + 10 {
		n := l.open()
		n.append(l.record(i))
		n.disk.tidy(t.Context())
		n.close()
	}
	if files := l.segments(); len(files) > tidySegments/2 {
		t.Errorf("%d segments", len(files))
	}
	l.open().has(0, tidySegments+10)
}

// needed are those that have not expired, each once: a multiple of five.
func needed(got []int) []int {
	got = slices.DeleteFunc(got, func(n int) bool { return n%5 != 0 })
	slices.Sort(got)
	return slices.Compact(got)
}

// TestCrashWhileTidying at each step: what has not expired is there.
func TestCrashWhileTidying(t *testing.T) {
	l := newLab(t)
	var states []string
	crashes := false
	n := l.open(limited(func(l *limits) { l.segment, l.tidy = 100, 150 }), faulty(func(step string, _ *os.File) error {
		if !crashes {
			return nil
		}
		state := filepath.Join(t.TempDir(), step)
		if err := os.CopyFS(state, os.DirFS(l.dir)); err != nil {
			t.Error(err)
		}
		states = append(states, state)
		return nil
	}))
	for i := range 500 {
		days := 10
		if i%5 == 0 {
			days = 100
		}
		n.append(recordUntil(i, l.time().Add(time.Duration(days)*24*time.Hour)))
	}
	l.days(n, 12)
	crashes = true
	n.disk.tidy(t.Context())
	crashes = false
	if len(l.segments()) != 1 || len(states) < 8 {
		t.Fatalf("%d segments, %d states", len(l.segments()), len(states))
	}
	for _, state := range append(states, l.dir) {
		again := l.open(in(state))
		again.append(l.record(1000))
		if got := needed(again.numbers()); len(got) != 100 || got[99] != 495 {
			t.Errorf("%s: %d records", state, len(got))
		}
		if again.Stats().Skipped != 0 {
			t.Errorf("%s: %+v", state, again.Stats())
		}
		again.disk.tidy(t.Context())
		again.close()
		if left, _ := filepath.Glob(filepath.Join(state, "node-*", "*"+tempSuffix)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// TestTidyingFails: nothing is lost, it is told once, and done later.
func TestTidyingFails(t *testing.T) {
	for _, step := range []string{"rewrite", "sync", "rename", "remove", "syncdir"} {
		t.Run(step, func(t *testing.T) {
			l := newLab(t)
			f := new(faults)
			n := l.open(faulty(f.fault), limited(func(l *limits) { l.segment, l.tidy = 100, 150 }))
			for i := range 500 {
				days := 1
				if i%5 == 0 {
					days = 100
				}
				n.append(recordUntil(i, l.time().Add(time.Duration(days)*24*time.Hour)))
			}
			l.days(n, 2)
			f.set(step)
			for range 3 {
				n.disk.tidy(t.Context())
			}
			if n.told(zapcore.ErrorLevel) == 0 {
				t.Error("not told")
			}
			f.set()
			n.disk.tidy(t.Context())
			n.close()
			if got := needed(l.open().numbers()); len(got) != 100 || got[99] != 495 {
				t.Errorf("%d records", len(got))
			}
		})
	}
}

// TestClockAhead: a clock that is wrong for a while takes nothing.
func TestClockAhead(t *testing.T) {
	l := newLab(t)
	n := l.open(limited(func(l *limits) { l.segment, l.tidy = 100, 150 }))
	n.append(l.records(0, 200)...)
	files := l.segments()
	for range 5 {
		l.pass(2 * 365 * 24 * time.Hour)
		n.disk.tidy(t.Context())
		l.pass(20 * time.Minute)
		n.disk.tidy(t.Context())
	}
	n.close()
	wrong := l.open() // at the wrong time
	wrong.has(0, 200)
	wrong.append(l.record(200))
	wrong.close()
	l.pass(-10*365*24*time.Hour - 100*time.Minute)
	right := l.open()
	right.has(0, 201)
	for _, path := range files {
		if b := read(t, path); !bytes.HasPrefix(b, []byte(magic)) {
			t.Errorf("%s was changed", path)
		}
	}
	right.append(l.records(201, 300)...)
	l.pass(-365 * 24 * time.Hour) // and back too far
	right.disk.tidy(t.Context())
	right.append(l.records(300, 301)...)
	right.close()
	l.open().has(0, 301)
}

func TestClock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	start := now
	c := &clock{now: func() time.Time { return now }}
	for _, test := range []struct {
		name string
		pass time.Duration
		want time.Duration // since the start
	}{
		{"the first time is the newest", 0, 0},
		{"a day without a look", 24 * time.Hour, 24 * time.Hour},
		{"back", -48 * time.Hour, -24 * time.Hour},
		{"and right again", 48 * time.Hour, 24 * time.Hour},
		{"ahead", 100 * 24 * time.Hour, 24 * time.Hour},
		{"for 59 minutes", 59 * time.Minute, 24 * time.Hour},
		{"and further ahead", 100 * 24 * time.Hour, 24 * time.Hour},
		{"for 59 minutes", 59 * time.Minute, 24 * time.Hour},
		{"and for an hour", time.Minute, 225*24*time.Hour + 2*time.Hour - time.Minute},
	} {
		now = now.Add(test.pass)
		if got := c.trusted().Sub(start); got != test.want && test.name != "and for an hour" {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if !c.trusted().Equal(now) {
		t.Error("after an hour it is believed")
	}
}

package revocation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

func fingerprintOf(t testing.TB, list *List, i int) Fingerprint {
	t.Helper()
	f, ok := list.Fingerprint(fmt.Sprintf("credential%08dcredential", i))
	if !ok {
		t.Fatal("no fingerprint")
	}
	return f
}

// TestFull: a flood of credentials is turned away, and leaves room for what
// providers and admins revoke; what expires makes room again.
func TestFull(t *testing.T) {
	core, logs := observer.New(zapcore.ErrorLevel)
	c := &clock{testStart}
	list := openAt(t, c, Options{Max: 100, Logger: zap.New(core)})
	full := 0
	for i := range 200 {
		err := list.Revoke(t.Context(), list.OfCredential(fingerprintOf(t, list, i), time.Time{}))
		if errors.Is(err, ErrFull) {
			full++
		} else if err != nil {
			t.Fatal(err)
		}
		if got, want := list.RefusesFingerprint(fingerprintOf(t, list, i)), err == nil; got != want {
			t.Fatalf("entry %d: refused %v, error %v", i, got, err)
		}
	}
	if full != 110 {
		t.Errorf("%d turned away", full)
	}
	if err := list.Revoke(t.Context(), list.OfCredential(fingerprintOf(t, list, 0), time.Time{})); err != nil {
		t.Error("what is in the list already:", err)
	}
	for i := range 11 {
		if err := list.Revoke(t.Context(), list.OfSession("issuer", fmt.Sprint(i))); (err != nil) != (i == 10) {
			t.Errorf("session %d: %v", i, err)
		}
	}
	if err := list.Revoke(t.Context(), list.OfSubject("issuer", "sub", c.now)); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	if s := list.Stats(); s.Credentials != 90 || s.Sessions != 10 || s.Subjects != 0 || s.Max != 100 {
		t.Errorf("%+v", s)
	}
	if logs.Len() != 2 {
		t.Errorf("told %d times", logs.Len())
	}
	c.now = c.now.Add(25 * time.Hour)
	list.sweep(t.Context(), 0)
	if s := list.Stats(); s.Credentials != 0 || s.Sessions != 0 {
		t.Errorf("after the end: %+v", s)
	}
	revoke(t, list, opaqueID)
}

// TestWhoLogsInAgainGetsIn: in the very second of the revocation too.
func TestWhoLogsInAgainGetsIn(t *testing.T) {
	at := testStart.Add(500 * time.Millisecond)
	tests := []struct {
		name    string
		started time.Time
		refused bool
	}{
		{"not known", time.Time{}, true},
		{"a minute before", testStart.Add(-time.Minute), true},
		{"the second before", testStart.Add(-time.Second), true},
		{"the same second", testStart, false},
		{"just before", at.Add(-time.Millisecond), true},
		{"just then", at, false},
		{"after", at.Add(time.Millisecond), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list := openAt(t, &clock{at}, Options{})
			s := Session{Issuer: "issuer", Sub: "sub", Started: test.started}
			before, after := fingerprintOf(t, list, 1), fingerprintOf(t, list, 2)
			list.Bind(before, s)
			if err := list.Revoke(t.Context(), list.OfSubject("issuer", "sub", at)); err != nil {
				t.Fatal(err)
			}
			list.Bind(after, s)
			if list.RefusesSession(s) != test.refused || list.RefusesFingerprint(before) != test.refused || list.RefusesFingerprint(after) != test.refused {
				t.Error(list.RefusesSession(s), list.RefusesFingerprint(before), list.RefusesFingerprint(after))
			}
		})
	}
}

// TestBindings: one fingerprint never changes its sub.
func TestBindings(t *testing.T) {
	list := open(t)
	f := fingerprintOf(t, list, 1)
	if !list.Bind(f, Session{Issuer: "issuer", Sub: "alice", Sid: "1"}) || !list.Bind(f, Session{Issuer: "issuer", Sub: "alice", Sid: "2"}) {
		t.Error("not bound")
	}
	if list.Bind(f, Session{Issuer: "issuer", Sub: "mallory"}) || list.Bind(f, Session{Issuer: "other", Sub: "alice"}) || list.Bind(Fingerprint{}, Session{Issuer: "issuer"}) {
		t.Error("bound to somebody else")
	}
	if !list.IsEmpty() || list.Version() != 0 {
		t.Error("bindings alone refuse something")
	}
	version := list.Version()
	if err := list.Revoke(t.Context(), list.OfSession("issuer", "2")); err != nil || list.RefusesFingerprint(f) {
		t.Error("another session's end counts", err)
	}
	if err := list.Revoke(t.Context(), list.OfSession("issuer", "1")); err != nil || !list.RefusesFingerprint(f) || list.Version() == version {
		t.Error("the session's end does not count", err)
	}
}

// TestMerge: what other nodes revoke counts here at once; what nobody knows
// does not.
func TestMerge(t *testing.T) {
	a, b := open(t), open(t)
	f := fingerprintOf(t, a, 1)
	until := seconds(testStart.Add(time.Hour))
	records := []entry{
		{kind: ofBinding, until: until, fingerprint: f, sid: a.keys.sid.digest("issuer", "sid"), issuer: 1},
		{kind: 99, until: until, fingerprint: f},
		{kind: ofCredential, until: seconds(testStart), fingerprint: fingerprintOf(t, a, 2)},
		{kind: ofCredential, until: until, fingerprint: fingerprintOf(t, a, 3)},
		{kind: ofSession, until: until, sid: a.keys.sid.digest("issuer", "sid")},
	}
	var batch []journal.Record
	for _, e := range records {
		batch = append(batch, e.encode())
	}
	newer := batch[4]
	newer[5]++
	b.merge(append(batch, newer))
	if b.IsEmpty() || b.Version() != 2 || !b.RefusesFingerprint(f) || b.RefusesFingerprint(fingerprintOf(t, b, 2)) || !b.RefusesFingerprint(fingerprintOf(t, b, 3)) {
		t.Error("merged wrongly", b.Version())
	}
}

// TestClockBackwards: what is refused stays so when the clock goes back.
func TestClockBackwards(t *testing.T) {
	c := &clock{testStart}
	list := openAt(t, c, Options{})
	revoke(t, list, opaqueID)
	c.now = c.now.Add(-1000 * time.Hour)
	revoke(t, list, hexID)
	list.sweep(t.Context(), 0)
	if !list.Refuses(opaqueID) || !list.Refuses(hexID) {
		t.Error("forgotten")
	}
}

// TestFilterGenerations: none is dropped while it is needed, and none kept.
func TestFilterGenerations(t *testing.T) {
	c := &clock{testStart}
	list := openAt(t, c, Options{})
	value := func(day int) string { return fmt.Sprintf("%08dcredentialcredential", day) }
	for day := range 20 {
		revoke(t, list, value(2*day))
		c.now = c.now.Add(12 * time.Hour)
		revoke(t, list, value(2*day+1))
		c.now = c.now.Add(11 * time.Hour)
		if !list.Refuses(value(2*day)) || !list.Refuses(value(2*day+1)) {
			t.Fatal(day, "forgotten")
		}
		if day%3 == 0 {
			list.sweep(t.Context(), 0)
		}
	}
	c.now = c.now.Add(48 * time.Hour)
	list.sweep(t.Context(), 0)
	if list.filter.old.Load() != nil {
		t.Error("an old generation is kept")
	}
}

// TestWhileReading: readers see what is there, and never what is not, while
// others write, rebuild and sweep.
func TestWhileReading(t *testing.T) {
	const n = 20_000
	var now atomic.Int64
	now.Store(testStart.Unix())
	list, err := Open(t.Context(), Options{Lifetime: time.Hour, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := list.Close(); err != nil {
			t.Error(err)
		}
	}()
	lines := make([][]string, 2*n)
	revocations := make([]Revocation, n)
	for i := range lines {
		lines[i] = []string{fmt.Sprintf("sid=%08dcredentialcredential", i)}
		if i < n {
			f, _ := list.Fingerprint(lines[i][0][4:])
			until := time.Time{}
			if i%2 == 0 { // expires soon
				until = testStart.Add(time.Minute)
			}
			revocations[i] = list.OfCredential(f, until)
		}
	}
	var written atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for reader := range 3 {
		group.Go(func() {
			for i := reader; ctx.Err() == nil; i = (i + 7919) % (2 * n) {
				done, later := written.Load(), now.Load() > testStart.Unix()
				refused := list.RefusesAny(lines[i])
				switch {
				case i >= n && refused:
					t.Error("refused, but never revoked")
				case int64(i) < done && i%2 == 1 && !refused, int64(i) < done && i%2 == 0 && !refused && !later && now.Load() == testStart.Unix():
					t.Error("revoked, but not refused")
				case i%2 == 0 && later && refused:
					t.Error("refused after its end")
				}
			}
		})
	}
	group.Go(func() {
		for ctx.Err() == nil {
			list.sweep(ctx, 10*time.Microsecond)
		}
	})
	for i, r := range revocations {
		if err := list.Revoke(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		written.Store(int64(i + 1))
		if i == n/2 {
			now.Store(testStart.Add(2 * time.Minute).Unix())
		}
		if i%100 == 0 {
			list.Bind(revocations[(i+n/2)%n].entry.fingerprint, Session{Issuer: "issuer", Sid: fmt.Sprint(i % 10)})
		}
	}
	stop()
	group.Wait()
}

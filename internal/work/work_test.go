package work

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// quietRunner is one whose log nobody sees but the test.
func quietRunner(places int) (*Runner, *observer.ObservedLogs) {
	core, logged := observer.New(zap.DebugLevel)
	logger := zap.New(core)
	return &Runner{Logger: func() *zap.Logger { return logger }, Retries: Retries, Places: make(chan struct{}, places)}, logged
}

// TestRetrySchedule: REV-08, REV-10. 1, 5 and 25 s, or what the server says;
// what cannot work is not tried again; nothing is left running.
func TestRetrySchedule(t *testing.T) {
	busy := func(after time.Duration) error { return &RetryError{After: after, Err: errors.New("busy")} }
	for name, tc := range map[string]struct {
		answers []error
		at      []time.Duration
		failed  bool
	}{
		"works":            {[]error{nil}, []time.Duration{0}, false},
		"works at last":    {[]error{busy(0), busy(0), busy(0), nil}, []time.Duration{0, 1, 6, 31}, false},
		"never works":      {[]error{busy(0), busy(0), busy(0), busy(0)}, []time.Duration{0, 1, 6, 31}, true},
		"names the time":   {[]error{busy(7 * time.Second), busy(0), nil}, []time.Duration{0, 7, 12}, false},
		"is refused":       {[]error{errors.New("no")}, []time.Duration{0}, true},
		"refused at last":  {[]error{busy(0), errors.New("no")}, []time.Duration{0, 1}, true},
		"takes too long":   {[]error{busy(61 * time.Second), busy(61 * time.Second), busy(61 * time.Second)}, []time.Duration{0, 61, 122}, true}, // 3 minutes are over
		"hangs every time": {[]error{context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded}, []time.Duration{0, 11, 26, 61}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, logged := quietRunner(1)
			began := time.Now()
			var at []time.Duration
			<-r.Background("a test", func(ctx context.Context) {
				r.Try(ctx, "a test", "main", func(ctx context.Context) error {
					at = append(at, time.Since(began)/time.Second)
					err := tc.answers[len(at)-1]
					if err == context.DeadlineExceeded {
						<-ctx.Done()
						return &RetryError{Err: ctx.Err()}
					}
					return err
				})
			})
			synctest.Wait()
			if len(at) != len(tc.at) {
				t.Fatalf("%s: tried after %v s, want %v", name, at, tc.at)
			}
			for i := range at {
				if at[i] != tc.at[i] {
					t.Errorf("%s: tried after %v, want %v", name, at, tc.at)
				}
			}
			if failed := logged.FilterMessage("a test failed").Len() == 1; failed != tc.failed || len(r.Places) != 0 {
				t.Errorf("%s: logged %v", name, logged.All())
			}
		})
	}
}

// TestPanicIsNotFatal: outside a request nobody else catches one, and the whole
// server would be gone. It costs that piece of work, and the log says so.
func TestPanicIsNotFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, logged := quietRunner(1)
		<-r.Background("a test", func(context.Context) { panic("a panic of this test") })
		synctest.Wait()
		if len(r.Places) != 0 {
			t.Error("its place is not free again")
		}
		if logged.FilterMessage("panic in a test").Len() != 1 {
			t.Errorf("logged %v", logged.All())
		}
	})
}

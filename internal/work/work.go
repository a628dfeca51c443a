// Package work runs to its end what a logout does not wait for, and keeps a panic
// outside of requests from ending the server.
package work

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// Runner runs pieces of work. It lasts as long as a configuration.
type Runner struct {
	Logger  func() *zap.Logger // may change while it runs
	Retries []time.Duration    // how long each further try waits, if the server names no time
	Places  chan struct{}      // one for each piece of work that outlives its logout; they outlive the configuration
}

// Retries are those of RFC 7009 2.2.1: a 503 asks for patience.
var Retries = []time.Duration{time.Second, 5 * time.Second, 25 * time.Second}

const (
	// MaxPlaces bounds the work that outlives its logout. Most of it is
	// waiting, and costs a goroutine.
	MaxPlaces = 1024

	tryTimeout        = 10 * time.Second
	backgroundTimeout = 3 * time.Minute
)

// RetryError says that the server asked to come again, or did not answer.
type RetryError struct {
	After time.Duration // 0 if the server did not say when
	Err   error
}

func (e *RetryError) Error() string { return "try again: " + e.Err.Error() }
func (e *RetryError) Unwrap() error { return e.Err }

// Try does something now and, while the server is not ready for it, once more
// for each of the retries (REV-08, REV-10).
func (r *Runner) Try(ctx context.Context, what, provider string, do func(context.Context) error) {
	for round := 0; ; round++ {
		once, stop := context.WithTimeout(ctx, tryTimeout)
		err := r.Caught(what, func() error { return do(once) })
		stop()
		var later *RetryError
		switch {
		case err == nil:
			return
		case !errors.As(err, &later) || round == len(r.Retries):
			r.Logger().Warn(what+" failed", zap.String("provider", provider), zap.Error(err))
			return
		}
		wait := r.Retries[round]
		if later.After > 0 {
			wait = later.After
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			r.Logger().Warn(what+" failed", zap.String("provider", provider), zap.Error(err))
			return
		}
	}
}

// Background does work that a logout does not wait for to the end. There is a
// limit to it; beyond, the work is not done, and the log says so. done is closed
// when it is over.
func (r *Runner) Background(what string, do func(context.Context)) (done <-chan struct{}) {
	finished := make(chan struct{})
	select {
	case r.Places <- struct{}{}:
	default:
		r.Logger().Error("too much is waiting for providers; left undone: " + what)
		close(finished)
		return finished
	}
	go func() {
		defer close(finished)
		defer func() { <-r.Places }()
		// It outlives the request and, so that a reload loses nothing, the
		// configuration too.
		ctx, stop := context.WithTimeout(context.Background(), backgroundTimeout)
		defer stop()
		r.Guarded(what, func() { do(ctx) })
	}()
	return finished
}

// Guarded logs a panic and goes on: outside a request nobody else catches one.
func (r *Runner) Guarded(what string, do func()) {
	defer func() {
		if p := recover(); p != nil {
			r.Logger().Error("panic in "+what, zap.Any("panic", p), zap.Stack("stack"))
		}
	}()
	do()
}

var errPanicked = errors.New("a panic; the log has it")

// Caught makes an error of a panic. What runs in goroutines of its own needs
// it, for there a panic ends the whole server.
func (r *Runner) Caught(what string, do func() error) error {
	err := errPanicked
	r.Guarded(what, func() { err = do() })
	return err
}

// WaitFor returns what comes. ok is false if nothing came, and done was not
// closed, within limit.
func WaitFor[T any](done <-chan T, limit time.Duration) (got T, ok bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case got = <-done:
		return got, true
	case <-timer.C:
		return got, false
	}
}

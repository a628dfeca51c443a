// Package appcall asks the apps behind a site: it runs the browser's own request
// or one of ours through the site's handlers, bounded in time and bytes, and ends
// an app's session.
package appcall

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

const (
	// drainTime is how long the rest of an answer may take whose header is known.
	drainTime = 100 * time.Millisecond

	// graceTime is how long a handler may take to notice that it was cancelled
	// before its answer is no longer waited for. FastCGI never notices.
	graceTime = 150 * time.Millisecond
)

// AnswerAwaited is the answer that a handler of ours in front of this one waits for,
// nil if there is none.
func AnswerAwaited(r *http.Request) *Answer {
	answer, _ := nested.Answer(r).(*Answer)
	return answer
}

// Ask runs the browser's own request through next and waits for the answer no
// longer than its deadline, whatever the handlers behind us do.
//
// The app is told to end the session even if the browser has left meanwhile:
// that is what its user asked for.
func Ask(r *http.Request, next caddyhttp.Handler, answer *Answer) Result {
	ctx := nested.WithAnswer(context.WithoutCancel(r.Context()), answer)
	// A handler that goes on after we stopped waiting must not write to what
	// Caddy reads when this request ends.
	if vars, ok := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any); ok {
		ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, maps.Clone(vars))
	}
	ctx = context.WithValue(ctx, caddyhttp.ExtraLogFieldsCtxKey, new(caddyhttp.ExtraLogFields))
	return answer.await(ctx, next, func(ctx context.Context) (*http.Request, error) { return r.Clone(ctx), nil })
}

// await serves a request and waits for its answer, and a moment for handlers to
// notice that nobody waits any more.
func (a *Answer) await(ctx context.Context, next caddyhttp.Handler, newRequest func(context.Context) (*http.Request, error)) Result {
	// A plain cancel: reverse_proxy takes a deadline for a sick upstream and
	// stops sending requests to it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := newRequest(ctx)
	if err != nil {
		return Result{Err: err}
	}
	done := make(chan error, 1)
	go func() { done <- serveRecovered(next, a, r) }()

	late := time.NewTimer(time.Until(a.Deadline))
	defer late.Stop()
	headed := a.headed
	if a.keep {
		headed = nil
	}
	select {
	case err := <-done:
		return a.result(err)
	case <-a.claimed:
		return a.result(<-done)
	case <-headed:
		// All that matters of an answer that is held is known by now.
		if !a.isPassing() {
			late.Reset(a.restTime())
		}
		select {
		case err := <-done:
			return a.result(err)
		case <-late.C:
		}
	case <-late.C:
	}
	if !a.stop() {
		return a.result(<-done)
	}
	cancel()
	if err, ok := work.WaitFor(done, graceTime); ok && a.w != nil {
		return a.result(err)
	}
	// Of a call of ours it does not count what the handler says: it was us.
	a.abandon()
	return a.result(context.DeadlineExceeded)
}

// restTime is how long the rest of an answer may take whose header is known. A
// call of ours must be over by its deadline; a browser's own logout may finish.
func (a *Answer) restTime() time.Duration {
	if a.w == nil {
		return min(drainTime, time.Until(a.Deadline))
	}
	return drainTime
}

// PanicError carries a panic of the handlers behind us out of their goroutine.
type PanicError struct {
	value any
	stack []byte
}

// Error has the stack: it goes to the log only.
func (p PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// serveRecovered: reverse_proxy panics with http.ErrAbortHandler whenever a
// body breaks off, also because we did not want the rest.
func serveRecovered(next caddyhttp.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this too
			err = http.ErrAbortHandler
		} else if p != nil {
			err = PanicError{p, debug.Stack()}
		}
	}()
	return next.ServeHTTP(w, r)
}

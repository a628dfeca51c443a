package universallogout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

const (
	// maxKept is how much of an answer is kept back, and how much of a body
	// that nobody will see is read so that the connection can be used again.
	maxKept = 64 << 10

	// drainTime is how long the rest of an answer may take whose header is known.
	drainTime = 100 * time.Millisecond

	// graceTime is how long a handler may take to notice that it was cancelled
	// before its answer is no longer waited for. FastCGI never notices.
	graceTime = 150 * time.Millisecond
)

var errDiscarded = errors.New("the rest of the answer to a logout is not needed")

// appAnswer receives the app's answer to its logout. Answers that pass says
// yes to go to the browser, changed by amend; all others are held: their
// status and header are known, their body is dropped.
//
// An answer that passes is kept back until it is whole or longer than 64 KiB:
// one that breaks off or never ends is of no use to the browser, and as long
// as nothing of it is out we can answer in its place.
//
// It has no Unwrap on purpose: nothing may get past it to the connection.
type appAnswer struct {
	w     http.ResponseWriter
	pass  func(status int) bool
	amend func(http.Header)

	headed  chan struct{} // closed when the status is known
	claimed chan struct{} // closed when a handler behind us took over

	deadline time.Time   // when the app must have answered
	taken    http.Header // lines of the request that the app must not see

	mu      sync.Mutex
	header  http.Header // until it passes
	status  int
	final   http.Header // header as it was with the status
	passes  bool        // goes to the browser when there is enough of it
	passed  bool        // its header is out
	stopped bool        // the app was told to stop
	over    bool        // nobody waits for it any more, or somebody else answers
	body    []byte      // kept back
	dropped int
}

func newAppAnswer(w http.ResponseWriter, pass func(int) bool, amend func(http.Header)) *appAnswer {
	return &appAnswer{
		w: w, pass: pass, amend: amend,
		headed: make(chan struct{}), claimed: make(chan struct{}),
		header: w.Header().Clone(),
	}
}

// Header is the app's until the answer passes; then it is the browser's, so
// that trailers arrive.
func (a *appAnswer) Header() http.Header {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.passed && !a.over {
		return a.w.Header()
	}
	return a.header
}

func (a *appAnswer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.status != 0 || status < 200 && status != http.StatusSwitchingProtocols {
		return // early hints for a page that is about to be left
	}
	a.status, a.final = status, a.header.Clone()
	a.passes = a.pass(status)
	close(a.headed)
}

func (a *appAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.over:
		return 0, errDiscarded
	case a.passed:
		return a.w.Write(p)
	case a.passes && len(a.body)+len(p) <= maxKept:
		a.body = append(a.body, p...)
	case a.passes:
		if err := a.send(); err != nil {
			return 0, err
		}
		return a.w.Write(p)
	default:
		if a.dropped += len(p); a.dropped > maxKept {
			return 0, errDiscarded
		}
	}
	return len(p), nil
}

// send gives the browser what was kept back. The lock is held.
func (a *appAnswer) send() error {
	a.passed = true
	h := a.w.Header()
	clear(h)
	maps.Copy(h, a.final)
	a.amend(h)
	a.w.WriteHeader(a.status)
	body := a.body
	a.body = nil
	if len(body) == 0 {
		return nil
	}
	_, err := a.w.Write(body) //nolint:gosec // the app's own answer, as it was
	return err
}

// complete passes on an answer that came to its end.
func (a *appAnswer) complete() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.passes || a.passed || a.over {
		return
	}
	if isBrokenJSON(a.final, a.body) {
		a.passes, a.status = false, http.StatusBadGateway // of no use to any script
		return
	}
	_ = a.send() // the browser is gone if it fails: there is nobody to tell
	for name, values := range a.header {
		// Trailers are what came after the header.
		if before := a.final[name]; len(values) > len(before) {
			a.w.Header()[name] = append(a.w.Header()[name], values[len(before):]...)
		}
	}
}

// isBrokenJSON reports whether an answer says that it is JSON and is not.
func isBrokenJSON(h http.Header, body []byte) bool {
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && mediaType == "application/json" && h.Get("Content-Encoding") == "" && len(body) > 0 && !json.Valid(body)
}

// FlushError is called from timers of other goroutines.
func (a *appAnswer) FlushError() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.passed || a.over {
		return nil
	}
	return http.NewResponseController(a.w).Flush()
}

// claim hands the browser's connection to a handler of ours behind this one
// that knows the app better, unless it is too late for that.
func (a *appAnswer) claim() (http.ResponseWriter, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.stopped || a.status != 0 {
		return nil, false
	}
	a.over = true
	close(a.claimed)
	return a.w, true
}

// stop makes sure that nobody takes over from now on. It returns false if
// somebody has.
func (a *appAnswer) stop() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.claimed:
		return false
	default:
		a.stopped = true
		return true
	}
}

// abandon makes sure that nothing is written to the browser from now on.
func (a *appAnswer) abandon() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// appResult is what became of the app's own logout.
type appResult struct {
	status  int         // 0: no answer
	header  http.Header // of the answer, nil without one
	passed  bool        // the browser has it
	claimed bool        // a handler behind us answered
	err     error       // why there is no (whole) answer
}

type ongoingKey struct{}

// callApp runs the browser's own request through next and waits for the answer
// no longer than its deadline, whatever the handlers behind us do.
//
// The app is told to end the session even if the browser has left meanwhile:
// that is what its user asked for.
func callApp(r *http.Request, next caddyhttp.Handler, answer *appAnswer) appResult {
	// A plain cancel: reverse_proxy takes a deadline for a sick upstream and
	// stops sending requests to it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	ctx = context.WithValue(ctx, ongoingKey{}, answer)
	// A handler that goes on after we stopped waiting must not write to what
	// Caddy reads when this request ends.
	if vars, ok := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any); ok {
		ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, maps.Clone(vars))
	}
	ctx = context.WithValue(ctx, caddyhttp.ExtraLogFieldsCtxKey, new(caddyhttp.ExtraLogFields))

	done := make(chan error, 1)
	go func() { done <- serveRecovered(next, answer, r.Clone(ctx)) }()

	late := time.NewTimer(time.Until(answer.deadline))
	defer late.Stop()
	select {
	case err := <-done:
		return answer.result(err)
	case <-answer.claimed:
		return answer.result(<-done)
	case <-answer.headed:
		// All that matters of an answer that is held is known by now.
		if !answer.isPassing() {
			late.Reset(drainTime)
		}
		select {
		case err := <-done:
			return answer.result(err)
		case <-late.C:
		}
	case <-late.C:
	}
	if !answer.stop() {
		return answer.result(<-done)
	}
	cancel()
	if err, ok := work.WaitFor(done, graceTime); ok {
		return answer.result(err)
	}
	answer.abandon()
	return answer.result(context.DeadlineExceeded)
}

// panicked carries a panic of the handlers behind us out of their goroutine.
type panicked struct {
	value any
	stack []byte
}

func (p panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// serveRecovered: reverse_proxy panics with http.ErrAbortHandler whenever a
// body breaks off, also because we did not want the rest.
func serveRecovered(next caddyhttp.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this too
			err = http.ErrAbortHandler
		} else if p != nil {
			err = panicked{p, debug.Stack()}
		}
	}()
	return next.ServeHTTP(w, r)
}

func (a *appAnswer) isPassing() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.passes
}

func (a *appAnswer) result(err error) appResult {
	if err == nil {
		a.WriteHeader(http.StatusOK) // what net/http makes of a handler that wrote nothing
		a.complete()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	res := appResult{status: a.status, header: a.final, passed: a.passed, err: err}
	select {
	case <-a.claimed:
		res.claimed = true
	default:
		a.over = true
	}
	return res.settled()
}

// settled reads the status out of an error, and our own cancelling out of a
// status.
func (res appResult) settled() appResult {
	var handlerErr caddyhttp.HandlerError
	if res.status == 0 && errors.As(res.err, &handlerErr) {
		res.status = handlerErr.StatusCode
	}
	if res.status == statusClientClosed {
		res.status, res.err = 0, context.DeadlineExceeded
	}
	return res
}

// passOn gives what the handler that took over returned to who called us.
func (res appResult) passOn() error {
	var crashed panicked
	switch {
	case errors.Is(res.err, http.ErrAbortHandler):
		panic(http.ErrAbortHandler)
	case errors.As(res.err, &crashed):
		panic(crashed)
	}
	return res.err
}

// statusClientClosed is reverse_proxy's word for "the request was cancelled",
// and here only we cancel.
const statusClientClosed = 499

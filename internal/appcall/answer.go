// Package appcall asks the apps behind a site: it runs the browser's own request
// or one of ours through the site's handlers, bounded in time and bytes, and ends
// an app's session.
package appcall

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
	"github.com/quic-go/quic-go/http3"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

const (
	// MaxKept is how much of an answer is kept back, and how much of a body
	// that nobody will see is read so that the connection can be used again.
	MaxKept = 64 << 10

	// drainTime is how long the rest of an answer may take whose header is known.
	drainTime = 100 * time.Millisecond

	// graceTime is how long a handler may take to notice that it was cancelled
	// before its answer is no longer waited for. FastCGI never notices.
	graceTime = 150 * time.Millisecond
)

// ErrDiscarded is what a handler gets that writes an answer for nobody.
var ErrDiscarded = errors.New("the rest of the answer to a logout is not needed")

// errEnough is how a browser that has read enough hangs up in HTTP/3. With any
// other error reverse_proxy writes a warning that has the request in it.
var errEnough = &http3.Error{Remote: true, ErrorCode: http3.ErrCodeRequestCanceled, ErrorMessage: "the rest of the answer is not needed"}

// Answer receives an app's answer. Answers that pass says yes to go to the
// browser, changed by amend; all others are held: their status and header are
// known, of their body what was asked for.
//
// An answer that passes is kept back until it is whole or longer than 64 KiB:
// one that breaks off or never ends is of no use to the browser, and as long
// as nothing of it is out we can answer in its place.
//
// It has no Unwrap on purpose: nothing may get past it to the connection.
type Answer struct {
	w     http.ResponseWriter // the browser's; nil: it gets nothing, the call is ours
	pass  func(status int) bool
	amend func(http.Header)
	keep  bool // the body of a call of ours

	headed  chan struct{} // closed when the status is known
	claimed chan struct{} // closed when a handler behind us took over

	Deadline time.Time   // when the app must have answered
	Taken    http.Header // lines of the request that the app must not see

	mu      sync.Mutex
	header  http.Header // until it passes
	status  int
	final   http.Header // header as it was with the status
	passes  bool        // goes to the browser when there is enough of it
	passed  bool        // its header is out
	stopped bool        // the app was told to stop
	over    bool        // nobody waits for it any more, or somebody else answers
	body    []byte      // kept back, or asked for
	read    int         // bytes of a body that is held
}

// NewAnswer receives the answer to a browser's own request.
func NewAnswer(w http.ResponseWriter, pass func(status int) bool, amend func(http.Header), deadline time.Time) *Answer {
	return &Answer{
		w: w, pass: pass, amend: amend, Deadline: deadline,
		headed: make(chan struct{}), claimed: make(chan struct{}), header: w.Header().Clone(),
	}
}

// newCallAnswer receives the answer to a call of ours, which no browser sees.
func newCallAnswer(keep bool, deadline time.Time) *Answer {
	return &Answer{
		pass: func(int) bool { return false }, keep: keep, Deadline: deadline,
		headed: make(chan struct{}), claimed: make(chan struct{}), header: make(http.Header),
	}
}

// Header is the app's until the answer passes; then it is the browser's, so
// that trailers arrive.
func (a *Answer) Header() http.Header {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.passed && !a.over {
		return a.w.Header()
	}
	return a.header
}

func (a *Answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.status != 0 || status < 200 && (status != http.StatusSwitchingProtocols || a.w == nil) {
		return // early hints for a page that is about to be left
	}
	a.status, a.final = status, a.header.Clone()
	a.passes = a.pass(status)
	close(a.headed)
}

func (a *Answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.over:
		return 0, a.enough()
	case a.passed:
		return a.w.Write(p)
	case a.passes && len(a.body)+len(p) <= MaxKept:
		a.body = append(a.body, p...)
	case a.passes:
		if err := a.send(); err != nil {
			return 0, err
		}
		return a.w.Write(p)
	default:
		return a.hold(p)
	}
	return len(p), nil
}

// hold takes what nobody, or only we, will see. The lock is held.
func (a *Answer) hold(p []byte) (int, error) {
	wanted := p[:min(len(p), MaxKept-a.read)]
	a.read += len(wanted)
	if a.keep {
		a.body = append(a.body, wanted...)
	}
	if len(wanted) < len(p) {
		return len(wanted), a.enough()
	}
	return len(p), nil
}

// enough is what a handler is told that goes on writing.
func (a *Answer) enough() error {
	if a.w == nil {
		return errEnough
	}
	return ErrDiscarded
}

// send gives the browser what was kept back. The lock is held.
func (a *Answer) send() error {
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
func (a *Answer) complete() {
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
func (a *Answer) FlushError() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.passed || a.over {
		return nil
	}
	return http.NewResponseController(a.w).Flush()
}

// Claim hands the browser's connection to a handler of ours behind this one
// that knows the app better, unless it is too late for that.
func (a *Answer) Claim() (http.ResponseWriter, bool) {
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
func (a *Answer) stop() bool {
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
func (a *Answer) abandon() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// Result is what came of asking an app.
type Result struct {
	Status  int         // 0: no answer
	Header  http.Header // of the answer, nil without one
	Body    []byte      // its first 64 KiB, if a call of ours asked for it
	Passed  bool        // the browser has it
	Claimed bool        // a handler behind us answered
	Err     error       // why there is no (whole) answer
}

// OngoingOf is the answer that a handler of ours in front of this one waits for,
// nil if there is none.
func OngoingOf(r *http.Request) *Answer {
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
			late.Reset(min(drainTime, time.Until(a.Deadline)))
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

// Panicked carries a panic of the handlers behind us out of their goroutine.
type Panicked struct {
	value any
	stack []byte
}

func (p Panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// serveRecovered: reverse_proxy panics with http.ErrAbortHandler whenever a
// body breaks off, also because we did not want the rest.
func serveRecovered(next caddyhttp.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this too
			err = http.ErrAbortHandler
		} else if p != nil {
			err = Panicked{p, debug.Stack()}
		}
	}()
	return next.ServeHTTP(w, r)
}

func (a *Answer) isPassing() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.passes
}

func (a *Answer) result(err error) Result {
	if err == nil {
		a.WriteHeader(http.StatusOK) // what net/http makes of a handler that wrote nothing
		a.complete()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	res := Result{Status: a.status, Header: a.final, Passed: a.passed, Err: err}
	if a.keep {
		res.Body = a.body
	}
	select {
	case <-a.claimed:
		res.Claimed = true
	default:
		a.over = true
	}
	return res.settled()
}

// settled reads the status out of an error, and our own cancelling out of a
// status.
func (res Result) settled() Result {
	var handlerErr caddyhttp.HandlerError
	if res.Status == 0 && errors.As(res.Err, &handlerErr) {
		res.Status = handlerErr.StatusCode
	}
	if res.Status == statusClientClosed {
		res.Status, res.Err = 0, context.DeadlineExceeded
	}
	return res
}

// PassOn gives what the handler that took over returned to who called us.
func (res Result) PassOn() error {
	var crashed Panicked
	switch {
	case errors.Is(res.Err, http.ErrAbortHandler):
		panic(http.ErrAbortHandler)
	case errors.As(res.Err, &crashed):
		panic(crashed)
	}
	return res.Err
}

// statusClientClosed is reverse_proxy's word for "the request was cancelled",
// and here only we cancel.
const statusClientClosed = 499

// EndsSession reports whether an answer deletes or replaces a session cookie
// that was presented.
func (res Result) EndsSession(presented []cookie.Cookie, failed bool, now time.Time) bool {
	for _, line := range res.Header["Set-Cookie"] {
		sc := cookie.ParseSet(line, now)
		for _, c := range presented {
			// With an error, a new value may be one that comes with every answer.
			if sc.Name == c.Name && (sc.Expired || sc.Value != c.Value && !failed) {
				return true
			}
		}
	}
	return false
}

// NoSuchLogout is what apps answer that have no logout of their own.
var NoSuchLogout = []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}

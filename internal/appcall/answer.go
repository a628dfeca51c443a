package appcall

import (
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// maxKept is how much of an answer is kept back, and how much of a body that
// nobody will see is read so that the connection can be used again.
const maxKept = 64 << 10

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
	held    http.Header // until it passes
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
		headed: make(chan struct{}), claimed: make(chan struct{}), held: w.Header().Clone(),
	}
}

// newCallAnswer receives the answer to a call of ours, which no browser sees.
func newCallAnswer(keep bool, deadline time.Time) *Answer {
	return &Answer{
		pass: func(int) bool { return false }, keep: keep, Deadline: deadline,
		headed: make(chan struct{}), claimed: make(chan struct{}), held: make(http.Header),
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
	return a.held
}

// WriteHeader implements http.ResponseWriter.
func (a *Answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.status != 0 || status < 200 && (status != http.StatusSwitchingProtocols || a.w == nil) {
		return // early hints for a page that is about to be left
	}
	a.status, a.final = status, a.held.Clone()
	a.passes = a.pass(status)
	close(a.headed)
}

// Write implements http.ResponseWriter.
func (a *Answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.over:
		return 0, a.enough()
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
		return a.hold(p)
	}
	return len(p), nil
}

// hold takes what nobody, or only we, will see. The lock is held.
func (a *Answer) hold(p []byte) (int, error) {
	if a.w != nil {
		if a.read += len(p); a.read > maxKept {
			return 0, ErrDiscarded
		}
		return len(p), nil
	}
	wanted := p[:min(len(p), maxKept-a.read)]
	a.read += len(wanted)
	if a.keep {
		a.body = append(a.body, wanted...)
	}
	if len(wanted) < len(p) {
		return len(wanted), errEnough
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
	hdr := a.w.Header()
	clear(hdr)
	maps.Copy(hdr, a.final)
	a.amend(hdr)
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
	for name, values := range a.held {
		// Trailers are what came after the header.
		if before := a.final[name]; len(values) > len(before) {
			a.w.Header()[name] = append(a.w.Header()[name], values[len(before):]...)
		}
	}
}

// isBrokenJSON reports whether an answer says that it is JSON and is not.
func isBrokenJSON(hdr http.Header, body []byte) bool {
	mediaType, _, err := mime.ParseMediaType(hdr.Get("Content-Type"))
	return err == nil && mediaType == "application/json" && hdr.Get("Content-Encoding") == "" && len(body) > 0 && !json.Valid(body)
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

// isPassing reports whether the answer goes to the browser.
func (a *Answer) isPassing() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.passes
}

// result is what came of it. Nothing more is waited for.
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

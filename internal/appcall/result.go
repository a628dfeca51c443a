package appcall

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
)

// Result is what came of asking an app.
type Result struct {
	Status  int         // 0: no answer
	Header  http.Header // of the answer, nil without one
	Body    []byte      // its first 64 KiB, if a call of ours asked for it
	Passed  bool        // the browser has it
	Claimed bool        // a handler behind us answered
	Err     error       // why there is no (whole) answer
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
	var crashed PanicError
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

// HasNoLogout reports whether the app says that it has no logout of its own.
func (res Result) HasNoLogout() bool { return slices.Contains(NoSuchLogout, res.Status) }

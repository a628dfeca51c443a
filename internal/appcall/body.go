package appcall

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const maxBufferedBody = 64 << 10

// BufferBody reads the body so that a return URL in it is known before the app
// is asked, and puts it back. Longer ones are streamed and not read. Nobody
// reads on from the browser after detach: a proxy that was cancelled would.
func BufferBody(w http.ResponseWriter, r *http.Request, timeout time.Duration) (body []byte, detach func()) {
	body, whole, detach := PeekBody(w, r, timeout)
	if !whole {
		return nil, detach
	}
	return body, detach
}

// PeekBody is the same, but gives the beginning of longer ones too.
func PeekBody(w http.ResponseWriter, r *http.Request, timeout time.Duration) (body []byte, whole bool, detach func()) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, true, func() {}
	}
	// Whoever sends its body slowly waits for nobody but itself.
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(timeout)) // not all writers can
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBufferedBody+1))
	_ = rc.SetReadDeadline(time.Time{})

	rest := &bodyRest{body: r.Body, err: err}
	if err == nil && len(body) <= maxBufferedBody {
		rest.err = io.EOF
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	return body, rest.err == io.EOF, func() { rest.over.Store(true) }
}

// bodyRest is what follows the part of a body that was buffered.
type bodyRest struct {
	body io.Reader
	err  error // io.EOF if nothing does, or what ended the reading
	over atomic.Bool
}

func (b *bodyRest) Read(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.over.Load():
		return 0, io.ErrUnexpectedEOF // io.EOF would make half a body look whole
	}
	return b.body.Read(p)
}

// Close leaves the body to the server, which drains it.
func (*bodyRest) Close() error { return nil }

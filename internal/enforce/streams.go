package enforce

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

const (
	// maxStreams bounds the memory that streams cost. What is open beyond is
	// not closed when its session ends; the log says so.
	maxStreams = 1 << 16

	// streamPoll is how often streams are compared with what was revoked
	// meanwhile, by whichever node.
	streamPoll = 200 * time.Millisecond

	// closeTime is how long a client may take to hear that its stream ends.
	closeTime = 200 * time.Millisecond
)

// isStream tells requests whose answers may stay open for hours by what
// browsers must send. Others may too, but their next request is refused.
func isStream(r *http.Request, navigation bool) bool {
	// A WebSocket; HTTP/2 and 3 have extended CONNECT instead of Upgrade.
	if r.ProtoMajor < 2 && len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect {
		return true
	}
	if navigation {
		return false // not worth a look at every page
	}
	for _, line := range r.Header["Accept"] {
		if strings.Contains(line, "text/event-stream") {
			return true
		}
	}
	return false
}

// serveStream runs a stream so that it can be ended with its session.
func (p *Policy) serveStream(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, list *revocation.List, version uint64) error {
	defer func() {
		if list.Version() != version {
			p.revokeSetAgain(w.Header(), r, r.Header["Cookie"], list)
		}
	}()
	if nested.IsOwnCall(r) || nested.HasStream(r) || !p.presentsAny(r) {
		return next.ServeHTTP(w, r) // or a handler in front of us has it
	}
	ctx, cancel := context.WithCancel(nested.WithStream(r.Context()))
	defer cancel()
	s := &stream{
		isRefused: p.refusedLater(r, list), cancel: cancel, done: make(chan struct{}),
		client: http.NewResponseController(innermost(w)),
	}
	open := p.Edge.Streams
	if !open.add(s, list) {
		p.Logger().Warn("too many streams are open at once; this one outlives its session", zap.Int("open", maxStreams))
		return next.ServeHTTP(w, r)
	}
	defer func() {
		open.remove(s)
		if s.end() {
			p.Edge.Refused("stream")
		}
	}()
	if s.isRefused() { // between the look at the request and add
		go s.close()
	}
	client := w
	if len(r.Header["Upgrade"]) > 0 {
		client = &streamWriter{&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, s}
	}
	return next.ServeHTTP(client, r.WithContext(ctx))
}

// presentsAny reports whether anything in a request may be revoked while a
// stream is open, whatever the names of cookies: apps differ in how they read
// names.
func (p *Policy) presentsAny(r *http.Request) (found bool) {
	found = p.Sessions.MayBeIn(r.Header["Cookie"])
	for _, name := range p.Headers {
		for _, line := range r.Header[name] {
			eachTaken(name, line, func(value string) bool {
				found = found || len(value) >= cookie.MinCredential
				return !found
			})
		}
	}
	return found
}

// refusedLater looks at a request as at its beginning, whenever it is asked:
// a session is refused in every spelling. Handlers change headers in place.
func (p *Policy) refusedLater(r *http.Request, list *revocation.List) func() bool {
	cookies, headers := slices.Clone(r.Header["Cookie"]), make(http.Header, len(p.Headers))
	for _, name := range p.Headers {
		headers[name] = slices.Clone(r.Header[name])
	}
	return func() bool { return p.refusesCookies(list, cookies) || p.refusesHeaders(list, headers) }
}

// innermost is net/http's own writer, whose deadlines may be set from any
// goroutine. Those of Caddy's may not: they keep notes without a lock.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

// Streams are those that are open with a credential. They outlive configs, and
// so does this. The zero value is ready.
type Streams struct {
	mu       sync.Mutex
	open     map[*stream]struct{}
	watching bool
}

// add registers a stream. It is false if there are too many.
func (ss *Streams) add(s *stream, list *revocation.List) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.open) >= maxStreams {
		return false
	}
	if ss.open == nil {
		ss.open = make(map[*stream]struct{})
	}
	ss.open[s] = struct{}{}
	if !ss.watching {
		ss.watching = true
		go ss.watch(list)
	}
	return true
}

func (ss *Streams) remove(s *stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.open, s)
}

// Len counts the streams that are open.
func (ss *Streams) Len() int {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.open)
}

// watch closes streams whose session is revoked, for as long as there are any.
func (ss *Streams) watch(list *revocation.List) {
	poll := time.NewTicker(streamPoll)
	defer poll.Stop()
	var seen uint64
	for more := true; more; <-poll.C {
		var refused []*stream
		refused, seen, more = ss.takeRefused(list, seen)
		for _, s := range refused {
			go s.close() // each may take its time
		}
	}
}

// takeRefused forgets the streams that are refused. more is false if there are
// none left to watch, and somebody else has to when there are.
func (ss *Streams) takeRefused(list *revocation.List, seen uint64) (refused []*stream, version uint64, more bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if version = list.Version(); version != seen {
		for s := range ss.open {
			if s.isRefused() {
				refused = append(refused, s)
				delete(ss.open, s)
			}
		}
	}
	ss.watching = len(ss.open) > 0
	return refused, version, ss.watching
}

// stream is one open WebSocket or event stream.
type stream struct {
	isRefused func() bool
	cancel    context.CancelFunc
	client    *http.ResponseController
	done      chan struct{} // closed when the handler has returned

	mu      sync.Mutex
	conn    *streamConn // of a WebSocket, nil until the protocol was switched
	refused bool
	over    bool // the connection is not ours any more
}

// end waits until nothing of ours uses the connection, and reports whether it
// was us who ended the stream.
func (s *stream) end() (refused bool) {
	close(s.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.refused
}

// close ends the stream, also if its client reads no more: what is cancelled
// notices only when its write returns.
func (s *stream) close() {
	s.mu.Lock()
	s.refused = true
	if conn := s.conn; conn != nil && !s.over {
		conn.tell(policyViolation)
		s.mu.Unlock()
		s.cancel()
		s.wait(closeTime)
		_ = conn.Close()
		return
	}
	s.mu.Unlock()
	s.cancel()
	for {
		s.mu.Lock()
		if !s.over {
			_ = s.client.SetWriteDeadline(time.Now()) // not all writers can
		}
		s.mu.Unlock()
		if s.wait(closeTime / 2) { // Caddy's idle timeout may have moved it
			return
		}
	}
}

// wait reports whether the handler has returned within limit.
func (s *stream) wait(limit time.Duration) bool {
	_, over := work.WaitFor(s.done, limit)
	return over
}

// streamWriter notices when the protocol is switched.
type streamWriter struct {
	*caddyhttp.ResponseWriterWrapper
	s *stream
}

// Hijack implements http.Hijacker.
func (w *streamWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.s.refused {
		_ = conn.Close()
		return nil, nil, errRevoked
	}
	w.s.conn = &streamConn{Conn: conn, writing: make(chan struct{}, 1)}
	rw.Writer.Reset(w.s.conn)
	return w.s.conn, rw, nil
}

// streamConn lets through one write at a time: Caddy's access log counts what
// is written without a lock.
type streamConn struct {
	net.Conn
	writing chan struct{}
}

func (c *streamConn) Write(p []byte) (int, error) {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	return c.Conn.Write(p)
}

// CloseWrite is what reverse_proxy passes on the end of one direction by.
func (c *streamConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// policyViolation is the WebSocket frame that closes with 1008. It may land
// within another one; then the client sees that the stream is broken.
var policyViolation = []byte{0x88, 0x02, 0x03, 0xf0}

// tell writes the last there is to say. From a client that does not read it
// hangs up: closing a connection while a write is under way waits for nothing.
func (c *streamConn) tell(frame []byte) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		_, _ = c.Write(frame)
	}()
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case <-told:
	case <-late.C:
		_ = c.Close()
		<-told
	}
}

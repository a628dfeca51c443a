package universallogout

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/work"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"github.com/quic-go/quic-go/http3"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// browserRequest is what our own requests to the apps of a site take from the
// request of a browser. It is read once, before anything runs beside it: the
// replacer and the vars of a live request are not safe to read while a handler
// has it.
type browserRequest struct {
	server *caddyhttp.Server
	base   context.Context

	host, remoteAddr string
	tls              *tls.ConnectionState

	vars    map[string]any // what directives before us set: root, fs
	header  http.Header
	cookies []string // name=value, as the browser wrote them, without ours

	deadline time.Time // of all that is done for it; zero: none
}

// Headers that say who asks. What else a browser sends is about its own
// request: conditions, ranges, a body, an encoding that we could not read.
var headersOfBrowser = []string{"Authorization", "User-Agent", "Accept-Language", "Forwarded", "X-Real-Ip"}

// snapshotOf reads a request of the browser to own.
func snapshotOf(r *http.Request, own origin.Origin) browserRequest {
	ctx := r.Context()
	from := browserRequest{host: r.Host, remoteAddr: r.RemoteAddr, tls: r.TLS, header: make(http.Header)}
	from.server, _ = ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	vars, _ := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any)
	from.vars = maps.Clone(vars)

	// Not the request's own context: it ends with the request, and has a group
	// of routes in it that was chosen for another path, and idle timeouts.
	from.base = context.Background()
	for _, key := range []any{http.ServerContextKey, http.LocalAddrContextKey} {
		if v := ctx.Value(key); v != nil {
			from.base = context.WithValue(from.base, key, v)
		}
	}
	from.base = trace.ContextWithSpanContext(from.base, trace.SpanContextFromContext(ctx))

	for name, values := range r.Header {
		if slices.Contains(headersOfBrowser, name) || strings.HasPrefix(name, "X-Forwarded-") {
			from.header[name] = slices.Clone(values) // handlers change values in place
		}
	}
	from.header.Set("Accept", "text/html,application/json;q=0.9,*/*;q=0.8")
	from.header.Set("Origin", own.String())
	from.header.Set("Referer", own.String()+"/")
	// Apps that tell their own pages from others by it take no POST without.
	from.header.Set("Sec-Fetch-Site", "same-origin")

	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			if name, _, _ := strings.Cut(pair, "="); pair != "" && !cookie.IsOwn(strings.Trim(name, " \t")) {
				from.cookies = append(from.cookies, pair)
			}
		}
	}
	return from
}

// siteCall is one request of ours to an app.
type siteCall struct {
	method, uri       string
	header            http.Header // besides the usual
	contentType, body string
	keepBody          bool // of the answer
}

// newRequest makes the request that a server would make of one from a browser.
func (from browserRequest) newRequest(ctx context.Context, w http.ResponseWriter, c siteCall, cookies []string) (*http.Request, error) {
	u, err := url.ParseRequestURI(c.uri)
	if err != nil {
		return nil, errors.New("the path is none")
	}
	r := &http.Request{
		Method: c.method, URL: u, RequestURI: c.uri, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: from.header.Clone(), Host: from.host, RemoteAddr: from.remoteAddr, TLS: from.tls, Body: http.NoBody,
	}
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	maps.Copy(r.Header, c.header)
	if c.contentType != "" {
		r.Header.Set("Content-Type", c.contentType)
	}
	if c.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), int64(len(c.body))
	}
	if c.method != http.MethodGet {
		r.Header.Set("Content-Length", strconv.Itoa(len(c.body))) // FastCGI reads the header
	}
	// A fresh replacer and fresh groups of routes: with those of the browser's
	// request the blocks for this path would be taken for done.
	r = caddyhttp.PrepareRequest(r.WithContext(context.WithValue(ctx, inbound.OwnCallKey{}, true)), caddy.NewReplacer(), w, from.server)
	if vars, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any); ok {
		for name, value := range from.vars {
			if _, exists := vars[name]; !exists {
				vars[name] = value
			}
		}
	}
	return r, nil
}

// send runs a call through next and waits no longer than until deadline, and a
// moment for handlers to notice. It follows no redirect.
func (from browserRequest) send(next caddyhttp.Handler, c siteCall, cookies []string, deadline time.Time) (res appResult, body []byte) {
	if !time.Now().Before(deadline) {
		return appResult{err: context.DeadlineExceeded}, nil
	}
	// A plain cancel: reverse_proxy takes a deadline for a sick upstream and
	// stops sending requests to it.
	ctx, cancel := context.WithCancel(from.base)
	defer cancel()
	answer := &callAnswer{keep: c.keepBody, header: make(http.Header), headed: make(chan struct{})}
	r, err := from.newRequest(ctx, answer, c, cookies)
	if err != nil {
		return appResult{err: err}, nil
	}
	done := make(chan error, 1)
	go func() { done <- serveRecovered(next, answer, r) }()

	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	headed := answer.headed
	if c.keepBody {
		headed = nil
	}
	select {
	case err := <-done:
		return answer.result(err)
	case <-headed:
		late.Reset(min(drainTime, time.Until(deadline)))
		select {
		case err := <-done:
			return answer.result(err)
		case <-late.C:
		}
	case <-late.C:
	}
	cancel()
	// Not what the handler says of it: it was us.
	_, _ = work.WaitFor(done, graceTime)
	return answer.result(context.DeadlineExceeded)
}

// callAnswer receives the answer to a call. It has no Unwrap on purpose:
// nothing may get past it to the browser.
type callAnswer struct {
	keep   bool          // the body
	headed chan struct{} // closed when the status is known

	mu     sync.Mutex
	header http.Header
	status int
	final  http.Header // header as it was with the status
	body   []byte      // its first 64 KiB
	read   int         // bytes of the body
	over   bool        // nobody waits for it any more
}

// Header belongs to the handlers behind us until the status is written.
func (a *callAnswer) Header() http.Header { return a.header }

func (a *callAnswer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writeHeader(status)
}

func (a *callAnswer) writeHeader(status int) {
	if a.over || a.status != 0 || status < 200 {
		return
	}
	a.status, a.final = status, a.header.Clone()
	close(a.headed)
}

// errEnough is how a browser that has read enough hangs up in HTTP/3. With any
// other error reverse_proxy writes a warning that has the request in it.
var errEnough = &http3.Error{Remote: true, ErrorCode: http3.ErrCodeRequestCanceled, ErrorMessage: "the rest of the answer is not needed"}

func (a *callAnswer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writeHeader(http.StatusOK)
	if a.over {
		return 0, errEnough
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

// FlushError is called from timers of other goroutines.
func (*callAnswer) FlushError() error { return nil }

// result takes what there is; from now on nothing is added to it.
func (a *callAnswer) result(err error) (appResult, []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.writeHeader(http.StatusOK) // what net/http makes of a handler that wrote nothing
	}
	a.over = true
	return appResult{status: a.status, header: a.final, err: err}.settled(), a.body
}

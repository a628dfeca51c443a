package appcall

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
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Browser is what our own requests to the apps of a site take from the
// request of a browser. It is read once, before anything runs beside it: the
// replacer and the vars of a live request are not safe to read while a handler
// has it.
type Browser struct {
	server *caddyhttp.Server
	base   context.Context

	host, remoteAddr string
	tls              *tls.ConnectionState

	vars    map[string]any // what directives before us set: root, fs
	header  http.Header
	cookies []string // name=value, as the browser wrote them, without ours

	Deadline time.Time // of all that is done for it; zero: none
}

// Headers that say who asks. What else a browser sends is about its own
// request: conditions, ranges, a body, an encoding that we could not read.
var headersOfBrowser = []string{"Authorization", "User-Agent", "Accept-Language", "Forwarded", "X-Real-Ip"}

// Snapshot reads a request of the browser to own.
func Snapshot(r *http.Request, own origin.Origin) Browser {
	ctx := r.Context()
	from := Browser{host: r.Host, remoteAddr: r.RemoteAddr, tls: r.TLS, header: make(http.Header)}
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

// Call is one request of ours to an app.
type Call struct {
	Method, URI       string
	Header            http.Header // besides the usual
	ContentType, Body string
	KeepBody          bool // of the answer
}

// newRequest makes the request that a server would make of one from a browser.
func (from Browser) newRequest(ctx context.Context, w http.ResponseWriter, c Call, cookies []string) (*http.Request, error) {
	u, err := url.ParseRequestURI(c.URI)
	if err != nil {
		return nil, errors.New("the path is none")
	}
	r := &http.Request{
		Method: c.Method, URL: u, RequestURI: c.URI, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: from.header.Clone(), Host: from.host, RemoteAddr: from.remoteAddr, TLS: from.tls, Body: http.NoBody,
	}
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	maps.Copy(r.Header, c.Header)
	if c.ContentType != "" {
		r.Header.Set("Content-Type", c.ContentType)
	}
	if c.Body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.Body)), int64(len(c.Body))
	}
	if c.Method != http.MethodGet {
		r.Header.Set("Content-Length", strconv.Itoa(len(c.Body))) // FastCGI reads the header
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
func (from Browser) send(next caddyhttp.Handler, c Call, cookies []string, deadline time.Time) Result {
	if !time.Now().Before(deadline) {
		return Result{Err: context.DeadlineExceeded}
	}
	answer := newCallAnswer(c.KeepBody, deadline)
	return answer.await(from.base, next, func(ctx context.Context) (*http.Request, error) {
		return from.newRequest(ctx, answer, c, cookies)
	})
}

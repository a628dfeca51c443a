package appcall

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/nested"
)

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
	r = caddyhttp.PrepareRequest(r.WithContext(nested.WithOwnCall(ctx)), caddy.NewReplacer(), w, from.server)
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

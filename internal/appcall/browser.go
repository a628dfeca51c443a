package appcall

import (
	"context"
	"crypto/tls"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
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

// BrowserOf reads a request of the browser to own.
func BrowserOf(r *http.Request, own origin.Origin) Browser {
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

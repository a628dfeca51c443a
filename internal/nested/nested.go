// Package nested lets handlers of ours tell each other about one request: the
// handler of a site may stand in front of the handler of an app in a block, in
// error routes, and behind a call of our own.
package nested

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// signals go to the handlers behind the one that sets them, with the context.
type signals struct {
	ownCall   bool // the request is a call of ours, not a browser's
	hasStream bool // it is a stream, and somebody sees to it that it ends
	answer    any  // who waits for the answer to a logout
}

type signalsKey struct{}

func of(ctx context.Context) signals {
	s, _ := ctx.Value(signalsKey{}).(signals)
	return s
}

// WithOwnCall marks a request as a call of ours.
func WithOwnCall(ctx context.Context) context.Context {
	s := of(ctx)
	s.ownCall = true
	return context.WithValue(ctx, signalsKey{}, s)
}

// IsOwnCall reports whether a request is a call of ours.
func IsOwnCall(r *http.Request) bool { return of(r.Context()).ownCall }

// WithStream says that a stream is watched.
func WithStream(ctx context.Context) context.Context {
	s := of(ctx)
	s.hasStream = true
	return context.WithValue(ctx, signalsKey{}, s)
}

// HasStream reports whether a handler in front watches this stream.
func HasStream(r *http.Request) bool { return of(r.Context()).hasStream }

// WithAnswer says who waits for the answer to a logout.
func WithAnswer(ctx context.Context, answer any) context.Context {
	s := of(ctx)
	s.answer = answer
	return context.WithValue(ctx, signalsKey{}, s)
}

// Answer is what WithAnswer was given last, nil if nobody waits.
func Answer(r *http.Request) any { return of(r.Context()).answer }

// Names in Caddy's vars, which a request's error routes see, too: they do not get
// the context of the handlers before.
const (
	continuedVar = "universal_logout.continued"
	refusalVar   = "universal_logout.refusal"
)

// SetContinued says that somebody has looked whether a logout goes on here.
func SetContinued(r *http.Request) { caddyhttp.SetVar(r.Context(), continuedVar, true) }

// IsContinued reports whether a handler in front has looked for that.
func IsContinued(r *http.Request) bool { return caddyhttp.GetVar(r.Context(), continuedVar) != nil }

// SetRefusal tells what was taken out of a request, because it is refused.
func SetRefusal(r *http.Request, refusal any) { caddyhttp.SetVar(r.Context(), refusalVar, refusal) }

// Refusal is what SetRefusal was given last, nil if nothing was taken out.
func Refusal(r *http.Request) any { return caddyhttp.GetVar(r.Context(), refusalVar) }

// Package enforce refuses sessions that are over: in cookies, headers and paths,
// in streams that are open, and in answers that would set them again.
package enforce

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/finalheader"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// What an app gets of a request that presents a session which is over.
const (
	Strip    = "strip"    // the request without it
	Reject   = "reject"   // nothing: 401
	Redirect = "redirect" // nothing: people are sent elsewhere
)

var errRevoked = errors.New("the session is over")

// Policy is what one app wants of requests that present a session which is
// over, and how such a session is told.
type Policy struct {
	Sessions    *cookie.Rules
	Headers     []string // that hold credentials, as net/http spells them
	CookiePaths []string // that cookies of the app may be limited to
	NamesKept   bool     // it names cookies that are never touched
	ReadsJWT    bool     // cookies say themselves whose sessions they are
	OnRevoked   string   // Strip, if it is empty
	RedirectTo  string   // the address behind Redirect

	AddressesOnly bool // it serves our own addresses only, which are for several apps
	InBlock       bool // it knows its app better than the one for the whole site

	// EndsSignOn reports whether a request ends a sign-on behind this very edge.
	EndsSignOn func(r *http.Request) bool

	Edge   *Edge
	Logger func() *zap.Logger
}

// Edge is what all policies share.
type Edge struct {
	List    *atomic.Pointer[revocation.List] // nil until it is open
	Await   func(context.Context) *revocation.List
	Streams *Streams
	Work    *work.Runner
	Now     func() time.Time
	Refused func(kind string) // counts what was refused: "cookie", "header" or "stream"
}

// Serve is how a request that is no business of ours goes on to the app:
// without what is refused. That costs nothing while nothing is, and w is only
// wrapped when something was.
func (p *Policy) Serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, navigation bool) error {
	list := p.Edge.List.Load()
	if list == nil {
		if list = p.Edge.Await(r.Context()); list == nil {
			return next.ServeHTTP(w, r)
		}
	}
	version := list.Version() // before anything is looked at: what changes from now on is seen later
	if !list.IsEmpty() && strings.IndexByte(r.URL.Path, ';') >= 0 {
		p.takeRefusedParameters(list, r)
	}
	// What our own calls present, and what a browser brings to a sign-on that it
	// is to end, is refused: that is why.
	if !list.IsEmpty() && p.isRefused(list, r) && !nested.IsOwnCall(r) {
		if p.EndsSignOn(r) {
			return p.serveSignOnEnd(w, r, next, list)
		}
		return p.serveRefused(w, r, next, list, version)
	}
	return p.serveWatched(w, r, next, list, version, navigation)
}

// serveWatched sees to it that what is revoked while the app has the request
// does not live on: as a stream, or as what its answer sets.
func (p *Policy) serveWatched(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, list *revocation.List, version uint64, navigation bool) error {
	if isStream(r, navigation) {
		return p.serveStream(w, r, next, list, version)
	}
	// Also when a body breaks off, which is a panic: the browser may have the
	// header.
	defer p.lookBack(w, r, r.Header, list, version)
	return next.ServeHTTP(w, r)
}

// lookBack is what a request pays afterwards. The header is the one that it
// came with, whatever handlers made of it.
func (p *Policy) lookBack(w http.ResponseWriter, r *http.Request, hdr http.Header, list *revocation.List, version uint64) {
	if list.Version() != version {
		p.revokeSetAgain(w.Header(), r, hdr["Cookie"], list)
	}
}

// isRefused reports whether anything in a request is. Our own addresses have
// no say in it: they are for several apps, each with a handler of its own.
func (p *Policy) isRefused(list *revocation.List, r *http.Request) bool {
	switch {
	case p.AddressesOnly:
		return false
	case p.refusesCookies(list, r.Header["Cookie"]), len(p.Headers) > 0 && p.refusesHeaders(list, r.Header):
		return true
	case p.InBlock && p.OnRevoked != "":
		return p.leftToUs(r) != nil
	}
	return false
}

// leftToUs is what a handler for the whole site took out of the request, and
// left it to this one, which knows the app better, what to make of it.
func (p *Policy) leftToUs(r *http.Request) *refusal {
	if ref, _ := nested.Refusal(r).(*refusal); ref != nil && !slices.Contains(ref.seenBy, p) {
		return ref
	}
	return nil
}

// serveRefused answers a request of which something is refused, or lets the
// app have the rest of it.
func (p *Policy) serveRefused(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, list *revocation.List, version uint64) error {
	ref := p.takeRefused(list, r)
	if name := p.takeRefusedHeaders(list, r.Header); name != "" {
		return p.refuseHeader(w, r, name, ref)
	}
	if ref == nil {
		ref = p.leftToUs(r)
	} else {
		p.Edge.Refused("cookie")
		nested.SetRefusal(r, ref)
	}
	if ref == nil {
		return p.serveWatched(w, r, next, list, version, false) // refused no longer: that has just expired
	}
	ref.seenBy = append(ref.seenBy, p)
	if answered, err := p.answerRefused(w, r, ref); answered {
		return err
	}
	clean := finalheader.New(w, func(hdr http.Header) {
		dropRefused(hdr, list, p.Edge.Now())
		ref.expire(hdr)
	})
	err := p.serveWatched(clean, r, next, list, version, false)
	clean.Finish()
	return err
}

// answerRefused does what on_revoked says. It reports whether that was all.
func (p *Policy) answerRefused(w http.ResponseWriter, r *http.Request, ref *refusal) (answered bool, err error) {
	if len(ref.names) == 0 {
		return false, nil // beside it is what may be a new session
	}
	switch p.OnRevoked {
	case Reject:
		return true, p.reject(w, r, ref)
	case Redirect:
	default:
		return false, nil
	}
	if !guard.CallerOf(r).Navigation {
		ref.expire(w.Header())
		return true, pages.WriteError(w, r, http.StatusUnauthorized)
	}
	// A browser that keeps the cookie whatever we say goes there once only.
	seen := cookie.Value(r.Header["Cookie"], cookie.OwnName(ref.own, revokedCookie)) == ref.digest
	if seen || p.isRevokedTo(r, ref.own) {
		return false, nil
	}
	ref.expire(w.Header())
	w.Header().Add("Set-Cookie", cookie.Own(ref.own, revokedCookie, ref.digest, revokedLifetime))
	return true, pages.Redirect(w, p.RedirectTo)
}

// isRevokedTo reports whether a request is for the very place that people with
// a refused session are sent to.
func (p *Policy) isRevokedTo(r *http.Request, own origin.Origin) bool {
	target := p.RedirectTo
	if local, found := strings.CutPrefix(target, own.String()); found {
		target = local
	}
	path := target[:strings.IndexAny(target+"?", "?#")]
	return path == inbound.URL(r).EscapedPath() || path == "" && inbound.URL(r).Path == "/"
}

// reject leaves the answer to the site's error routes.
func (*Policy) reject(w http.ResponseWriter, r *http.Request, ref *refusal) error {
	ref.expire(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.universal_logout.reason", "revoked")
	}
	return caddyhttp.Error(http.StatusUnauthorized, errRevoked)
}

// refuseHeader: programs that send a credential in a header know this answer.
func (p *Policy) refuseHeader(w http.ResponseWriter, r *http.Request, name string, ref *refusal) error {
	p.Edge.Refused("header")
	if name == headerAuthorization {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 3.1
	}
	if p.OnRevoked == Reject {
		return p.reject(w, r, ref)
	}
	ref.expire(w.Header())
	return pages.WriteErrorJSON(w, http.StatusUnauthorized)
}

// revokeSetAgain looks at an answer that was under way while something was
// revoked. If that was the session of its request, then what the answer set is
// the same session under a new name (CK-19).
func (p *Policy) revokeSetAgain(hdr http.Header, r *http.Request, cookies []string, list *revocation.List) {
	lines := hdr["Set-Cookie"]
	if len(lines) == 0 || !p.refusesCookies(list, cookies) || nested.IsOwnCall(r) || p.AddressesOnly {
		return
	}
	var again []revocation.Revocation
	now := p.Edge.Now()
	for _, line := range lines[:min(len(lines), cookie.MaxSessionCookies)] {
		sc := cookie.ParseSet(line, now)
		if sc.Expired || !p.Sessions.Is(sc.Name, sc.Value) {
			continue
		}
		if c, ok := credentialOf(list, sc.Value, now); ok && !list.RefusesFingerprint(c.Fingerprint) && len(again) < maxRevoked {
			again = append(again, list.OfCredential(c.Fingerprint, c.Until))
		}
	}
	if len(again) == 0 {
		return
	}
	p.Edge.Work.Background("refusing what an answer set again", func(ctx context.Context) {
		if err := list.Revoke(ctx, again...); err != nil {
			p.Logger().Error(NotDurable(err), zap.Error(err))
		}
	})
}

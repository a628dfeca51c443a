package universallogout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/pages"

	"github.com/universal-logout/caddy-universal-logout/internal/inbound"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// What an app gets of a request that presents a session which is over.
const (
	revokedStrip    = "strip"    // the request without it
	revokedReject   = "reject"   // nothing: 401
	revokedRedirect = "redirect" // nothing: people are sent elsewhere
)

var errRevoked = errors.New("the session is over")

// compileOnRevoked needs the paths and the prefix.
func (h *Handler) compileOnRevoked() (err error) {
	what, target, found := strings.Cut(h.OnRevoked, " ")
	switch what {
	case "", revokedStrip, revokedReject:
		if found {
			return fmt.Errorf("on_revoked: %q: only redirect has an address behind it", h.OnRevoked)
		}
	case revokedRedirect:
		if h.revokedTo, err = h.compileTarget("on_revoked", strings.TrimSpace(target)); err != nil {
			return err
		}
		if h.revokedTo == "" {
			return errors.New("on_revoked: redirect where? write a path like /login or a URL like https://www.example.com/ behind it")
		}
	default:
		return fmt.Errorf("on_revoked: %q is none of strip, reject, redirect <url>", what)
	}
	h.onRevoked = what
	return nil
}

// serveApp is how a request that is no business of ours goes on to the app:
// without what is refused. That costs nothing while nothing is, and w is only
// wrapped when something was.
func (h *Handler) serveApp(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, navigation bool) error {
	list := h.app.shared.revocations.list.Load()
	if list == nil {
		if list = h.app.awaitList(r.Context()); list == nil {
			return next.ServeHTTP(w, r)
		}
	}
	version := list.Version() // before anything is looked at: what changes from now on is seen later
	if !list.IsEmpty() && strings.IndexByte(r.URL.Path, ';') >= 0 {
		h.takeRefusedParameters(list, r)
	}
	// What our own calls present, and what a browser brings to a sign-on that it
	// is to end, is refused: that is why.
	if !list.IsEmpty() && h.isRefused(list, r) && !inbound.IsOwnCall(r) {
		if h.endsSignOn(r) {
			return h.serveSignOnEnd(w, r, next, list)
		}
		return h.serveRefused(w, r, next, list, version)
	}
	return h.serveWatched(w, r, next, list, version, navigation)
}

// serveWatched sees to it that what is revoked while the app has the request
// does not live on: as a stream, or as what its answer sets.
func (h *Handler) serveWatched(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, list *revocation.List, version uint64, navigation bool) error {
	if isStream(r, navigation) {
		return h.serveStream(w, r, next, list, version)
	}
	// Also when a body breaks off, which is a panic: the browser may have the
	// header.
	defer h.lookBack(w, r, r.Header, list, version)
	return next.ServeHTTP(w, r)
}

// lookBack is what a request pays afterwards. The header is the one that it
// came with, whatever handlers made of it.
func (h *Handler) lookBack(w http.ResponseWriter, r *http.Request, header http.Header, list *revocation.List, version uint64) {
	if list.Version() != version {
		h.revokeSetAgain(w.Header(), r, header["Cookie"], list)
	}
}

// isRefused reports whether anything in a request is. Our own addresses have
// no say in it: they are for several apps, each with a handler of its own.
func (h *Handler) isRefused(list *revocation.List, r *http.Request) bool {
	switch {
	case h.Role == roleAddresses:
		return false
	case h.refusesCookies(list, r.Header["Cookie"]), len(h.headers) > 0 && h.refusesHeaders(list, r.Header):
		return true
	case h.Role == roleApp && h.onRevoked != "":
		return h.leftToUs(r) != nil
	}
	return false
}

// leftToUs is what a handler for the whole site took out of the request, and
// left it to this one, which knows the app better, what to make of it.
func (h *Handler) leftToUs(r *http.Request) *refusal {
	if ref, _ := caddyhttp.GetVar(r.Context(), refusalVar).(*refusal); ref != nil && !slices.Contains(ref.handlers, h) {
		return ref
	}
	return nil
}

// serveRefused answers a request of which something is refused, or lets the
// app have the rest of it.
func (h *Handler) serveRefused(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, list *revocation.List, version uint64) error {
	ref := h.takeRefused(list, r)
	if name := h.takeRefusedHeaders(list, r.Header); name != "" {
		return h.refuseHeader(w, r, name, ref)
	}
	if ref == nil {
		ref = h.leftToUs(r)
	} else {
		h.app.refused("cookie")
		caddyhttp.SetVar(r.Context(), refusalVar, ref)
	}
	if ref == nil {
		return h.serveWatched(w, r, next, list, version, false) // refused no longer: that has just expired
	}
	ref.handlers = append(ref.handlers, h)
	if answered, err := h.answerRefused(w, r, ref); answered {
		return err
	}
	clean := newFinalHeader(w, func(hdr http.Header) {
		dropRefused(hdr, list, h.app.now())
		ref.expire(hdr)
	})
	err := h.serveWatched(clean, r, next, list, version, false)
	clean.finish()
	return err
}

// answerRefused does what on_revoked says. It reports whether that was all.
func (h *Handler) answerRefused(w http.ResponseWriter, r *http.Request, ref *refusal) (answered bool, err error) {
	if len(ref.names) == 0 {
		return false, nil // beside it is what may be a new session
	}
	switch h.onRevoked {
	case revokedReject:
		return true, h.reject(w, r, ref)
	case revokedRedirect:
	default:
		return false, nil
	}
	if !guard.CallerOf(r).Navigation {
		ref.expire(w.Header())
		return true, pages.WriteError(w, r, http.StatusUnauthorized)
	}
	// A browser that keeps the cookie whatever we say goes there once only.
	seen := cookie.Value(r.Header["Cookie"], cookie.OwnName(ref.own, revokedCookie)) == ref.digest
	if seen || h.isRevokedTo(r, ref.own) {
		return false, nil
	}
	ref.expire(w.Header())
	w.Header().Add("Set-Cookie", cookie.Own(ref.own, revokedCookie, ref.digest, revokedLifetime))
	return true, pages.Redirect(w, h.revokedTo)
}

// isRevokedTo reports whether a request is for the very place that people with
// a refused session are sent to.
func (h *Handler) isRevokedTo(r *http.Request, own origin.Origin) bool {
	target := h.revokedTo
	if local, found := strings.CutPrefix(target, own.String()); found {
		target = local
	}
	path := target[:strings.IndexAny(target+"?", "?#")]
	return path == inbound.URL(r).EscapedPath() || path == "" && inbound.URL(r).Path == "/"
}

// reject leaves the answer to the site's error routes.
func (*Handler) reject(w http.ResponseWriter, r *http.Request, ref *refusal) error {
	ref.expire(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.universal_logout.reason", "revoked")
	}
	return caddyhttp.Error(http.StatusUnauthorized, errRevoked)
}

// refuseHeader: programs that send a credential in a header know this answer.
func (h *Handler) refuseHeader(w http.ResponseWriter, r *http.Request, name string, ref *refusal) error {
	h.app.refused("header")
	if name == headerAuthorization {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 3.1
	}
	if h.onRevoked == revokedReject {
		return h.reject(w, r, ref)
	}
	ref.expire(w.Header())
	return pages.WriteJSON(w, http.StatusUnauthorized, pages.LogoutAnswer{Message: pages.TextStatus[http.StatusUnauthorized].Text})
}

// revokeSetAgain looks at an answer that was under way while something was
// revoked. If that was the session of its request, then what the answer set is
// the same session under a new name (CK-19).
func (h *Handler) revokeSetAgain(hdr http.Header, r *http.Request, cookies []string, list *revocation.List) {
	lines := hdr["Set-Cookie"]
	if len(lines) == 0 || !h.refusesCookies(list, cookies) || inbound.IsOwnCall(r) || h.Role == roleAddresses {
		return
	}
	var again []revocation.Revocation
	now := h.app.now()
	for _, line := range lines[:min(len(lines), cookie.MaxSessionCookies)] {
		sc := cookie.ParseSet(line, now)
		if sc.Expired || !h.sessions.Is(sc.Name, sc.Value) {
			continue
		}
		if c, ok := revocableOf(list, sc.Value, now); ok && !list.RefusesFingerprint(c.fingerprint) && len(again) < maxRevoked {
			again = append(again, list.OfCredential(c.fingerprint, c.until))
		}
	}
	if len(again) == 0 {
		return
	}
	h.app.work.Background("refusing what an answer set again", func(ctx context.Context) {
		if err := list.Revoke(ctx, again...); err != nil {
			h.logger.Error(notDurable(err), zap.Error(err))
		}
	})
}

// refused counts what was refused: "cookie", "header" or "stream".
func (a *App) refused(kind string) {
	if c := a.logger.Check(zap.DebugLevel, "refused a session that is over"); c != nil {
		c.Write(zap.String("kind", kind))
	}
	a.metrics.countRefused(kind)
	a.emitRefused(kind)
}

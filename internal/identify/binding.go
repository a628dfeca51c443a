package identify

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/finalheader"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// Behind lets requests through to next, and binds their session cookies to the
// user whom the auth layer names. What is refused is gone from them before.
func (src *Source) Behind(next caddyhttp.Handler) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return src.serve(w, r, next) })
}

func (src *Source) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	list := src.List()
	if list == nil || nested.IsOwnCall(r) {
		return next.ServeHTTP(w, r)
	}
	b := binding{src: src, list: list, r: r, began: src.Now()}
	settled, all := b.isSettled()
	if !all {
		return caddyhttp.Error(http.StatusRequestHeaderFieldsTooLarge, errTooManySessions)
	}
	if settled {
		err := next.ServeHTTP(w, r)
		if err == nil {
			// Late, and whatever the status is, but of a session that was
			// bound before: apps that encrypt it anew with every answer.
			b.bindSet(w.Header()["Set-Cookie"])
		}
		return err
	}
	// Before the browser sees the answer, and only if the status says that the
	// user was let in.
	answer := finalheader.Watch(w, func(status int, hdr http.Header) {
		if status < http.StatusBadRequest {
			b.bindPresented()
			b.bindSet(hdr["Set-Cookie"])
		}
	})
	err := next.ServeHTTP(answer, r)
	if err == nil {
		answer.Finish() // of handlers that write nothing at all
	}
	return err
}

var errTooManySessions = errors.New("more session cookies than any browser sends")

// binding is what one request can tell.
type binding struct {
	src     *Source
	list    *revocation.List
	r       *http.Request
	began   time.Time // sessions that began after this moment are other ones
	unbound []revocation.Fingerprint
}

// isSettled reports whether all session cookies that are presented are bound
// already. It notes those that are not: handlers may change the header. all is
// false if there are more than can be: one of them could stay unbound.
func (b *binding) isSettled() (settled, all bool) {
	presented := 0
	cookie.Each(b.r.Header["Cookie"], func(name, value string) bool {
		if f, ok := b.list.Fingerprint(value); ok && b.src.Sessions.Is(name, value) {
			if presented++; !b.list.IsBound(f) {
				b.unbound = append(b.unbound, f)
			}
		}
		return presented <= cookie.MaxSessionCookies
	})
	return presented > 0 && len(b.unbound) == 0, presented <= cookie.MaxSessionCookies
}

// bindPresented binds what came with the request.
func (b *binding) bindPresented() {
	if sub := b.src.subjectOf(b.r); sub != "" {
		for _, f := range b.unbound {
			b.bind(f, sub)
		}
	}
}

// bindSet binds what an answer gives the browser, so that the first request
// with it is bound already.
func (b *binding) bindSet(lines []string) {
	if len(lines) == 0 {
		return
	}
	sub := b.src.subjectOf(b.r)
	if sub == "" {
		return
	}
	for _, line := range lines[:min(len(lines), cookie.MaxSessionCookies)] {
		c := cookie.ParseSet(line, b.began)
		if c.Name == "" || c.Expired || !b.src.Sessions.Is(c.Name, c.Value) {
			continue
		}
		if f, ok := b.list.Fingerprint(c.Value); ok && !b.list.IsBound(f) {
			b.bind(f, sub)
		}
	}
}

func (b *binding) bind(f revocation.Fingerprint, sub string) {
	s := revocation.Session{Issuer: b.src.Issuer(), Sub: sub, Started: b.began}
	if b.src.budget.take(sub, b.began) && b.list.Bind(f, s) {
		return
	}
	b.src.failed.Do(func() {
		b.src.Logger().Warn("a session cookie stays unbound: another user had the same one before, or one user has too many; said once")
	})
}

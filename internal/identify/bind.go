package identify

import (
	"errors"
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/finalheader"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// Behind lets requests through to next, and binds their session cookies to the
// user whom the auth layer names. What is refused is gone from them before.
func (id *Source) Behind(next caddyhttp.Handler) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return id.serve(w, r, next) })
}

func (id *Source) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	list := id.List()
	if list == nil || nested.IsOwnCall(r) {
		return next.ServeHTTP(w, r)
	}
	b := binding{id: id, list: list, r: r, began: id.Now()}
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
	answer := finalheader.New(w, func(status int, hdr http.Header) {
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
	id      *Source
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
		if f, ok := b.list.Fingerprint(value); ok && b.id.Sessions.Is(name, value) {
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
	if sub := b.id.subjectOf(b.r); sub != "" {
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
	sub := b.id.subjectOf(b.r)
	if sub == "" {
		return
	}
	for _, line := range lines[:min(len(lines), cookie.MaxSessionCookies)] {
		c := cookie.ParseSet(line, b.began)
		if c.Name == "" || c.Expired || !b.id.Sessions.Is(c.Name, c.Value) {
			continue
		}
		if f, ok := b.list.Fingerprint(c.Value); ok && !b.list.IsBound(f) {
			b.bind(f, sub)
		}
	}
}

func (b *binding) bind(f revocation.Fingerprint, sub string) {
	s := revocation.Session{Issuer: b.id.Issuer(), Sub: sub, Started: b.began}
	if b.id.budget.take(sub, b.began) && b.list.Bind(f, s) {
		return
	}
	b.id.failed.Do(func() {
		b.id.Logger().Warn("a session cookie stays unbound: another user had the same one before, or one user has too many; said once")
	})
}

const (
	maxBindingsPerDay = 1000
	maxBudgets        = 1 << 16
)

// bindingBudget: nobody who is let in can make up so many session cookies that
// there is no room for those of others.
type bindingBudget struct {
	mu    sync.Mutex
	day   int64
	seed  maphash.Seed
	taken map[uint64]int
}

func (bb *bindingBudget) take(sub string, now time.Time) bool {
	bb.mu.Lock()
	defer bb.mu.Unlock()
	day := now.Unix() / (24 * 60 * 60)
	if bb.taken == nil || day != bb.day || len(bb.taken) >= maxBudgets {
		bb.day, bb.seed, bb.taken = day, maphash.MakeSeed(), make(map[uint64]int)
	}
	user := maphash.String(bb.seed, sub)
	if bb.taken[user] >= maxBindingsPerDay {
		return false
	}
	bb.taken[user]++
	return true
}

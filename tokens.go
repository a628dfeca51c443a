package universallogout

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// tokensIn finds the tokens of a logout where the site says that they are, and
// in session cookies that are called so.
func (h *Handler) tokensIn(r *http.Request, presented []cookie.Cookie) provider.Tokens {
	if h.run.provider == nil || h.run.provider.IsPortal() {
		return provider.Tokens{}
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	said := func(placeholder string) []string {
		if placeholder == "" || repl == nil {
			return nil
		}
		token := strings.TrimPrefix(repl.ReplaceAll(placeholder, ""), "Bearer ") // all of Authorization
		if token == "" {
			return nil
		}
		return []string{token}
	}
	return h.run.provider.TokensIn(presented, provider.Tokens{ID: said(h.IDToken), Access: said(h.AccessToken), Refresh: said(h.RefreshToken)})
}

// tokensBudget is how long a logout waits for its tokens to be revoked
// (REV-10); the rest of it goes on without the browser.
const tokensBudget = 2 * time.Second

// endTokens revokes the tokens of a logout, and calls server_logout. The app
// has had its turn by now, and may have needed them (REV-09: refresh first,
// for access tokens go with it). If the browser has its answer already, nobody
// waits.
func (l *logout) endTokens(answered bool) {
	p, t := l.h.run.provider, l.tokens
	if p == nil || t.None() {
		return
	}
	ids := make([]string, 0, 2)
	for _, c := range l.h.clients() {
		ids = append(ids, c.ID)
	}
	done := l.h.edge.work.Background("token revocation", func(ctx context.Context) { p.EndTokens(ctx, ids, t) })
	if answered {
		return
	}
	wait := time.NewTimer(min(tokensBudget, max(0, time.Until(l.deadline))))
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	}
}

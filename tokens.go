package universallogout

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
)

// tokensIn finds the tokens of a logout where the site says that they are, and
// in session cookies that are called so.
func (h *Handler) tokensIn(r *http.Request, presented []cookie.Cookie) (t provider.Tokens) {
	if h.provider == nil || h.provider.IsPortal() {
		return t
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	for _, configured := range []struct {
		placeholder string
		tokens      *[]string
	}{{h.IDToken, &t.Id}, {h.AccessToken, &t.Access}, {h.RefreshToken, &t.Refresh}} {
		if configured.placeholder == "" || repl == nil {
			continue
		}
		token := strings.TrimPrefix(repl.ReplaceAll(configured.placeholder, ""), "Bearer ") // all of Authorization
		if token != "" {
			provider.AddToken(configured.tokens, token)
			for _, c := range presented {
				if c.Value == token {
					t.Cookies = append(t.Cookies, c.Name)
				}
			}
		}
	}
	foreign := func(c cookie.Cookie) bool {
		claims, err := jwks.Peek(c.Value)
		return err == nil && claims.String("iss") != h.provider.Issuer
	}
	// An app that makes tokens of its own makes all of them.
	appsOwn := slices.ContainsFunc(presented, func(c cookie.Cookie) bool { return provider.IsTokenName(c.Name) && foreign(c) })
	for _, c := range presented {
		name := strings.ToLower(cookie.WithoutSecurityPrefix(c.Name))
		_, err := jwks.Peek(c.Value)
		switch isJWT := err == nil; {
		case isJWT && foreign(c), !isJWT && appsOwn:
			continue // no business of the provider, whatever it is called
		case slices.Contains(provider.RefreshTokenNames, name):
			provider.AddToken(&t.Refresh, c.Value)
		case slices.Contains(provider.AccessTokenNames, name):
			provider.AddToken(&t.Access, c.Value)
		case isJWT:
			provider.AddToken(&t.Id, c.Value)
		case slices.Contains(provider.IdTokenNames, name): // an encrypted one
		default:
			continue
		}
		t.Cookies = append(t.Cookies, c.Name)
	}
	return t
}

// tokensBudget is how long a logout waits for its tokens to be revoked
// (REV-10); the rest of it goes on without the browser.
const tokensBudget = 2 * time.Second

// endTokens revokes the tokens of a logout, and calls server_logout. The app
// has had its turn by now, and may have needed them (REV-09: refresh first,
// for access tokens go with it). If the browser has its answer already, nobody
// waits.
func (l *logout) endTokens(answered bool) {
	p, t := l.h.provider, l.tokens
	if p == nil || len(t.Id) == 0 && len(t.Access) == 0 && len(t.Refresh) == 0 {
		return
	}
	ids := make([]string, 0, 2)
	for _, c := range l.h.clients() {
		ids = append(ids, c.ID)
	}
	done := l.h.app.work.Background("token revocation", func(ctx context.Context) {
		p.Revoke(ctx, ids, t)
		if p.ServerLogout != nil {
			if token, ok := p.FirstIDToken(ctx, t.Id, ids); ok {
				p.LogoutOnServer(ctx, token)
			}
		}
	})
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

// getReady asks the provider, while the app is busy with its logout, what the
// visit will need to know.
func (a *App) getReady(ctx context.Context, own origin.Origin, v journey.Visit) {
	p := a.providers[v.Provider]
	if p == nil || p.IsPortal() {
		return
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(a.Timeout))
	defer stop()
	a.work.Guarded("asking the provider", func() { _, _ = a.wayTo(ctx, p, own, &v) })
}

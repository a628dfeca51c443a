package universallogout

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/oauth"
)

// presentedTokens are the provider's tokens that came with a logout.
type presentedTokens struct {
	id, access, refresh []string
	cookies             []string // the names of those that came as cookies
}

// Names under which apps keep tokens in cookies, as written by most.
var (
	idTokenNames      = []string{"idtoken", "id_token", "id-token"}
	accessTokenNames  = []string{"accesstoken", "access_token", "access-token"}
	refreshTokenNames = []string{"refreshtoken", "refresh_token", "refresh-token"}
)

// maxTokens of a kind are looked at.
const maxTokens = 4

// tokensIn finds the tokens of a logout where the site says that they are, and
// in session cookies that are called so.
func (h *Handler) tokensIn(r *http.Request, presented []cookie.Cookie) (t presentedTokens) {
	if h.provider == nil || h.provider.isPortal() {
		return t
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	for _, configured := range []struct {
		placeholder string
		tokens      *[]string
	}{{h.IDToken, &t.id}, {h.AccessToken, &t.access}, {h.RefreshToken, &t.refresh}} {
		if configured.placeholder == "" || repl == nil {
			continue
		}
		token := strings.TrimPrefix(repl.ReplaceAll(configured.placeholder, ""), "Bearer ") // all of Authorization
		if token != "" {
			addToken(configured.tokens, token)
			for _, c := range presented {
				if c.Value == token {
					t.cookies = append(t.cookies, c.Name)
				}
			}
		}
	}
	foreign := func(c cookie.Cookie) bool {
		claims, err := jwks.Peek(c.Value)
		return err == nil && claims.String("iss") != h.provider.Issuer
	}
	// An app that makes tokens of its own makes all of them.
	appsOwn := slices.ContainsFunc(presented, func(c cookie.Cookie) bool { return isTokenName(c.Name) && foreign(c) })
	for _, c := range presented {
		name := strings.ToLower(cookie.WithoutSecurityPrefix(c.Name))
		_, err := jwks.Peek(c.Value)
		switch isJWT := err == nil; {
		case isJWT && foreign(c), !isJWT && appsOwn:
			continue // no business of the provider, whatever it is called
		case slices.Contains(refreshTokenNames, name):
			addToken(&t.refresh, c.Value)
		case slices.Contains(accessTokenNames, name):
			addToken(&t.access, c.Value)
		case isJWT:
			addToken(&t.id, c.Value)
		case slices.Contains(idTokenNames, name): // an encrypted one
		default:
			continue
		}
		t.cookies = append(t.cookies, c.Name)
	}
	return t
}

func isTokenName(name string) bool {
	name = strings.ToLower(cookie.WithoutSecurityPrefix(name))
	return slices.Contains(idTokenNames, name) || slices.Contains(accessTokenNames, name) || slices.Contains(refreshTokenNames, name)
}

func addToken(tokens *[]string, token string) {
	if len(*tokens) < maxTokens && len(token) <= maxIDToken && !slices.Contains(*tokens, token) {
		*tokens = append(*tokens, token)
	}
}

// areAll reports whether cookies are nothing but the provider's tokens.
func (t presentedTokens) areAll(cookies []cookie.Cookie) bool {
	return len(cookies) > 0 && !slices.ContainsFunc(cookies, func(c cookie.Cookie) bool { return !slices.Contains(t.cookies, c.Name) })
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
	if p == nil || len(t.id) == 0 && len(t.access) == 0 && len(t.refresh) == 0 {
		return
	}
	ids := make([]string, 0, 2)
	for _, c := range l.h.clients() {
		ids = append(ids, c.ID)
	}
	done := l.h.app.background("token revocation", func(ctx context.Context) {
		p.revoke(ctx, ids, t)
		if p.ServerLogout != nil {
			if token, ok := p.firstIDToken(ctx, t.id, ids); ok {
				p.logoutOnServer(ctx, token)
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

// revoke asks the provider to forget tokens of the first client (RFC 7009).
func (p *Provider) revoke(ctx context.Context, clients []string, t presentedTokens) {
	if len(t.access) == 0 && len(t.refresh) == 0 {
		return
	}
	if len(clients) == 0 {
		p.app.logger.Warn("tokens are not revoked: write whose they are as client_id", zap.String("provider", p.name))
		return
	}
	m, err := p.endpoints(ctx)
	if m.Revocation == "" {
		p.app.logger.Warn("tokens are not revoked: no revocation_endpoint is known", zap.String("provider", p.name), zap.Error(err))
		return
	}
	client := p.authenticating(clients[0], m)
	var wg sync.WaitGroup
	revoke := func(token, kind string) {
		p.app.try(ctx, "token revocation", p.name, func(ctx context.Context) error {
			hc, err := p.httpClient(ctx, "revocation")
			if err != nil {
				return err
			}
			return client.Revoke(ctx, hc, m.Revocation, m.RevocationAuth, token, kind)
		})
	}
	for _, token := range t.refresh {
		wg.Go(func() { revoke(token, "refresh_token") })
	}
	wg.Wait()
	for _, token := range t.access {
		wg.Go(func() { revoke(token, "access_token") })
	}
	wg.Wait()
}

// retryAfter is how long each further try waits, if the server names no time.
var retryAfter = []time.Duration{time.Second, 5 * time.Second, 25 * time.Second}

const (
	tryTimeout        = 10 * time.Second
	backgroundTimeout = 3 * time.Minute
)

// try does something now and, while the server is not ready for it, three
// times more (REV-08, REV-10).
func (a *App) try(ctx context.Context, what, provider string, do func(context.Context) error) {
	for round := 0; ; round++ {
		once, stop := context.WithTimeout(ctx, tryTimeout)
		err := a.caught(what, func() error { return do(once) })
		stop()
		var later *oauth.RetryError
		switch {
		case err == nil:
			return
		case !errors.As(err, &later) || round == len(a.retries):
			a.logger.Warn(what+" failed", zap.String("provider", provider), zap.Error(err))
			return
		}
		wait := a.retries[round]
		if later.After > 0 {
			wait = later.After
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			a.logger.Warn(what+" failed", zap.String("provider", provider), zap.Error(err))
			return
		}
	}
}

// background does work that a logout does not wait for to the end. There is a
// limit to it; beyond, the work is not done, and the log says so.
func (a *App) background(what string, do func(context.Context)) (done <-chan struct{}) {
	finished := make(chan struct{})
	select {
	case a.shared.background <- struct{}{}:
	default:
		a.logger.Error("too much is waiting for providers; left undone: " + what)
		close(finished)
		return finished
	}
	go func() {
		defer close(finished)
		defer func() { <-a.shared.background }()
		// It outlives the request and, so that a reload loses nothing, the
		// configuration too.
		ctx, stop := context.WithTimeout(context.Background(), backgroundTimeout)
		defer stop()
		a.guarded(what, func() { do(ctx) })
	}()
	return finished
}

// guarded: outside a request nobody else catches a panic.
func (a *App) guarded(what string, do func()) {
	defer func() {
		if p := recover(); p != nil {
			a.logger.Error("panic in "+what, zap.Any("panic", p), zap.Stack("stack"))
		}
	}()
	do()
}

var errPanicked = errors.New("a panic; the log has it")

// caught makes an error of a panic. What runs in goroutines of its own needs
// it, for there a panic ends the whole server.
func (a *App) caught(what string, do func() error) error {
	err := errPanicked
	a.guarded(what, func() { err = do() })
	return err
}

// getReady asks the provider, while the app is busy with its logout, what the
// visit will need to know.
func (a *App) getReady(ctx context.Context, own origin.Origin, v visit) {
	p := a.providers[v.Provider]
	if p == nil || p.isPortal() {
		return
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(a.Timeout))
	defer stop()
	a.guarded("asking the provider", func() { _, _ = a.wayTo(ctx, p, own, &v) })
}

package provider

import (
	"context"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
)

// Tokens are the provider's tokens that came with a logout.
type Tokens struct {
	ID, Access, Refresh []string
	Cookies             []string // the names of those that came as cookies
}

// Names under which apps keep tokens in cookies, as written by most.
var (
	idTokenNames      = []string{"idtoken", "id_token", "id-token"}
	accessTokenNames  = []string{"accesstoken", "access_token", "access-token"}
	refreshTokenNames = []string{"refreshtoken", "refresh_token", "refresh-token"}
)

// maxTokens of a kind are looked at.
const maxTokens = 4

// TokensIn finds the provider's tokens among the cookies of a logout, in those
// that are called so. What the site says itself of its tokens is in said, and
// comes first.
func (p *Provider) TokensIn(presented []cookie.Cookie, said Tokens) (t Tokens) {
	for _, kind := range []struct {
		said   []string
		tokens *[]string
	}{{said.ID, &t.ID}, {said.Access, &t.Access}, {said.Refresh, &t.Refresh}} {
		for _, token := range kind.said {
			addToken(kind.tokens, token)
			for _, c := range presented {
				if c.Value == token {
					t.Cookies = append(t.Cookies, c.Name)
				}
			}
		}
	}
	foreign := func(c cookie.Cookie) bool {
		claims, err := jwks.Peek(c.Value)
		return err == nil && claims.String("iss") != p.Issuer
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
			addToken(&t.Refresh, c.Value)
		case slices.Contains(accessTokenNames, name):
			addToken(&t.Access, c.Value)
		case isJWT:
			addToken(&t.ID, c.Value)
		case slices.Contains(idTokenNames, name): // an encrypted one
		default:
			continue
		}
		t.Cookies = append(t.Cookies, c.Name)
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

// None reports whether there is nothing to end.
func (t Tokens) None() bool { return len(t.ID) == 0 && len(t.Access) == 0 && len(t.Refresh) == 0 }

// AreAll reports whether cookies are nothing but the provider's tokens.
func (t Tokens) AreAll(cookies []cookie.Cookie) bool {
	return len(cookies) > 0 && !slices.ContainsFunc(cookies, func(c cookie.Cookie) bool { return !slices.Contains(t.Cookies, c.Name) })
}

// EndTokens revokes the tokens of a logout, as the first client, and calls
// server_logout for the session of an ID token among them. It takes as long as
// the provider does.
func (p *Provider) EndTokens(ctx context.Context, clients []string, t Tokens) {
	p.revoke(ctx, clients, t)
	if p.ServerLogout == nil {
		return
	}
	if token, ok := p.FirstIDToken(ctx, t.ID, clients); ok {
		p.LogoutOnServer(ctx, token)
	}
}

// revoke asks the provider to forget tokens of the first client (RFC 7009):
// refresh tokens first, for access tokens go with them (REV-09).
func (p *Provider) revoke(ctx context.Context, clients []string, t Tokens) {
	if len(t.Access) == 0 && len(t.Refresh) == 0 {
		return
	}
	if len(clients) == 0 {
		p.env.Logger().Warn("tokens are not revoked: write whose they are as client_id", zap.String("provider", p.Name))
		return
	}
	m, err := p.Endpoints(ctx)
	if m.Revocation == "" {
		p.env.Logger().Warn("tokens are not revoked: no revocation_endpoint is known", zap.String("provider", p.Name), zap.Error(err))
		return
	}
	client := p.clientFor(clients[0], m)
	var wg sync.WaitGroup
	revoke := func(token, kind string) {
		p.env.Work.Try(ctx, "token revocation", p.Name, func(ctx context.Context) error {
			hc, err := p.httpClient(ctx, "revocation")
			if err != nil {
				return err
			}
			return client.Revoke(ctx, hc, m.Revocation, m.RevocationAuth, token, kind)
		})
	}
	for _, token := range t.Refresh {
		wg.Go(func() { revoke(token, "refresh_token") })
	}
	wg.Wait()
	for _, token := range t.Access {
		wg.Go(func() { revoke(token, "access_token") })
	}
	wg.Wait()
}

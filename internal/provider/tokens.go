package provider

import (
	"context"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
)

// presentedTokens are the provider's tokens that came with a logout.
type Tokens struct {
	Id, Access, Refresh []string
	Cookies             []string // the names of those that came as cookies
}

// Names under which apps keep tokens in cookies, as written by most.
var (
	IdTokenNames      = []string{"idtoken", "id_token", "id-token"}
	AccessTokenNames  = []string{"accesstoken", "access_token", "access-token"}
	RefreshTokenNames = []string{"refreshtoken", "refresh_token", "refresh-token"}
)

// maxTokens of a kind are looked at.
const maxTokens = 4

func IsTokenName(name string) bool {
	name = strings.ToLower(cookie.WithoutSecurityPrefix(name))
	return slices.Contains(IdTokenNames, name) || slices.Contains(AccessTokenNames, name) || slices.Contains(RefreshTokenNames, name)
}

func AddToken(tokens *[]string, token string) {
	if len(*tokens) < maxTokens && len(token) <= maxIDToken && !slices.Contains(*tokens, token) {
		*tokens = append(*tokens, token)
	}
}

// areAll reports whether cookies are nothing but the provider's tokens.
func (t Tokens) AreAll(cookies []cookie.Cookie) bool {
	return len(cookies) > 0 && !slices.ContainsFunc(cookies, func(c cookie.Cookie) bool { return !slices.Contains(t.Cookies, c.Name) })
}

// revoke asks the provider to forget tokens of the first client (RFC 7009).
func (p *Provider) Revoke(ctx context.Context, clients []string, t Tokens) {
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
	client := p.authenticating(clients[0], m)
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

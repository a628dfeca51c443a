package provider

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
)

// idToken is one whose signature was verified.
type IdToken struct {
	Raw    string
	Client string // whose it is, "" if no client is known
	Claims jwks.Claims
}

var errNoIDToken = errors.New("no ID token of this provider and client")

const maxIDToken = 16 << 10

// verify reads an ID token of the provider for one of our clients. An expired
// one is as good: it names a session, and that is all it is used for.
func (p *Provider) Verify(ctx context.Context, raw string, clients []string) (IdToken, error) {
	if len(raw) > maxIDToken {
		return IdToken{}, errNoIDToken
	}
	if claims, err := jwks.Peek(raw); err != nil || claims.String("iss") != p.Issuer {
		return IdToken{}, errNoIDToken // not worth asking for keys
	}
	token, err := p.keys.Verify(ctx, raw)
	if err != nil {
		return IdToken{}, err
	}
	claims := token.Claims
	// JWT-06: not every token with a signature is an ID token. An access token
	// as hint is an error page at Keycloak, which says what is what in "typ".
	switch kind := strings.ToLower(token.Type); {
	case kind != "" && kind != "jwt",
		claims.String("iss") != p.Issuer,
		claims.String("sub") == "",
		claims.Has("events"),
		claims.Has("typ") && !strings.EqualFold(claims.String("typ"), "ID"),
		claims.Has("scope") || claims.Has("scp"):
		return IdToken{}, errNoIDToken
	}
	audience := claims.Strings("aud")
	for _, client := range clients {
		if slices.Contains(audience, client) {
			return IdToken{raw, client, claims}, nil
		}
	}
	if len(clients) == 0 && len(audience) > 0 {
		return IdToken{raw, "", claims}, nil
	}
	return IdToken{}, errNoIDToken // RPI-13: never mix clients
}

// firstIDToken is the first of some that is one.
func (p *Provider) FirstIDToken(ctx context.Context, candidates, clients []string) (IdToken, bool) {
	for _, raw := range candidates {
		if token, err := p.Verify(ctx, raw, clients); err == nil {
			return token, true
		}
	}
	return IdToken{}, false
}

// authRequest asks the provider silently who is signed in.
type AuthRequest struct {
	Client, RedirectURI    string
	State, Nonce, Verifier string
}

func (q AuthRequest) Url(endpoint string) string {
	return WithQuery(endpoint, url.Values{
		"response_type": {"code"}, "scope": {"openid"}, "prompt": {"none"},
		"client_id": {q.Client}, "redirect_uri": {q.RedirectURI},
		"state": {q.State}, "nonce": {q.Nonce},
		"code_challenge": {ChallengeOf(q.Verifier)}, "code_challenge_method": {"S256"},
	})
}

// redeem exchanges the code that the provider answered with for an ID token
// of our own client. All other tokens are dropped.
func (p *Provider) Redeem(ctx context.Context, code string, q AuthRequest) (IdToken, error) {
	m, err := p.Endpoints(ctx)
	if m.Token == "" {
		return IdToken{}, errors.Join(errors.New("the provider has no token_endpoint"), err)
	}
	client, err := p.httpClient(ctx, "token")
	if err != nil {
		return IdToken{}, err
	}
	raw, err := p.authenticating(q.Client, m).Exchange(ctx, client, m.Token, m.TokenAuth, code, q.RedirectURI, q.Verifier)
	if err != nil {
		return IdToken{}, err
	}
	token, err := p.Verify(ctx, raw, []string{q.Client})
	if err != nil {
		return IdToken{}, err
	}
	if subtle.ConstantTimeCompare([]byte(token.Claims.String("nonce")), []byte(q.Nonce)) != 1 {
		return IdToken{}, errors.New("the ID token's nonce is not ours")
	}
	// This one is fresh, so it must be (OIDC Core 3.1.3.7); clocks may differ.
	if exp, ok := token.Claims.Time("exp"); !ok || p.env.Now().Sub(exp) > maxClockSkew {
		return IdToken{}, errors.New("the ID token has expired")
	}
	return token, nil
}

// maxClockSkew between us and a provider (JWT-09).
const maxClockSkew = 5 * time.Minute

const refusedClientFor = 5 * time.Minute

// refuse remembers that the provider redeems no code of a client: asking
// again would only cost everybody two redirects.
func (p *Provider) Refuse(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused[client] = p.env.Now()
}

func (p *Provider) Redeems(client string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, refused := p.refused[client]
	return !refused || p.env.Now().Sub(at) > refusedClientFor
}

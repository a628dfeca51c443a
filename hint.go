package universallogout

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
type idToken struct {
	raw    string
	client string // whose it is, "" if no client is known
	claims jwks.Claims
}

var errNoIDToken = errors.New("no ID token of this provider and client")

const maxIDToken = 16 << 10

// verify reads an ID token of the provider for one of our clients. An expired
// one is as good: it names a session, and that is all it is used for.
func (p *Provider) verify(ctx context.Context, raw string, clients []string) (idToken, error) {
	if len(raw) > maxIDToken {
		return idToken{}, errNoIDToken
	}
	if claims, err := jwks.Peek(raw); err != nil || claims.String("iss") != p.Issuer {
		return idToken{}, errNoIDToken // not worth asking for keys
	}
	token, err := p.keys.Verify(ctx, raw)
	if err != nil {
		return idToken{}, err
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
		return idToken{}, errNoIDToken
	}
	audience := claims.Strings("aud")
	for _, client := range clients {
		if slices.Contains(audience, client) {
			return idToken{raw, client, claims}, nil
		}
	}
	if len(clients) == 0 && len(audience) > 0 {
		return idToken{raw, "", claims}, nil
	}
	return idToken{}, errNoIDToken // RPI-13: never mix clients
}

// firstIDToken is the first of some that is one.
func (p *Provider) firstIDToken(ctx context.Context, candidates, clients []string) (idToken, bool) {
	for _, raw := range candidates {
		if token, err := p.verify(ctx, raw, clients); err == nil {
			return token, true
		}
	}
	return idToken{}, false
}

// authRequest asks the provider silently who is signed in.
type authRequest struct {
	client, redirectURI    string
	state, nonce, verifier string
}

func (q authRequest) url(endpoint string) string {
	return withQuery(endpoint, url.Values{
		"response_type": {"code"}, "scope": {"openid"}, "prompt": {"none"},
		"client_id": {q.client}, "redirect_uri": {q.redirectURI},
		"state": {q.state}, "nonce": {q.nonce},
		"code_challenge": {challengeOf(q.verifier)}, "code_challenge_method": {"S256"},
	})
}

// redeem exchanges the code that the provider answered with for an ID token
// of our own client. All other tokens are dropped.
func (p *Provider) redeem(ctx context.Context, code string, q authRequest) (idToken, error) {
	m, err := p.endpoints(ctx)
	if m.Token == "" {
		return idToken{}, errors.Join(errors.New("the provider has no token_endpoint"), err)
	}
	client, err := p.httpClient(ctx, "token")
	if err != nil {
		return idToken{}, err
	}
	raw, err := p.authenticating(q.client, m).Exchange(ctx, client, m.Token, m.TokenAuth, code, q.redirectURI, q.verifier)
	if err != nil {
		return idToken{}, err
	}
	token, err := p.verify(ctx, raw, []string{q.client})
	if err != nil {
		return idToken{}, err
	}
	if subtle.ConstantTimeCompare([]byte(token.claims.String("nonce")), []byte(q.nonce)) != 1 {
		return idToken{}, errors.New("the ID token's nonce is not ours")
	}
	// This one is fresh, so it must be (OIDC Core 3.1.3.7); clocks may differ.
	if exp, ok := token.claims.Time("exp"); !ok || p.app.now().Sub(exp) > maxClockSkew {
		return idToken{}, errors.New("the ID token has expired")
	}
	return token, nil
}

// maxClockSkew between us and a provider (JWT-09).
const maxClockSkew = 5 * time.Minute

const refusedClientFor = 5 * time.Minute

// refuse remembers that the provider redeems no code of a client: asking
// again would only cost everybody two redirects.
func (p *Provider) refuse(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused[client] = p.app.now()
}

func (p *Provider) redeems(client string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, refused := p.refused[client]
	return !refused || p.app.now().Sub(at) > refusedClientFor
}

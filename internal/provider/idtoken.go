package provider

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
)

// IDToken is an ID token of the provider whose signature was verified. The zero
// one is none.
type IDToken struct {
	Raw    string
	Client string // whose it is, "" if no client is known
	Claims jwks.Claims
}

var errNoIDToken = errors.New("no ID token of this provider and client")

const maxIDToken = 16 << 10

// verify reads an ID token of the provider for one of our clients. An expired
// one is as good: it names a session, and that is all it is used for.
func (p *Provider) verify(ctx context.Context, raw string, clients []string) (IDToken, error) {
	if len(raw) > maxIDToken {
		return IDToken{}, errNoIDToken
	}
	if claims, err := jwks.Peek(raw); err != nil || claims.String("iss") != p.Issuer {
		return IDToken{}, errNoIDToken // not worth asking for keys
	}
	token, err := p.keys.Verify(ctx, raw)
	if err != nil {
		return IDToken{}, err
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
		return IDToken{}, errNoIDToken
	}
	audience := claims.Strings("aud")
	for _, client := range clients {
		if slices.Contains(audience, client) {
			return IDToken{raw, client, claims}, nil
		}
	}
	if len(clients) == 0 && len(audience) > 0 {
		return IDToken{raw, "", claims}, nil
	}
	return IDToken{}, errNoIDToken // RPI-13: never mix clients
}

// FirstIDToken is the first of the candidates that is an ID token of the provider
// for one of the clients, or for any, if none is named. It may have expired.
func (p *Provider) FirstIDToken(ctx context.Context, candidates, clients []string) (IDToken, bool) {
	for _, raw := range candidates {
		if token, err := p.verify(ctx, raw, clients); err == nil {
			return token, true
		}
	}
	return IDToken{}, false
}

func (p *Provider) fetchKeys(ctx context.Context) ([]byte, time.Duration, error) {
	m, err := p.Endpoints(ctx)
	if m.JWKS == "" {
		if err == nil {
			err = errors.New("the provider has no jwks_uri")
		}
		return nil, 0, err
	}
	return p.get(ctx, "jwks", m.JWKS)
}

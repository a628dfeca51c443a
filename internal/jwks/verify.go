package jwks

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const maxToken = 16 << 10

// Strict, because otherwise several texts stand for the same bytes.
var encoding = base64.RawURLEncoding.Strict()

// Token is what a JWT says, once its signature is verified.
type Token struct {
	Type   string // the header's typ, "" if absent
	Claims Claims
}

// Verify checks the signature of a compact JWS and returns its header's typ
// and its claims. Nothing but the signature is checked. Nothing that the
// library says about a token is passed on: its errors quote from it.
func (s *Set) Verify(ctx context.Context, token string) (Token, error) {
	if err := ctx.Err(); err != nil {
		return Token{}, err
	}
	head, payload, err := split(token)
	if err != nil {
		return Token{}, err
	}
	h, err := parseHeader(head)
	if err != nil {
		return Token{}, err
	}
	claims, err := ParseClaims(payload)
	if err != nil {
		return Token{}, fmt.Errorf("the token's claims: %w", err)
	}
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return Token{}, errors.New("the token cannot be read")
	}

	keys, fetched, err := s.held(ctx)
	if err != nil {
		return Token{}, err
	}
	found := candidates(keys, h.kid, h.alg)
	verified := verifies(jws, found)
	// Keys without names change without notice: then a signature that none of
	// them made is what an unknown kid is otherwise.
	if !verified && !fetched && (len(found) == 0 || h.kid == "") {
		if keys, err = s.refetched(ctx); err != nil {
			return Token{}, err
		}
		found = candidates(keys, h.kid, h.alg)
		verified = verifies(jws, found)
	}
	switch {
	case len(found) == 0:
		return Token{}, errors.New("the issuer publishes no key that fits the token's kid and alg")
	case !verified:
		return Token{}, errors.New("the token's signature was not made with the issuer's key")
	}
	return Token{Type: h.typ, Claims: claims}, nil
}

func verifies(jws *jose.JSONWebSignature, keys []key) bool {
	return slices.ContainsFunc(keys, func(k key) bool {
		_, err := jws.Verify(k.public)
		return err == nil
	})
}

// Peek returns the claims of a compact JWS WITHOUT verifying anything: to tell
// whose token it is before asking for keys. Never trust it.
func Peek(token string) (Claims, error) {
	_, payload, err := split(token)
	if err != nil {
		return nil, err
	}
	claims, err := ParseClaims(payload)
	if err != nil {
		return nil, fmt.Errorf("the token's claims: %w", err)
	}
	return claims, nil
}

// split decodes the header and the payload of a compact JWS.
func split(token string) (head, payload []byte, err error) {
	if len(token) > maxToken {
		return nil, nil, fmt.Errorf("the token has more than %d bytes", maxToken)
	}
	parts := strings.SplitN(token, ".", 6)
	switch len(parts) {
	case 3:
	case 5:
		return nil, nil, errors.New("the token is encrypted (JWE): have the provider sign it only")
	default:
		return nil, nil, errors.New("not a JWT: want three parts with dots between")
	}
	var decoded [3][]byte
	for i, part := range parts {
		// The decoder ignores CR and LF, the strict one too (GO-03).
		if part == "" || strings.ContainsAny(part, "\r\n") {
			return nil, nil, errors.New("not a JWT: a part is empty or has line breaks")
		}
		if decoded[i], err = encoding.DecodeString(part); err != nil {
			return nil, nil, errors.New("not a JWT: a part is not base64url")
		}
	}
	return decoded[0], decoded[1], nil
}

type header struct {
	alg      jose.SignatureAlgorithm
	kid, typ string
}

// parseHeader reads what is needed of the header. Keys and addresses of keys
// in it (jwk, jku, x5u, x5c) are not: everybody can put theirs there (JWT-04).
func parseHeader(text []byte) (header, error) {
	members, err := ParseClaims(text)
	if err != nil {
		return header{}, fmt.Errorf("the token's header: %w", err)
	}
	for _, name := range []string{"alg", "kid", "typ"} {
		if _, ok := asString(members[name]); !ok && members.Has(name) {
			return header{}, fmt.Errorf("the token's header: %s is not a string", name)
		}
	}
	h := header{
		alg: jose.SignatureAlgorithm(members.String("alg")),
		kid: members.String("kid"),
		typ: members.String("typ"),
	}
	switch {
	case !slices.Contains(algorithms, h.alg): // JWT-01
		return header{}, errors.New("the token's header: alg is not a public-key signature algorithm known here")
	case len(h.kid) > maxKeyID:
		return header{}, fmt.Errorf("the token's header: kid has more than %d bytes", maxKeyID)
	case members.Has("crit"): // no extension is understood here (RFC 7515 4.1.11)
		return header{}, errors.New("the token's header: crit asks for extensions that are not supported")
	case members.Has("b64"): // RFC 7797 6: not without crit, though the library heeds it
		return header{}, errors.New("the token's header: b64 is not supported")
	}
	return h, nil
}

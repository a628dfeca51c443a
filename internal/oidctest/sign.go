package oidctest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// signingKey returns the provider's key, which is made when first needed: tests start many providers.
func (p *Provider) signingKey() (*rsa.PrivateKey, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key == nil {
		p.key, p.kid = newKey(), rand.Text()[:8]
	}
	return p.key, p.kid
}

// RotateKey replaces the key and its kid; the old one is gone from the JWKS.
func (p *Provider) RotateKey() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = nil
}

func (p *Provider) jwks() jose.JSONWebKeySet {
	key, kid := p.signingKey()
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Algorithm: "RS256", Use: "sig"}}}
}

// Sign returns any claims as a JWT with this typ header, signed with the provider's RS256 key.
func (p *Provider) Sign(typ string, claims map[string]any) string {
	key, kid := p.signingKey()
	return sign(jose.RS256, key, kid, typ, encode(claims))
}

// IDToken returns an ID token of this provider, good for an hour. A sid of "" leaves the claim out; edit may change the
// claims before they are signed, and may be nil.
func (p *Provider) IDToken(client, user, sid string, edit func(claims map[string]any)) string {
	now := p.now()
	claims := map[string]any{
		"iss":       p.Issuer(),
		"sub":       user,
		"aud":       client,
		"iat":       now.Unix(),
		"exp":       now.Add(time.Hour).Unix(),
		"auth_time": now.Unix(),
	}
	if sid != "" {
		claims["sid"] = sid
	}
	if edit != nil {
		edit(claims)
	}
	return p.Sign("JWT", claims)
}

// Forgery is a way to make a token that must not be believed.
type Forgery int

const (
	ForeignKey        Forgery = iota // signed with another RSA key under the provider's kid
	UnknownKid                       // signed with another RSA key under a kid that the JWKS lacks
	AlgNone                          // alg none, no signature
	PublicKeyAsSecret                // HS256 with the provider's public key (PEM) as the secret
	Tampered                         // another sub, with the signature of the original
)

// Forge returns a forgery of a token of this provider, with the same claims: op.Forge(AlgNone, op.IDToken(…)).
func (p *Provider) Forge(how Forgery, token string) string {
	parsed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		panic(fmt.Sprint("oidctest: Forge needs a token of the provider: ", err)) // a mistake in the test
	}
	payload := parsed.UnsafePayloadWithoutVerification()
	header := parsed.Signatures[0].Protected
	typ, _ := header.ExtraHeaders[jose.HeaderType].(string)
	key, kid := p.signingKey()
	switch how {
	case ForeignKey:
		return sign(jose.RS256, p.foreignKey(), kid, typ, payload)
	case UnknownKid:
		return sign(jose.RS256, p.foreignKey(), rand.Text()[:8], typ, payload)
	case AlgNone:
		return b64(encode(map[string]any{"alg": "none", "typ": typ})) + "." + b64(payload) + "."
	case PublicKeyAsSecret:
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			panic(err) // an RSA key of our own
		}
		return sign(jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), kid, typ, payload)
	case Tampered:
		claims := map[string]any{}
		_ = json.Unmarshal(payload, &claims) // whatever it was, it is not that any more
		claims["sub"] = "mallory"
		return b64(encode(map[string]any{"alg": header.Algorithm, "kid": header.KeyID, "typ": typ})) + "." +
			b64(encode(claims)) + "." + b64(parsed.Signatures[0].Signature)
	}
	panic("oidctest: there is no such forgery")
}

func (p *Provider) foreignKey() *rsa.PrivateKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.foreign == nil {
		p.foreign = newKey()
	}
	return p.foreign
}

// claimsOf returns the claims of a token that this provider signed, whatever its age. RPI-41
func (p *Provider) claimsOf(token string) (map[string]any, bool) {
	parsed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, false
	}
	key, _ := p.signingKey()
	payload, err := parsed.Verify(key.Public())
	if err != nil {
		return nil, false
	}
	var claims map[string]any
	err = json.Unmarshal(payload, &claims)
	return claims, err == nil && claims["iss"] == p.Issuer()
}

// freeKeys are the keys of providers that have stopped. To make a key takes a tenth of a second, and tests start
// hundreds of providers. Two providers that run at the same time never share a key.
var freeKeys struct {
	mu   sync.Mutex
	keys []*rsa.PrivateKey
}

func newKey() *rsa.PrivateKey {
	if key := freeKey(); key != nil {
		return key
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // not with this size
	}
	return key
}

func freeKey() *rsa.PrivateKey {
	freeKeys.mu.Lock()
	defer freeKeys.mu.Unlock()
	last := len(freeKeys.keys) - 1
	if last < 0 {
		return nil
	}
	key := freeKeys.keys[last]
	freeKeys.keys = freeKeys.keys[:last]
	return key
}

// giveKeysBack takes the keys from a provider that has stopped.
func (p *Provider) giveKeysBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	freeKeys.mu.Lock()
	defer freeKeys.mu.Unlock()
	for _, key := range []*rsa.PrivateKey{p.key, p.foreign} {
		if key != nil {
			freeKeys.keys = append(freeKeys.keys, key)
		}
	}
	p.key, p.foreign = nil, nil
}

// sign panics on what only a mistake in this package or in a test can cause.
func sign(alg jose.SignatureAlgorithm, key any, kid, typ string, payload []byte) string {
	opts := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, opts)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}

func encode(v map[string]any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("oidctest: these claims are no JSON: ", err))
	}
	return out
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

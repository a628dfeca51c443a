package oauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionAge  = time.Minute // REV-04
)

// assertion signs a JWT that authenticates the client once (RFC 7523 2.2, 3).
func (c Client) assertion() (string, error) {
	if c.Audience == "" {
		return "", errors.New("a client assertion needs an audience: the provider's issuer")
	}
	if c.Key == nil {
		return "", errors.New("private_key_jwt needs the client's private key")
	}
	alg, err := signingAlgorithm(c.Key)
	if err != nil {
		return "", err
	}
	// The type keeps it from being taken for another kind of token, and the
	// only audience from being used at another server.
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: c.Key},
		(&jose.SignerOptions{}).WithType("client-authentication+jwt"))
	if err != nil {
		return "", errors.New("the client's private key cannot sign")
	}
	now := c.clock()
	claims, err := json.Marshal(map[string]any{
		"iss": c.ID,
		"sub": c.ID,
		"aud": c.Audience,
		"jti": rand.Text(),
		"iat": now.Unix(),
		"exp": now.Add(assertionAge).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", errors.New("the client's private key cannot sign")
	}
	return signed.CompactSerialize()
}

// signingAlgorithm returns the algorithm to sign with: the key's own if it says
// one that it can be used with, else the one that every server knows.
func signingAlgorithm(key *jose.JSONWebKey) (jose.SignatureAlgorithm, error) {
	var possible []jose.SignatureAlgorithm
	switch private := key.Key.(type) {
	case *rsa.PrivateKey:
		possible = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
	case *ecdsa.PrivateKey:
		switch private.Curve {
		case elliptic.P256():
			possible = []jose.SignatureAlgorithm{jose.ES256}
		case elliptic.P384():
			possible = []jose.SignatureAlgorithm{jose.ES384}
		case elliptic.P521():
			possible = []jose.SignatureAlgorithm{jose.ES512}
		}
	case ed25519.PrivateKey:
		possible = []jose.SignatureAlgorithm{jose.EdDSA}
	}
	if own := jose.SignatureAlgorithm(key.Algorithm); slices.Contains(possible, own) {
		return own, nil
	}
	if len(possible) == 0 {
		return "", errors.New("the key is of no supported type, use RSA, P-256, P-384, P-521 or Ed25519")
	}
	return possible[0], nil
}

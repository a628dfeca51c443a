package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxBody    = 512 << 10 // JWT-13
	maxKeys    = 100
	maxKeyID   = 256 // JWT-05
	maxTries   = 4   // JWT-14
	minRSABits = 2048
)

// algorithms is all that is ever accepted. HMAC is none of them, and no key
// here is a secret: a public key cannot be taken for one (JWT-03).
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512,
	jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

// key is a public key that may verify signatures.
type key struct {
	public any // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	id     string
	alg    string // the only algorithm it is for, or "": all of its type
}

// fits reports whether the key is for the algorithm (JWT-02).
func (k key) fits(alg jose.SignatureAlgorithm) bool {
	if k.alg != "" && k.alg != string(alg) {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return slices.Contains(algorithms[:6], alg)
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return alg == jose.ES256
		case elliptic.P384():
			return alg == jose.ES384
		case elliptic.P521():
			return alg == jose.ES512
		}
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}

// candidates returns the keys to try: those with the kid, or all if the token
// names none, as far as they fit the algorithm. Nothing forbids two keys with
// one kid (RFC 7517 4.5).
func candidates(keys []key, kid string, alg jose.SignatureAlgorithm) []key {
	var found []key
	for _, k := range keys {
		if (kid == "" || k.id == kid) && k.fits(alg) {
			found = append(found, k)
		}
	}
	return found[:min(len(found), maxTries)]
}

// parseKeys reads a JWK set. Keys that are of no use here, or cannot be read,
// are left out, as RFC 7517 5 wants it: Keycloak lists its encryption keys too,
// and tomorrow's key types must not lock out today's.
func parseKeys(body []byte) ([]key, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("the JWK set has more than %d bytes", maxBody)
	}
	set, err := ParseClaims(body)
	if err != nil {
		return nil, fmt.Errorf("the JWK set cannot be read: %w", err)
	}
	var members []json.RawMessage
	if json.Unmarshal(set["keys"], &members) != nil || members == nil {
		return nil, errors.New("the JWK set has no array of keys")
	}
	if len(members) > maxKeys {
		return nil, fmt.Errorf("the JWK set has %d keys, more than %d", len(members), maxKeys)
	}
	keys := make([]key, 0, len(members))
	for _, member := range members {
		if k, ok := parseKey(member); ok {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func parseKey(member []byte) (key, bool) {
	jwk, err := ParseClaims(member)
	if err != nil {
		return key{}, false
	}
	maps.DeleteFunc(jwk, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	if !forVerifying(jwk) {
		return key{}, false
	}
	k := key{id: jwk.String("kid"), alg: jwk.String("alg")}
	if jwk.Has("kid") && k.id == "" || jwk.Has("alg") && k.alg == "" || len(k.id) > maxKeyID {
		return key{}, false
	}
	// Nothing but the key itself is passed on: certificates are not looked at,
	// so one that cannot be read does not matter.
	bare := make(map[string]json.RawMessage, 6)
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e"} {
		if jwk.Has(name) {
			bare[name] = jwk[name]
		}
	}
	text, err := json.Marshal(bare)
	if err != nil {
		return key{}, false
	}
	var read jose.JSONWebKey
	if read.UnmarshalJSON(text) != nil || !read.Valid() || !read.IsPublic() {
		return key{}, false
	}
	if public, ok := read.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
		return key{}, false
	}
	k.public = read.Key
	return k, true
}

// forVerifying leaves out keys for something else, and private ones and
// secrets: whoever reads the set can sign with those.
func forVerifying(jwk Claims) bool {
	if jwk.Has("d") || jwk.Has("k") || jwk.String("kty") == "oct" {
		return false
	}
	if jwk.Has("use") && jwk.String("use") != "sig" {
		return false
	}
	return !jwk.Has("key_ops") || slices.Contains(jwk.Strings("key_ops"), "verify")
}

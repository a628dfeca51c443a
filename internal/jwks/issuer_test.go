package jwks

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The keys are made once: RSA takes its time.
var (
	rsaKey    = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	otherRSA  = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	p256Key   = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P256()) })
	p384Key   = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P384()) })
	p521Key   = sync.OnceValue(func() *ecdsa.PrivateKey { return newEC(elliptic.P521()) })
	ed25519Of = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) })
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// jwk is a JSON Web Key that a test may bend.
type jwk map[string]any

func publicJWK(t testing.TB, key crypto.Signer, kid string) jwk {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key.Public(), KeyID: kid})
	if err != nil {
		t.Fatal(err)
	}
	var k jwk
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k jwk) with(name string, value any) jwk {
	k = maps.Clone(k)
	k[name] = value
	return k
}

func setOf(t testing.TB, keys ...jwk) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sign makes a token with the header's members as they are given.
func sign(t testing.TB, key crypto.Signer, header map[string]any, payload string) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	for name, value := range header {
		if name != "alg" && name != "kid" {
			opts = opts.WithHeader(jose.HeaderKey(name), value)
		}
	}
	kid, _ := header["kid"].(string)
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: header["alg"].(jose.SignatureAlgorithm),
		Key:       jose.JSONWebKey{Key: key, KeyID: kid},
	}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func es256(t testing.TB, kid string) string {
	t.Helper()
	return sign(t, p256Key(), map[string]any{"alg": jose.ES256, "kid": kid}, `{"sub":"somebody"}`)
}

// compact puts a token together from any three parts.
func compact(header, payload, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode([]byte(signature))
}

// issuer answers Fetch, and counts.
type issuer struct {
	mu      sync.Mutex
	clock   time.Time
	body    string
	maxAge  time.Duration
	err     error
	fetches int
}

func newIssuer(body string) *issuer {
	return &issuer{clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), body: body}
}

func (i *issuer) set() *Set {
	return New(i.fetch, func() time.Time {
		i.mu.Lock()
		defer i.mu.Unlock()
		return i.clock
	})
}

func (i *issuer) fetch(context.Context) ([]byte, time.Duration, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches++
	return []byte(i.body), i.maxAge, i.err
}

func (i *issuer) later(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clock = i.clock.Add(d)
}

func (i *issuer) answers(body string, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.body, i.err = body, err
}

func (i *issuer) wantFetches(t *testing.T, want int) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fetches != want {
		t.Errorf("%d fetches, want %d", i.fetches, want)
	}
}

func accepted(t *testing.T, s *Set, token string) {
	t.Helper()
	if _, err := s.Verify(t.Context(), token); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func refused(t *testing.T, s *Set, token string) {
	t.Helper()
	if got, err := s.Verify(t.Context(), token); err == nil || got.Claims != nil || got.Type != "" {
		t.Errorf("not refused: %v", err)
	}
}

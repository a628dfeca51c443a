package oauth

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func sec1(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("EC PRIVATE KEY", der)
}

func jwkText(t testing.TB, key any) string {
	t.Helper()
	text, err := json.Marshal(jwkOf(key, "kid", "alg"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func newEC(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func TestKeysAreRead(t *testing.T) {
	rsa1, p256, p384, p521 := rsaKey(), newEC(elliptic.P256()), newEC(elliptic.P384()), newEC(elliptic.P521())
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	parameters := pemOf("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	for name, test := range map[string]struct {
		text string
		want any
	}{
		"PKCS#8 RSA":          {pkcs8(t, rsa1), rsa1},
		"PKCS#8 P-256":        {pkcs8(t, p256), p256},
		"PKCS#8 Ed25519":      {pkcs8(t, ed), ed},
		"PKCS#1":              {pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa1)), rsa1},
		"SEC 1":               {sec1(t, p384), p384},
		"SEC 1 of openssl":    {parameters + sec1(t, p256), p256},
		"after a certificate": {pemOf("CERTIFICATE", []byte("x")) + pkcs8(t, p521), p521},
		"spaces around":       {"\n  " + sec1(t, p256) + "\n", p256},
	} {
		key, err := ParseKey(test.text)
		if err != nil || !equal(key.Key, test.want) || key.KeyID != "" || key.Algorithm != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, want := range []any{rsa1, p256, p384, p521, ed} {
		key, err := ParseKey(" " + jwkText(t, want) + "\n")
		if err != nil || !equal(key.Key, want) || key.KeyID != "kid" || key.Algorithm != "alg" {
			t.Errorf("JWK of %T: %v", want, err)
		}
	}
}

func equal(got, want any) bool {
	a, errA := x509.MarshalPKCS8PrivateKey(got)
	b, errB := x509.MarshalPKCS8PrivateKey(want)
	return errA == nil && errB == nil && string(a) == string(b)
}

// TestUnfitKeysAreRefusedQuietly: no error quotes a key.
func TestUnfitKeysAreRefusedQuietly(t *testing.T) {
	x25519, _ := ecdh.X25519().GenerateKey(rand.Reader)
	p256 := newEC(elliptic.P256())
	public, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	small := newRSA(2040)
	whole := pkcs8(t, rsaKey())
	var members map[string]any
	if err := json.Unmarshal([]byte(jwkText(t, p256)), &members); err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) string {
		bent := maps.Clone(members)
		bent[name] = value
		text, _ := json.Marshal(bent)
		return string(text)
	}
	publicJWK := (&jose.JSONWebKey{Key: p256}).Public()
	publicText, _ := json.Marshal(publicJWK)
	var another map[string]any
	if err := json.Unmarshal([]byte(jwkText(t, newEC(elliptic.P256()))), &another); err != nil {
		t.Fatal(err)
	}
	const secret = "c2VjcmV0c2VjcmV0c2VjcmV0"
	for name, text := range map[string]string{
		"empty":               "",
		"no key":              secret,
		"JSON of something":   `{"d":"` + secret + `"}`,
		"JSON cut":            `{"kty":"` + secret,
		"unknown type":        `{"kty":"` + secret + `"}`,
		"unknown curve":       `{"kty":"EC","crv":"` + secret + `","d":"` + secret + `"}`,
		"no base64":           `{"kty":"EC","crv":"P-256","x":"` + secret + `!"}`,
		"secret":              `{"kty":"oct","k":"` + secret + `"}`,
		"public":              pemOf("PUBLIC KEY", public),
		"public PKCS#1":       pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)),
		"public JWK":          string(publicText),
		"P-224":               sec1(t, newEC(elliptic.P224())),
		"X25519":              pkcs8(t, x25519),
		"RSA too short":       pkcs8(t, small),
		"RSA too short, JWK":  jwkText(t, small),
		"PEM cut":             whole[:len(whole)/2],
		"PEM of junk":         pemOf("PRIVATE KEY", []byte(secret)),
		"PKCS#1 of junk":      pemOf("RSA PRIVATE KEY", []byte(secret)),
		"SEC 1 of junk":       pemOf("EC PRIVATE KEY", []byte(secret)),
		"SEC 1 in PKCS#8":     strings.ReplaceAll(sec1(t, p256), "EC PRIVATE", "PRIVATE"),
		"encrypted":           pemOf("ENCRYPTED PRIVATE KEY", []byte(secret)),
		"encrypted, old":      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
		"only a certificate":  pemOf("CERTIFICATE", []byte(secret)),
		"too long":            strings.Repeat("\n", maxKeyText) + whole,
		"JWK of two keys":     with("d", another["d"]),
		"JWK without a value": with("d", strings.Repeat("A", 43)),
	} {
		key, err := ParseKey(text)
		if err == nil || key != nil {
			t.Errorf("%s: read", name)
			continue
		}
		for _, part := range []string{secret, "secret", members["d"].(string), "MII"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// FuzzParseKey: what is read can sign, and no error quotes more than a word.
func FuzzParseKey(f *testing.F) {
	p256 := newEC(elliptic.P256())
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	f.Add(pkcs8(f, ed))
	f.Add(sec1(f, p256))
	f.Add(pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())))
	for _, key := range []any{p256, ed, rsaKey()} {
		f.Add(jwkText(f, key))
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseKey(text)
		if (err == nil) != (key != nil) {
			t.Fatalf("%v beside %v", key != nil, err)
		}
		if err != nil {
			return
		}
		if _, err := (Client{ID: "app", Audience: "a", Key: key}).assertion(); err != nil {
			t.Errorf("a key that cannot sign: %v", err)
		}
	})
}

// FuzzAnswer: an answer may be anything.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id_token":"x.y.z","access_token":"a"}`), "7")
	f.Add([]byte(`{"error":"invalid_grant"}`), "Fri, 02 Jan 2026 03:04:05 GMT")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		if token, err := parseTokens(body); (err == nil) != (token != "") {
			t.Errorf("%q %v", token, err)
		}
		if code := errorCode(body); len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q", code)
		}
		if after := retryAfter(header, testNow()); after < 0 || after > maxRetryAfter {
			t.Errorf("%v", after)
		}
	})
}

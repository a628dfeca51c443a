package jwks

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestEveryAlgorithmVerifies(t *testing.T) {
	for alg, key := range map[jose.SignatureAlgorithm]crypto.Signer{
		jose.RS256: rsaKey(), jose.RS384: rsaKey(), jose.RS512: rsaKey(),
		jose.PS256: rsaKey(), jose.PS384: rsaKey(), jose.PS512: rsaKey(),
		jose.ES256: p256Key(), jose.ES384: p384Key(), jose.ES512: p521Key(),
		jose.EdDSA: ed25519Of(),
	} {
		s := newIssuer(setOf(t, publicJWK(t, key, "k"))).set()
		token := sign(t, key, map[string]any{"alg": alg, "kid": "k", "typ": "logout+jwt"}, `{"sub":"somebody"}`)
		got, err := s.Verify(t.Context(), token)
		if err != nil || got.Type != "logout+jwt" || got.Claims.String("sub") != "somebody" {
			t.Errorf("%s: %v %v", alg, got, err)
		}
		// A bit of the payload, and of the signature.
		parts := strings.Split(token, ".")
		refused(t, s, parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"another"}`))+"."+parts[2])
		signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
		signature[5] ^= 1
		refused(t, s, parts[0]+"."+parts[1]+"."+base64.RawURLEncoding.EncodeToString(signature))
		refused(t, s, parts[0]+"."+parts[1]+".AAAA")
	}
}

// TestOneKeyIsForOneAlgorithm is JWT-02: the signature is right in all of these.
func TestOneKeyIsForOneAlgorithm(t *testing.T) {
	rs := publicJWK(t, rsaKey(), "k")
	ec := publicJWK(t, p256Key(), "k")
	small := newRSA(2040)
	for name, test := range map[string]struct {
		key    crypto.Signer
		alg    jose.SignatureAlgorithm
		listed jwk
		ok     bool
	}{
		"nothing said":          {rsaKey(), jose.PS256, rs, true},
		"its algorithm":         {rsaKey(), jose.PS256, rs.with("alg", "PS256"), true},
		"another algorithm":     {rsaKey(), jose.PS256, rs.with("alg", "RS256"), false},
		"an encryption's":       {rsaKey(), jose.RS256, rs.with("alg", "RSA-OAEP"), false},
		"algorithm no string":   {rsaKey(), jose.RS256, rs.with("alg", 1), false},
		"algorithm in its case": {rsaKey(), jose.RS256, rs.with("alg", "rs256"), false},
		"algorithm null":        {rsaKey(), jose.RS256, rs.with("alg", nil), true},
		"use sig":               {p256Key(), jose.ES256, ec.with("use", "sig"), true},
		"use enc":               {p256Key(), jose.ES256, ec.with("use", "enc"), false},
		"use no string":         {p256Key(), jose.ES256, ec.with("use", []string{"sig"}), false},
		"to verify":             {p256Key(), jose.ES256, ec.with("key_ops", []string{"sign", "verify"}), true},
		"to encrypt":            {p256Key(), jose.ES256, ec.with("key_ops", []string{"encrypt"}), false},
		"to do nothing":         {p256Key(), jose.ES256, ec.with("key_ops", []string{}), false},
		"in capitals":           {p256Key(), jose.ES256, ec.with("USE", "enc").with("KTY", "oct"), true},
		"another curve":         {p256Key(), jose.ES256, publicJWK(t, p384Key(), "k"), false},
		"another type":          {p256Key(), jose.ES256, rs, false},
		"RSA for EdDSA":         {ed25519Of(), jose.EdDSA, rs, false},
		"too short":             {small, jose.RS256, publicJWK(t, small, "k"), false},
		"private":               {p256Key(), jose.ES256, ec.with("d", "AAAA"), false},
		"kid no string":         {p256Key(), jose.ES256, ec.with("kid", 1), false},
		"broken certificates":   {p256Key(), jose.ES256, ec.with("x5c", []string{"AAAA"}).with("x5t", "A"), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newIssuer(setOf(t, test.listed)).set()
			token := sign(t, test.key, map[string]any{"alg": test.alg, "kid": "k"}, `{}`)
			if test.ok {
				accepted(t, s, token)
			} else {
				refused(t, s, token)
			}
		})
	}
}

// TestHMACWithWhatEverybodyKnowsIsRefused: the public key in every shape an
// attacker may have tried, and a secret that the issuer publishes.
func TestHMACWithWhatEverybodyKnowsIsRefused(t *testing.T) {
	public := publicJWK(t, rsaKey(), "k")
	der, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	asJSON, _ := json.Marshal(public)
	secret := bytes.Repeat([]byte("s"), 64)
	oct := jwk{"kty": "oct", "kid": "k", "k": base64.RawURLEncoding.EncodeToString(secret)}
	i := newIssuer(setOf(t, public, oct))
	s := i.set()
	for name, key := range map[string][]byte{
		"PEM":    pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"PKCS#1": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)}),
		"DER":    der,
		"JWK":    asJSON,
		"n":      rsaKey().N.Bytes(),
		"oct":    secret,
		"empty":  {},
	} {
		for _, header := range []string{
			`{"alg":"HS256","kid":"k"}`,
			`{"alg":"HS256"}`,
			`{"alg":"RS256","kid":"k"}`,
			`{"alg":"none","kid":"k"}`,
		} {
			token := compact(header, `{"sub":"x"}`, "")
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(strings.TrimSuffix(token, ".")))
			t.Run(name, func(t *testing.T) {
				refused(t, s, token)
				refused(t, s, token+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
			})
		}
	}
}

// TestKeysInTheHeaderAreNeverUsed is JWT-04.
func TestKeysInTheHeaderAreNeverUsed(t *testing.T) {
	i := newIssuer(setOf(t, publicJWK(t, rsaKey(), "k")))
	s := i.set()
	own := publicJWK(t, otherRSA(), "k")
	for name, value := range map[string]any{
		"jwk": own,
		"jku": "https://evil.example/keys",
		"x5u": "https://evil.example/cert",
	} {
		header := map[string]any{"alg": jose.RS256, "kid": "k", name: value}
		refused(t, s, sign(t, otherRSA(), header, `{}`))
		delete(header, "kid")
		refused(t, s, sign(t, otherRSA(), header, `{}`))
		// Beside a right signature it does no harm.
		header["kid"] = "k"
		accepted(t, s, sign(t, rsaKey(), header, `{}`))
	}
}

func TestWhatIsNoTokenAsksForNoKeys(t *testing.T) {
	i := newIssuer(setOf(t, publicJWK(t, p256Key(), "k")))
	s := i.set()
	good := es256(t, "k")
	parts := strings.Split(good, ".")
	header := func(text string) string { return compact(text, `{}`, "signature") }
	for name, token := range map[string]string{
		"empty":               "",
		"one part":            "AAAA",
		"two parts":           parts[0] + "." + parts[1],
		"four parts":          good + ".AAAA",
		"five parts":          good + ".AAAA.AAAA",
		"many parts":          strings.Repeat(".", 1000),
		"no header":           "." + parts[1] + "." + parts[2],
		"no payload":          parts[0] + ".." + parts[2],
		"no signature":        parts[0] + "." + parts[1] + ".",
		"JSON serialization":  `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"CR":                  parts[0] + ".\r" + parts[1] + "." + parts[2],
		"LF at the end":       good + "\n",
		"space":               " " + good,
		"padding":             parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"another alphabet":    parts[0] + "." + parts[1] + ".++//",
		"stray bits":          parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + "B",
		"too long":            compact(`{"alg":"ES256","kid":"k"}`, `{"a":"`+strings.Repeat("a", maxToken)+`"}`, "s"),
		"header no JSON":      header(`alg`),
		"header no object":    header(`["alg"]`),
		"no alg":              header(`{"kid":"k"}`),
		"alg none":            header(`{"alg":"none","kid":"k"}`),
		"alg None":            header(`{"alg":"None","kid":"k"}`),
		"alg in lower case":   header(`{"alg":"es256","kid":"k"}`),
		"name in capitals":    header(`{"ALG":"ES256","kid":"k"}`),
		"alg no string":       header(`{"alg":["ES256"],"kid":"k"}`),
		"alg unknown":         header(`{"alg":"ES256K","kid":"k"}`),
		"alg twice":           header(`{"alg":"ES256","alg":"ES256","kid":"k"}`),
		"kid no string":       header(`{"alg":"ES256","kid":1}`),
		"kid null":            header(`{"alg":"ES256","kid":null}`),
		"kid too long":        header(`{"alg":"ES256","kid":"` + strings.Repeat("k", 257) + `"}`),
		"typ no string":       header(`{"alg":"ES256","kid":"k","typ":{}}`),
		"crit":                header(`{"alg":"ES256","kid":"k","crit":["exp"],"exp":1}`),
		"crit of the library": header(`{"alg":"ES256","kid":"k","crit":["b64"],"b64":true}`),
		"crit empty":          header(`{"alg":"ES256","kid":"k","crit":[]}`),
		"b64 without crit":    header(`{"alg":"ES256","kid":"k","b64":false}`),
		"claims no JSON":      compact(`{"alg":"ES256","kid":"k"}`, `sub`, "s"),
		"claims no object":    compact(`{"alg":"ES256","kid":"k"}`, `[]`, "s"),
		"claim twice":         compact(`{"alg":"ES256","kid":"k"}`, `{"sub":"a","s\u0075b":"b"}`, "s"),
	} {
		t.Run(name, func(t *testing.T) { refused(t, s, token) })
	}
	i.wantFetches(t, 0)
	accepted(t, s, good)
}

// TestExtensionsWithARightSignatureAreRefused: unencoded payloads (RFC 7797) are refused even
// with a right signature, since other readers see other bytes signed.
func TestExtensionsWithARightSignatureAreRefused(t *testing.T) {
	s := newIssuer(setOf(t, publicJWK(t, p256Key(), "k"))).set()
	for _, name := range []string{"b64", "crit"} {
		header := map[string]any{"alg": jose.ES256, "kid": "k", name: []string{"b64"}}
		if name == "b64" {
			header[name] = true
		}
		refused(t, s, sign(t, p256Key(), header, `{}`))
	}
}

func TestKidMatchesExactly(t *testing.T) {
	long := strings.Repeat("k", 256)
	i := newIssuer(setOf(t, publicJWK(t, p256Key(), "Kid"), publicJWK(t, p256Key(), long)))
	s := i.set()
	accepted(t, s, es256(t, "Kid"))
	accepted(t, s, es256(t, long))
	for _, kid := range []string{"kid", "Kid ", "Ki", "../Kid", "K%69d"} {
		refused(t, s, es256(t, kid))
	}
}

// TestMissingOrDuplicateKidTriesFourKeys is JWT-14 and the end of JWT-13.
func TestMissingOrDuplicateKidTriesFourKeys(t *testing.T) {
	others := func(kid string) (keys []jwk) {
		for range 3 {
			keys = append(keys, publicJWK(t, newEC(p256Key().Curve), kid))
		}
		// They do not count: they do not fit.
		return append(keys, publicJWK(t, p384Key(), kid), publicJWK(t, rsaKey(), kid), publicJWK(t, ed25519Of(), kid))
	}
	for _, kid := range []string{"", "k"} {
		right, one := publicJWK(t, p256Key(), kid), publicJWK(t, newEC(p256Key().Curve), kid)
		token := es256(t, kid)
		accepted(t, newIssuer(setOf(t, right)).set(), token)
		accepted(t, newIssuer(setOf(t, append(others(kid), right)...)).set(), token)
		refused(t, newIssuer(setOf(t, append(others(kid), one, right)...)).set(), token)
	}
	// A token without kid also finds a key that has one.
	accepted(t, newIssuer(setOf(t, publicJWK(t, p256Key(), "named"))).set(), es256(t, ""))
	// But not the other way round.
	refused(t, newIssuer(setOf(t, publicJWK(t, p256Key(), ""))).set(), es256(t, "named"))
}

// TestUnreadableKeysAreLeftOut: what providers list beside the key that counts.
func TestUnreadableKeysAreLeftOut(t *testing.T) {
	k := publicJWK(t, p256Key(), "k")
	body := setOf(t,
		publicJWK(t, rsaKey(), "enc").with("use", "enc").with("alg", "RSA-OAEP"),
		jwk{"kty": "oct", "kid": "k", "k": "c2VjcmV0"},
		jwk{"kty": "AKP", "kid": "k", "alg": "ML-DSA-44", "pub": "AAAA"},
		jwk{"kty": "OKP", "crv": "X25519", "kid": "k", "x": "AAAA"},
		jwk{"kty": "EC", "crv": "secp256k1", "kid": "k", "x": "AAAA", "y": "AAAA"},
		jwk{"kty": "EC", "crv": "P-256", "kid": "k", "x": k["y"], "y": k["x"]}, // not on the curve
		jwk{"kty": "RSA", "kid": "k", "n": "AQAB"},
		jwk{"kty": "RSA", "kid": "k", "n": 5, "e": "AQAB"},
		jwk{"kid": "k"}, jwk{}, k,
	)
	body = strings.Replace(body, `{"keys":[`, `{"more":{},"keys":[null,1,"x",[],{"kty":"EC","kty":"EC"},`, 1)
	accepted(t, newIssuer(body).set(), es256(t, "k"))
}

func TestErrorsQuoteNothingOfTheToken(t *testing.T) {
	const secret = "s3cr3t"
	s := newIssuer(setOf(t, publicJWK(t, p256Key(), "k"))).set()
	for _, token := range []string{
		secret, secret + "." + secret + "." + secret,
		compact(`{"alg":"`+secret+`"}`, `{}`, "s"),
		compact(`{"alg":"ES256","kid":"`+secret+`"}`, `{"sub":"`+secret+`"}`, secret),
		compact(`{"alg":"ES256","kid":"k","`+secret+`":1,"`+secret+`":1}`, `{}`, secret),
		compact(`{"alg":"ES256","kid":"k","x5c":"`+secret+`"}`, `{}`, secret),
		compact(`{"alg":"ES256","kid":"k","jwk":"`+secret+`"}`, `{}`, secret),
		compact(`{"alg":"ES256","kid":"k"}`, `{"sub":"`+secret+`}`, secret),
		compact(`{"alg":"ES256","kid":"k"}`, `{"sub":"`+secret+`","sub":1}`, secret),
	} {
		if _, err := s.Verify(t.Context(), token); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("Verify: %v", err)
		}
		if _, err := Peek(token); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("Peek: %v", err)
		}
	}
}

func TestPeekTellsWhoseTokenItIs(t *testing.T) {
	claims, err := Peek(compact(`{"alg":"none"}`, `{"iss":"https://op.example"}`, "s"))
	if err != nil || claims.String("iss") != "https://op.example" {
		t.Errorf("%v %v", claims, err)
	}
	for _, token := range []string{"", "a.b", "a.b.c.d.e", "AAAA.AAAA.AAAA", strings.Repeat("A", maxToken+1)} {
		if claims, err := Peek(token); err == nil || claims != nil {
			t.Errorf("%q: %v", token, claims)
		}
	}
}

package jwks

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// FuzzVerify: no token verifies but those that were signed here. Only the
// Ed25519 key is the same in all the processes of a fuzzer.
func FuzzVerify(f *testing.F) {
	s := newIssuer(setOf(f, publicJWK(f, p256Key(), "k"), publicJWK(f, rsaKey(), "r"), publicJWK(f, ed25519Of(), ""))).set()
	signed := map[string]bool{}
	for _, token := range []string{
		es256(f, "k"),
		es256(f, ""),
		sign(f, ed25519Of(), map[string]any{"alg": jose.EdDSA, "typ": "JWT"}, `{"sub":"somebody"}`),
	} {
		f.Add(token)
		signed[token[:strings.LastIndexByte(token, '.')]] = true
	}
	f.Add(compact(`{"alg":"HS256","kid":"k"}`, `{}`, "s"))
	f.Add(compact(`{"alg":"RS256","kid":"r","jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"},"x5c":["AAAA"]}`, `{}`, "s"))
	f.Add(compact(`{"alg":"EdDSA","crit":["b64"],"b64":false}`, `{}`, "s"))
	f.Fuzz(func(t *testing.T, token string) {
		got, err := s.Verify(t.Context(), token)
		switch {
		case err != nil && got.Claims != nil:
			t.Error("claims beside an error")
		case err == nil && !signed[token[:strings.LastIndexByte(token, '.')]]:
			t.Errorf("%q verified", token)
		}
	})
}

func FuzzPeek(f *testing.F) {
	f.Add(es256(f, "k"))
	f.Add("..")
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, token string) {
		if claims, err := Peek(token); (err == nil) != (claims != nil) || err == nil && strings.Count(token, ".") != 2 {
			t.Errorf("%v %v", claims, err)
		}
	})
}

// FuzzParseClaims: what is read is what encoding/json reads, name by name.
func FuzzParseClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"a","aud":["b",null],"exp":1e3}`))
	f.Add([]byte(`{"a":{"a":1,"a":2}}`))
	f.Add([]byte(`{"\u0061":1,"a":2}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		claims, err := ParseClaims(payload)
		if err != nil {
			return
		}
		var again map[string]json.RawMessage
		if err := json.Unmarshal(payload, &again); err != nil || len(again) != len(claims) {
			t.Fatalf("%d members, encoding/json reads %d: %v", len(claims), len(again), err)
		}
		for name, value := range again {
			if string(claims[name]) != string(value) {
				t.Errorf("%q is %q, encoding/json reads %q", name, claims[name], value)
			}
			claims.String(name)
			claims.Strings(name)
			if when, ok := claims.Time(name); ok && (when.Unix() < 0 || when.Unix() > maxTime) {
				t.Errorf("%v", when)
			}
		}
	})
}

// FuzzParseKeys: an issuer's keys may be anything; those that are kept can be
// tried without harm.
func FuzzParseKeys(f *testing.F) {
	f.Add(setOf(f, publicJWK(f, p256Key(), "k"), publicJWK(f, rsaKey(), "r"), publicJWK(f, ed25519Of(), "e")))
	f.Add(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"},null]}`)
	tokens := []string{
		compact(`{"alg":"RS256"}`, `{}`, strings.Repeat("s", 256)),
		compact(`{"alg":"PS256"}`, `{}`, strings.Repeat("s", 256)),
		compact(`{"alg":"ES256"}`, `{}`, strings.Repeat("s", 64)),
		compact(`{"alg":"EdDSA"}`, `{}`, strings.Repeat("s", 64)),
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newIssuer(body).set()
		for _, token := range tokens {
			if _, err := s.Verify(t.Context(), token); err == nil {
				t.Error("a signature that nobody made")
			}
		}
	})
}

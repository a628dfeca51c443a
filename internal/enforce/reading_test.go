package enforce

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// The way values were read before revocation was the only one to know it.

// isAround tells what apps take off a token: quotes, s: and Bearer before it,
// and other cookies where a parser is so old that commas separate them.
func isAround(c rune) bool { return strings.ContainsRune("\":;, \t=", c) }

// asAppsRead undoes percent-encoding, as far as it is one, and backslashes:
// Python decodes octal in quotes.
func asAppsRead(value string) string {
	if !strings.ContainsAny(value, "%\\") {
		return value
	}
	decoded := make([]byte, 0, len(value))
	for rest := value; rest != ""; {
		c, n := rest[0], 1
		switch {
		case c == '%' && len(rest) > 2:
			if code, err := strconv.ParseUint(rest[1:3], 16, 8); err == nil {
				c, n = byte(code), 3
			}
		case c == '\\' && len(rest) > 5 && rest[1] == 'u' && rest[2:4] == "00": // Express reads JSON behind j:
			if code, err := strconv.ParseUint(rest[4:6], 16, 8); err == nil {
				c, n = byte(code), 6
			}
		case c == '\\' && len(rest) > 1:
			c, n = rest[1], 2
			if len(rest) > 3 {
				if code, err := strconv.ParseUint(rest[1:4], 8, 8); err == nil {
					c, n = byte(code), 4
				}
			}
		}
		decoded, rest = append(decoded, c), rest[n:]
	}
	return string(decoded)
}

// plainBase64 is what lenient apps read of a value: dots, and base64 in one
// alphabet.
func plainBase64(value string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '+':
			return '-'
		case c == '/':
			return '_'
		case c == '.' || c < 0x80 && cookie.IsBase64(byte(c)):
			return c
		}
		return -1
	}, asAppsRead(value))
}

// otherwiseSigned is a JWT with another signature: its own has several spellings.
func otherwiseSigned(token string) string {
	if strings.Count(token, ".") != 2 {
		return token
	}
	return token[:strings.LastIndexByte(token, '.')] + ".AA"
}

// isBentJWT reports whether a value begins like a JWT and is none as it stands,
// though it may be one in a spelling that counts as the same: with other
// capitals, say. Nobody says then whose it is.
func isBentJWT(value string) bool {
	plain := plainBase64(value)
	if len(plain) < 3 || !strings.EqualFold(strings.NewReplacer(".", "", "-", "", "_", "").Replace(plain)[:3], "eyj") {
		return false
	}
	parts := strings.Split(plain, ".")
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || !json.Valid(head) {
		return true
	}
	if claims, err := jwks.ParseClaims(head); err != nil || !claims.Has("alg") {
		return false // another kind of signed text
	}
	switch len(parts) {
	case 3:
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		return err != nil || !json.Valid(payload)
	case 5: // encrypted: it is nobody's guess
		return false
	}
	return true
}

func namesRefusedBefore(list *revocation.List, value string) bool {
	for piece := range strings.FieldsFuncSeq(asAppsRead(value), isAround) {
		if s, ok := sessionOfJWTBefore(piece); ok && list.RefusesSession(s) {
			return true
		}
	}
	return false
}

// sessionOfJWTBefore reads the claims of a JWT, verifying nothing. One that does not
// say when it was issued is taken for older than all.
func sessionOfJWTBefore(token string) (s revocation.Session, ok bool) {
	head, rest, _ := strings.Cut(token, ".")
	payload, _, signed := strings.Cut(rest, ".")
	if !signed {
		return s, false
	}
	// The signature has spellings that are no base64url and that apps take all
	// the same. The rest has one only, for it is what was signed.
	claims, err := jwks.Peek(head + "." + payload + ".AA")
	if err != nil {
		return s, false
	}
	s = revocation.Session{Issuer: claims.String("iss"), Sid: claims.String("sid"), Sub: claims.String("sub")}
	// Not auth_time: who is signed in at the provider logs in again without
	// being asked, and that stays what it was.
	if s.Started, ok = claims.Time("iat"); !ok {
		s.Started, _ = claims.Time("auth_time")
	}
	return s, s.Issuer != "" && s.Sid+s.Sub != ""
}

// lifeOfBefore reads a JWT: when it expires, and whether it is anybody's at all. One
// without a name in it, as pages have that anybody can open, is many people's.
// Claims are not verified here, but they decide about this very token only.
func lifeOfBefore(value string, now time.Time) (until time.Time, ofSomebody bool) {
	claims, err := jwks.Peek(otherwiseSigned(plainBase64(value)))
	if err != nil {
		return time.Time{}, true
	}
	if exp, ok := claims.Time("exp"); ok && exp.After(now) { // an app that still takes it looks at no exp
		until = exp.Add(expiryGrace)
	}
	if sub := claims.String("sub"); slices.Contains(anybody, sub) || sub != "" && (sub == claims.String("azp") || sub == claims.String("client_id")) {
		return until, false // what programs get for themselves
	}
	for name := range claims {
		if slices.Contains(ofPeople, strings.ToLower(strings.ReplaceAll(name, "_", ""))) {
			return until, true
		}
	}
	return until, false
}

// sameReading compares all that is made of a value with what was made of it.
func sameReading(t *testing.T, list *revocation.List, value string) {
	t.Helper()
	var tokens, before []string
	for token := range revocation.JWTs(value) {
		tokens = append(tokens, token)
	}
	for piece := range strings.FieldsFuncSeq(asAppsRead(value), isAround) {
		head, rest, _ := strings.Cut(piece, ".")
		if payload, _, signed := strings.Cut(rest, "."); signed {
			before = append(before, head+"."+payload+".AA")
		}
	}
	if !slices.Equal(tokens, before) {
		t.Fatalf("%q: JWTs %q, before %q", value, tokens, before)
	}
	if got, want := namesRefused(list, value), namesRefusedBefore(list, value); got != want {
		t.Fatalf("%q: refused %v, before %v", value, got, want)
	}
	token, isBent := revocation.AsJWT(value)
	if want := otherwiseSigned(plainBase64(value)); token != want {
		t.Fatalf("%q: %q, before %q", value, token, want)
	}
	if len(strings.Trim(plainBase64(value), ".-_")) >= 3 && len(strings.NewReplacer(".", "", "-", "", "_", "").Replace(plainBase64(value))) >= 3 {
		if want := isBentJWT(value); isBent != want { // it panicked for less
			t.Fatalf("%q: bent %v, before %v", value, isBent, want)
		}
	} else if isBent {
		t.Fatalf("%q is bent", value)
	}
	bearer, ok := revocation.Bearer(value)
	word, bearerBefore, found := strings.Cut(strings.Trim(asAppsRead(value), `"`), " ")
	if found = found && strings.EqualFold(word, "Bearer"); ok != found || ok && bearer != bearerBefore {
		t.Fatalf("%q: Bearer %q %v, before %q %v", value, bearer, ok, bearerBefore, found)
	}
	now := time.Unix(1_790_000_000, 0)
	until, ofSomebody := lifeOf(token, now)
	untilBefore, ofSomebodyBefore := lifeOfBefore(value, now)
	if !until.Equal(untilBefore) || ofSomebody != ofSomebodyBefore {
		t.Fatalf("%q: until %v %v, before %v %v", value, until, ofSomebody, untilBefore, ofSomebodyBefore)
	}
}

func readingSeeds() []string {
	tokens := []string{
		unsigned(`{"iss":"x","sid":"y"}`), unsigned(`{"iss":"https://sso.example.com","sub":"ana","sid":"session-of-ana","iat":1,"exp":1800000000}`),
		unsigned(`{"role":"anon"}`), unsigned(`[]`), "eyJhbGciOiJkaXIifQ..aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbb.cccccc", "eyJpdiI6Ik8rL0E9PSIsInZhbHVlIjoiSzh3WjNwWHYifQ==",
		"eyJfdXNlcl9pZCI6IjEifQ.aF3kAA.a8b4c2d9e6VYmFyYmF6cXV4MTIz", ".eJwlzjEOwzAIAMC_MHfAYAzkMxE2ZgpVdVQ.aF3kAA.a-b_c-d_e9VYmFyYmF6cXV4MTI",
		revoked, alive, "a+b/c-d_e9VYmFyYmF6cXV4MTIzNDU2Nzg5", "", "eyJ", "..", "a.b.c.d",
	}
	return append(tokens, "Bearer "+tokens[0], `"Bearer `+tokens[0]+`"`, "bearer%20"+tokens[0], `j:"`+tokens[0]+`"`, "s:"+tokens[0]+"."+alive, "a=b,token="+tokens[0])
}

// TestReadingIsTheSame: no verdict changed, over values in odd spellings.
func TestReadingIsTheSame(t *testing.T) {
	list := openList(t)
	if err := list.Revoke(t.Context(), list.OfSession("x", "y")); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	odd := []string{"%", "%%", "%2", "%2e", "%2E", "%zz", "%00", "%ff", "%+1", "%2b", "%2F", "%5C", "%22", "%20", `\`, `\\`, `\"`, `\0`, `\05`, `\056`, `\377`, `\400`, `\189`, `\08a`, `\u`, `\u00`, `\u0`, `\u002e`, `\u002E`, `\u00zz`, `\u00+1`, `\u0100`, `\U002e`, `"`, `""`, " ", "\t", ";", ",", ":", "=", "==", "+", "/", "-", "_", ".", "..", "!", "*", "\x80", "\xff", "ä", "\u2028", "\u212a", "\x00", "j:", "s:", "eyJ", "EyJ", "Bearer ", "BEARER "}
	mutate := func(value string) string {
		for range random.IntN(6) {
			at := random.IntN(len(value) + 1)
			switch random.IntN(8) {
			case 0, 1, 2:
				value = value[:at] + odd[random.IntN(len(odd))] + value[at:]
			case 3:
				if at < len(value) {
					value = value[:at] + fmt.Sprintf([]string{"%%%02x", "%%%02X", `\%03o`, `\u%04x`, `\u%04X`}[random.IntN(5)], value[at]) + value[at+1:]
				}
			case 4:
				if at < len(value) {
					value = value[:at] + value[at+1:]
				}
			case 5:
				if at < len(value) {
					value = value[:at] + string([]byte{byte(random.IntN(256))}) + value[at+1:]
				}
			case 6:
				value = value[:at]
			case 7:
				if at < len(value) {
					value = value[:at] + string([]byte{value[at] ^ 0x20}) + value[at+1:]
				}
			}
		}
		return value
	}
	seeds := readingSeeds()
	for range 200_000 {
		value := seeds[random.IntN(len(seeds))]
		if random.IntN(20) == 0 {
			value = ""
			for range random.IntN(20) {
				value += odd[random.IntN(len(odd))]
			}
		}
		sameReading(t, list, mutate(value))
	}
}

// FuzzReadingIsTheSame looks where the generator does not.
func FuzzReadingIsTheSame(f *testing.F) {
	for _, seed := range readingSeeds() {
		f.Add(seed)
	}
	list := openList(f)
	if err := list.Revoke(f.Context(), list.OfSession("x", "y")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) { sameReading(t, list, value) })
}

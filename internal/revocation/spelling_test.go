package revocation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

var testStart = time.Unix(1_790_000_000, 0)

// clock is the only one that a list under test has.
type clock struct{ now time.Time }

func openAt(t testing.TB, c *clock, o Options) *List {
	t.Helper()
	o.Key = Key{1, 2, 3}
	o.Now = func() time.Time { return c.now }
	if o.Lifetime == 0 {
		o.Lifetime = 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	list, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := list.Close(); err != nil {
			t.Error(err)
		}
	})
	return list
}

func open(t testing.TB) *List { return openAt(t, &clock{testStart}, Options{}) }

// spelling is one way to present what was revoked.
type spelling struct{ requirement, revoked, presented string }

// wantRefused: it is refused and taken out, and nothing else is.
func wantRefused(t *testing.T, tests []spelling) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.requirement, func(t *testing.T) {
			list := open(t)
			revoke(t, list, test.revoked)
			lines := []string{"theme=dark; consent=0123456789abcdefghij", test.presented}
			if !list.RefusesAny(lines) {
				t.Errorf("%q passes", test.presented)
			}
			kept, refused := list.WithoutRefused(lines)
			if len(refused) == 0 || list.RefusesAny(kept) || kept[0] != lines[0] {
				t.Errorf("kept %q, refused %v", kept, refused)
			}
			if list.RefusesAny(lines[:1]) {
				t.Error("others are refused")
			}
		})
	}
}

func revoke(t testing.TB, list *List, values ...string) {
	t.Helper()
	for _, value := range values {
		f, ok := list.Fingerprint(value)
		if !ok {
			t.Fatalf("%q has no fingerprint", value)
		}
		if err := list.Revoke(t.Context(), list.OfCredential(f, time.Time{})); err != nil {
			t.Fatal(err)
		}
	}
}

func octal(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\%03o`, c)
	}
	return b.String()
}

func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

const (
	opaqueID  = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy"
	hexID     = "8f14e45fceea167a5a36dedd4bea2543"
	uuid      = "0b9f1f8e-5c0e-4f51-9d0a-6a3a1a0d2c77"
	urlSafe   = "a-b_c-d_e9VYmFyYmF6cXV4MTIzNDU2Nzg5"
	padded    = "Zm9vYmFyYmF6cXV4MTI+NDU/Nzg5MDE9Zm8="
	fernet    = "gAAAAABlZm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyZm9vYmFyYmF6cXV4MTIz"
	wordpress = "John Doe|1790000000|Vm9vYmFyYmF6cXV4MTIz|8f14e45fceea167a5a36dedd4bea2543"
	python    = `"Vm9vYmFyYmF6\054cXV4MTIzNzg5"`
)

// TestEverySpelling: the README's "every spelling that an app could take for the same".
func TestEverySpelling(t *testing.T) {
	tests := []spelling{
		{"as it was", opaqueID, "sid=" + opaqueID},
		{"any name", opaqueID, "__Host-s.i d[x]=" + opaqueID},
		{"PHP mangles names", opaqueID, "s id=" + opaqueID},
		{"no name", opaqueID, opaqueID},
		{"empty name", opaqueID, "=" + opaqueID},
		{"a duplicate in front", opaqueID, "sid=aaaaaaaaaaaaaaaaaaaaaaaaaaaa; sid=" + opaqueID},
		{"a duplicate behind", opaqueID, "sid=" + opaqueID + "; sid=aaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"spaces around", opaqueID, "a=b;  sid =  " + opaqueID + "  ;c=d"},
		{"tabs around", opaqueID, "a=b;\tsid\t=\t" + opaqueID + "\t;c=d"},
		{"no space", opaqueID, "a=b;sid=" + opaqueID},
		{"separators in front", opaqueID, ";;; ; sid=" + opaqueID},
		{"quotes", opaqueID, `sid="` + opaqueID + `"`},
		{"Node drops the last of what begins with a quote", opaqueID, `sid="` + opaqueID + `x`},
		{"Python decodes octal", opaqueID, `sid="` + octal(opaqueID) + `"`},
		{"Python decodes octal in part", opaqueID, `sid="` + opaqueID[:9] + octal(opaqueID[9:12]) + opaqueID[12:] + `"`},
		{"Python and RFC 2109 drop backslashes", opaqueID, `sid="` + opaqueID[:9] + `\` + opaqueID[9:] + `"`},
		{"Python's own octal, unquoted", python, "sid=Vm9vYmFyYmF6,cXV4MTIzNzg5"},
		{"percent", opaqueID, "sid=" + percent(opaqueID)},
		{"percent in part", opaqueID, "sid=" + opaqueID[:20] + percent(opaqueID[20:24]) + opaqueID[24:]},
		{"percent in the first bytes", opaqueID, "sid=%5a" + opaqueID[1:]},
		{"percent, capitals", opaqueID, "sid=%5A" + opaqueID[1:]},
		{"percent in quotes", opaqueID, `sid="%5A` + opaqueID[1:] + `"`},
		{"RFC 2109: behind a comma", opaqueID, "a=b,sid=" + opaqueID},
		{"RFC 2109: in front of a comma", opaqueID, "sid=" + opaqueID + ",a=b"},
		{"RFC 2109: quoted, behind a comma", opaqueID, `a="b",sid="` + opaqueID + `"`},
		{"Python: behind a space", opaqueID, "a=b sid=" + opaqueID},
		{"Python: behind a tab", opaqueID, "a=b\tsid=" + opaqueID},
		{"Python: behind a long value and a space", opaqueID, "a=bbbbbbbbbbbbbbbbbbbbbbbbbbbbb sid=" + opaqueID},
		{"in front of a space", opaqueID, "sid=" + opaqueID + " a=b"},
		{"hex in capitals", hexID, "sid=" + strings.ToUpper(hexID)},
		{"UUID in capitals", uuid, "sid=" + strings.ToUpper(uuid)},
		{"UUID without dashes", uuid, "sid=" + strings.ReplaceAll(uuid, "-", "")},
		{"UUID in braces", uuid, "sid={" + uuid + "}"},
		{"base64 with the other alphabet", padded, "sid=" + strings.NewReplacer("+", "-", "/", "_").Replace(padded)},
		{"base64url with the other alphabet", urlSafe, "sid=" + strings.NewReplacer("-", "+", "_", "/").Replace(urlSafe)},
		{"base64 without padding", padded, "sid=" + strings.TrimRight(padded, "=")},
		{"base64 with percent padding", padded, "sid=" + strings.ReplaceAll(padded, "=", "%3D")},
		{"base64, unused bits", padded, "sid=" + strings.Replace(padded, "o=", "p=", 1)},
		{"base64url, two unused bits", urlSafe, "sid=" + urlSafe[:34] + "7"},
		{"base64url, four unused bits", urlSafe[:33] + "w", "sid=" + urlSafe[:33] + "-"},
		{"base64url, unused bits and junk", urlSafe[:33] + "w", "sid=" + urlSafe[:9] + "!." + urlSafe[9:33] + ".-!"},
		{"Flask: unused bits of the signature", ".eJwlzjEOwzAIAMC_MHfAYAzkMxE2ZgpVdVQ.aF3kAA." + urlSafe[:27], "sid=.eJwlzjEOwzAIAMC_MHfAYAzkMxE2ZgpVdVQ.aF3kAA." + other(urlSafe[:27])},
		{"Python ignores what is no base64", fernet, "sid=" + fernet[:20] + "!" + fernet[20:]},
		{"Python ignores dots in base64", fernet, "sid=" + fernet[:20] + "." + fernet[20:]},
		{"... at the beginning", fernet, "sid=*" + fernet},
		{"... at the end", fernet, "sid=" + fernet + "!!!!"},
		{"PHP reads + as a space", wordpress, "sid=" + strings.ReplaceAll(wordpress, " ", "+")},
		{"PHP decodes %20", strings.ReplaceAll(wordpress, " ", "+"), "sid=" + strings.ReplaceAll(wordpress, " ", "%20")},
		{"PHP decodes |", wordpress, "sid=" + strings.ReplaceAll(wordpress, "|", "%7C")},
		{"a signed id", "s%3A" + opaqueID + "." + urlSafe, "sid=s:" + opaqueID + "." + urlSafe + "="},
	}
	wantRefused(t, tests)
}

// signedES256 is a JWT, with its (r, s) and with (r, n-s).
func signedES256(t testing.TB, claims string) (token, other string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	hash := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, private, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	negative := new(big.Int).Sub(elliptic.P256().Params().N, s)
	if !ecdsa.Verify(&private.PublicKey, hash[:], r, negative) {
		t.Fatal("(r, n-s) is not valid")
	}
	both := make([]byte, 128)
	r.FillBytes(both[:32])
	s.FillBytes(both[32:64])
	r.FillBytes(both[64:96])
	negative.FillBytes(both[96:])
	return input + "." + encode(both[:64]), input + "." + encode(both[64:])
}

const claims = `{"iss":"https://sso.example.com/realms/main","sub":"24400320","exp":1790003600,"iat":1790000000}`

// TestEverySpellingOfJWT: the signature has equivalent spellings, and so has
// each part of an encrypted token.
func TestEverySpellingOfJWT(t *testing.T) {
	signed, negative := signedES256(t, claims)
	encode := base64.RawURLEncoding.EncodeToString
	random := func(n int) string {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return encode(b)
	}
	header := encode([]byte(`{"alg":"dir","enc":"A256GCM"}`))
	iv, text, tag := random(12), random(100), random(16)
	encrypted := header + ".." + iv + "." + text + "." + tag
	hmac := header + "." + encode([]byte(claims)) + "." + random(32)
	tests := []struct{ requirement, revoked, presented string }{
		{"as it was", signed, signed},
		{"(r, n-s)", signed, negative},
		{"(r, n-s), percent", signed, percent(negative)},
		{"(r, n-s), octal", signed, `"` + octal(negative) + `"`},
		{"dots in percent", signed, strings.ReplaceAll(signed, ".", "%2E")},
		{"one dot in percent", signed, strings.Replace(signed, ".", "%2e", 1)},
		{"padding", signed, signed + "=="},
		{"percent padding", signed, signed + "%3D%3D"},
		{"unused bits of HMAC", hmac, other(hmac)},
		{"junk in the signature", hmac, hmac[:len(hmac)-30] + "*!*" + hmac[len(hmac)-30:]},
		{"encrypted: as it was", encrypted, encrypted},
		{"encrypted: unused bits of the text", encrypted, header + ".." + iv + "." + other(text) + "." + tag},
		{"encrypted: unused bits of the tag", encrypted, header + ".." + iv + "." + text + "." + other(tag)},
		{"encrypted: junk in the text", encrypted, header + ".." + iv + "." + text[:50] + "!" + text[50:] + "." + tag},
		{"dots in what is no JWT", "eyJpdiI6" + opaqueID + opaqueID, "eyJpdiI6" + opaqueID[:4] + "." + opaqueID[4:] + "." + opaqueID},
	}
	for _, test := range tests {
		t.Run(test.requirement, func(t *testing.T) {
			list := open(t)
			revoke(t, list, test.revoked)
			if !list.RefusesAny([]string{"token=" + test.presented}) {
				t.Errorf("%q passes", test.presented)
			}
			if !list.Refuses(test.presented) {
				t.Error("as a header's value it passes")
			}
		})
	}
}

// other is the same base64 with other unused bits.
func other(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[i^1])
}

// TestForgedSignatureRefusesNobody: an unverified claim may only
// refuse the credential that carries it.
func TestForgedSignatureRefusesNobody(t *testing.T) {
	victim, _ := signedES256(t, claims)
	forged, _ := signedES256(t, claims)
	unsigned := victim[:strings.LastIndexByte(victim, '.')+1]
	list := open(t)
	for _, value := range []string{forged, unsigned, unsigned + "x", victim[:len(unsigned)-1]} {
		if f, ok := list.Fingerprint(value); ok {
			if err := list.Revoke(t.Context(), list.OfCredential(f, time.Time{})); err != nil {
				t.Fatal(err)
			}
		}
	}
	if list.RefusesAny([]string{"token=" + victim}) || list.Refuses(victim) {
		t.Error("a forged signature refuses the true one")
	}
	if !list.Refuses(forged) {
		t.Error("the forged one passes")
	}
}

// TestTooShort: values below 16 bytes are no credentials, whatever is put
// around them.
func TestTooShort(t *testing.T) {
	list := open(t)
	for _, value := range []string{"", "dark", "0123456789abcde", `"0123456789abcde"`, " 0123456789abcde ", percent("012345678abcde"), "dark!!!!!!!!!!!!!!!!!!!", "da                 rk", "----------------", "%%%%%%%%%%%%%%%%%%%%", `"\\\\\\\\\\\\\\\\\\`} {
		if _, ok := list.Fingerprint(value); ok {
			t.Errorf("%q has a fingerprint", value)
		}
	}
	if _, ok := list.Fingerprint("0123456789abcdef"); !ok {
		t.Error("16 bytes have none")
	}
}

// TestNeighbours: ids that somebody counts are no secrets, and yet each is
// refused alone.
func TestNeighbours(t *testing.T) {
	for _, format := range []string{"session-of-alice-%d", "1234567890123456%d", "0b9f1f8e-5c0e-4f51-9d0a-6a3a1a0d2c7%x", "user.session.00000%d", "SESSION0000000000000%d", "sessionsession-%d", "sessionsession-a%d", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.sig%d", "sess=ion sess=ion+sess %d"} {
		list := open(t)
		for i := range 9 {
			revoke(t, list, fmt.Sprintf(format, i))
			if list.Refuses(fmt.Sprintf(format, i+1)) {
				t.Errorf(format+": its neighbour is refused", i)
			}
		}
	}
}

// TestSecretsNeverCollide: what other people present is not refused.
func TestSecretsNeverCollide(t *testing.T) {
	list := open(t)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	seen := map[Fingerprint]string{}
	for i := range 200_000 {
		b := make([]byte, 12+random.IntN(40))
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		value := base64.RawURLEncoding.EncodeToString(b)
		if i%3 == 0 { // alike but for little
			value = fmt.Sprintf("prefix-%s-%08x-suffix", opaqueID, i)
		}
		f, ok := list.Fingerprint(value)
		if !ok {
			t.Fatalf("%q has no fingerprint", value)
		}
		if before, ok := seen[f]; ok && before != value {
			t.Fatalf("%q and %q are the same", before, value)
		}
		if i%10 == 0 {
			if g, _ := list.Fingerprint(percent(value)); f != g {
				t.Fatalf("%q is another in percent", value)
			}
		}
		seen[f] = value
	}
}

// TestOtherKeysAreOtherFingerprints: a dump of the list is useless.
func TestOtherKeysAreOtherFingerprints(t *testing.T) {
	a, b := newKeys(Key{1}), newKeys(Key{2})
	f, _, _ := a.ofOpaque(text{s: opaqueID}, natural)
	g, _, _ := b.ofOpaque(text{s: opaqueID}, natural)
	h, _, _ := a.ofOpaque(text{s: opaqueID}, natural)
	if f == g || f != h || a.sid.digest("a", "bc") == a.sid.digest("ab", "c") || a.sid.digest("a", "b") == a.sub.digest("a", "b") {
		t.Error("keys or domains are mixed up")
	}
}

// TestLongTexts: pieces make no difference, and every byte counts but for the
// last.
func TestLongTexts(t *testing.T) {
	list := open(t)
	seen := map[Fingerprint]int{}
	for n := 20; n < 3*hashPiece; n++ {
		value := strings.Repeat("a", n)
		f, ok := list.Fingerprint(value)
		if g, _ := list.Fingerprint("!" + value + "!"); !ok || f != g {
			t.Fatal(n, "spellings differ")
		}
		if g, _ := list.Fingerprint(percent(value)); f != g {
			t.Fatal(n, "percent differs")
		}
		if before, ok := seen[f]; ok {
			t.Fatal(n, "is the same as", before)
		}
		seen[f] = n
	}
}

// TestQuickSample: the quick way and the slow one are the same.
func TestQuickSample(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(5, 6))
	const characters = "abcXYZ0189abcXYZ0189abcXYZ0189.-_+/=!%% |\x80\xff"
	for range 200_000 {
		b := make([]byte, random.IntN(40))
		for i := range b {
			b[i] = characters[random.IntN(len(characters)-4*random.IntN(4))]
		}
		value := text{s: string(b)}
		a1, b1, ok1 := value.sample()
		a2, b2, ok2 := value.slowSample()
		if a1 != a2 || b1 != b2 || ok1 != ok2 {
			t.Fatalf("%q: %016x%016x %v, want %016x%016x %v", value.s, a1, b1, ok1, a2, b2, ok2)
		}
	}
}

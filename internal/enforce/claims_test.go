package enforce

import (
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// TestJWTIsFreeWithoutSessions: requests pay for it only while the list holds
// a session or a subject.
func TestJWTIsFreeWithoutSessions(t *testing.T) {
	list, p := openList(t), &Policy{ReadsJWT: true}
	f, _ := list.Fingerprint("0123456789abcdef0123456789abcdef")
	if err := list.Revoke(t.Context(), list.OfCredential(f, time.Time{})); err != nil {
		t.Fatal(err)
	}
	cookies := []string{"token=" + unsigned(`{"iss":"https://sso.example.com","sub":"ana","sid":"session-of-ana","iat":1}`)}
	if n := testing.AllocsPerRun(100, func() { p.refusesCookies(list, cookies) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzClaims: no cookie makes the parser panic, only what has an issuer is ever
// somebody's, and quotes change nothing.
func FuzzClaims(f *testing.F) {
	ana := unsigned(`{"iss":"https://sso.example.com","sub":"ana","sid":"session-of-ana","iat":1}`)
	for _, seed := range []string{ana, `"` + ana + `"`, "eyJ.eyJ.", "%65yJ.e30.x", "...", "%", "%4", `"\`, `"\17`, `"\171"`, "s:eyJ", "a.b.c.d", unsigned(`{"iss":1}`), unsigned(`[]`), unsigned(`{"iss":"x","sid":"y"}`)} {
		f.Add(seed)
	}
	list := openList(f)
	if err := list.Revoke(f.Context(), list.OfSession("x", "y")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for token := range revocation.JWTs(value) {
			if s, ok := sessionOf(token); ok && (s.Issuer == "" || s.Sid+s.Sub == "") {
				t.Errorf("%q is of nobody: %+v", value, s)
			}
		}
		if namesRefused(list, value) && !namesRefused(list, `"`+value+`"`) && !strings.Contains(value, `\`) {
			t.Errorf("%q reads differently in quotes", value)
		}
	})
}

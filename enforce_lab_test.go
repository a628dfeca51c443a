package universallogout

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// Two sessions that were copied out of a browser, and what is left of one is
// not what is left of the other.
const (
	revokedSession = "q7Zr3v9KxB2mW8sTn4LdYc6HgJ1pRfEa"
	aliveSession   = "Hb5tQx0WmC9zRk3VnJ7yLs2DgP8fTaUe"
)

// noEnd: for as long as sessions last.
var noEnd time.Time

// revoke refuses values, as a logout elsewhere does.
func (s *site) revoke(values ...string) {
	s.t.Helper()
	list := s.app.process.revocations.list.Load()
	for _, value := range values {
		f, ok := list.Fingerprint(value)
		if !ok {
			s.t.Fatalf("%q is too short", value)
		}
		if err := list.Revoke(context.Background(), list.OfCredential(f, noEnd)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// newEnforced is one site with these words, where one session is over.
func newEnforced(t testing.TB, words string, answer http.HandlerFunc) (*site, *sessions) {
	t.Helper()
	app := newSessions(t, nil)
	if answer != nil {
		app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			app.mu.Lock()
			app.seen = append(app.seen, r)
			app.mu.Unlock()
			answer(w, r)
		})
	}
	s := newSite(t, "", "app.example.com {\nuniversal_logout {\n"+words+"\n}\nreverse_proxy "+app.addr()+"\n}")
	s.revoke(revokedSession)
	return s, app
}

func wantExpired(t testing.TB, res *http.Response, name string) {
	t.Helper()
	if all := strings.Join(res.Header["Set-Cookie"], "\n"); !strings.Contains(all, name+"=; Path=/; Max-Age=0") {
		t.Errorf("%s is not expired: %q", name, all)
	}
	if res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a cache may keep the expirations: %q", res.Header.Get("Cache-Control"))
	}
}

// reaches reports whether the app gets a header of a request as it was sent.
func reaches(s *site, app *sessions, name, value string) bool {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/items", nil)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set(name, value)
	before := len(app.requests())
	s.do(r)
	for _, seen := range app.requests()[before:] {
		if seen.Header.Get(name) == value {
			return true
		}
	}
	return false
}

func jwtOf(claims, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte(signature))
}

func (s *site) list() *revocation.List { return s.app.process.revocations.list.Load() }

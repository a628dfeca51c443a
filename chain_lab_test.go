package universallogout

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

func init() {
	caddy.RegisterModule(noOp{})
	caddy.RegisterModule(naive{})
}

// CaddyModule makes it a handler for configs of tests.
func (noOp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_no_op", New: func() caddy.Module { return new(noOp) }}
}

// naive refuses sessions as one would write it with what is at hand. Ours is
// measured against it.
type naive struct {
	refused *sync.Map // SHA-256 of a cookie's value
}

// CaddyModule makes it a handler for configs of tests.
func (naive) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_naive", New: func() caddy.Module { return &naive{new(sync.Map)} }}
}

func (n naive) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	for _, c := range r.Cookies() {
		if _, refused := n.refused.Load(sha256.Sum256([]byte(c.Value))); refused {
			return caddyhttp.Error(http.StatusUnauthorized, nil)
		}
	}
	return next.ServeHTTP(w, r)
}

func (n naive) fill(sessions int) {
	for range sessions {
		n.refused.Store(sha256.Sum256([]byte(randomID())), struct{}{})
	}
}

// fillList refuses sessions that nobody has.
func fillList(t testing.TB, a *App, sessions int) {
	t.Helper()
	list := a.process.revocations.list.Load()
	for batch := range slices.Chunk(make([]struct{}, sessions), 1000) {
		var revocations []revocation.Revocation
		for range batch {
			f, ok := list.Fingerprint(randomID())
			if !ok {
				t.Fatal("not a session")
			}
			revocations = append(revocations, list.OfCredential(f, time.Time{}))
		}
		if err := list.Revoke(t.Context(), revocations...); err != nil {
			t.Fatal(err)
		}
	}
}

func randomID() string {
	id := make([]byte, 32)
	rand.Read(id)
	return base64.RawURLEncoding.EncodeToString(id)
}

// newChain is a Caddy with one route, of these handlers in JSON. Its list of
// revocations, or that of a naive handler in it, refuses so many sessions.
func newChain(t testing.TB, revocations int, handlers ...string) *site {
	t.Helper()
	s, err := loadJSON(t, fmt.Appendf(nil, `{"admin":{"disabled":true},"apps":{"http":{"servers":{"s":{
		"automatic_https":{"disable":true},"routes":[{"handle":[%s]}]}}}}}`, strings.Join(handlers, ",")))
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := s.http.Servers["s"].Routes[0].Handlers[0].(*naive); ok {
		n.fill(revocations)
	} else {
		fillList(t, s.app, revocations)
	}
	return s
}

// What a chain of newChain is made of.
const (
	chainOurs  = `{"handler":"universal_logout"}`
	chainNoOp  = `{"handler":"test_no_op"}`
	chainNaive = `{"handler":"test_naive"}`
	chainFixed = `{"handler":"static_response","body":"app"}`
)

func chainProxy(addr string) string {
	return fmt.Sprintf(`{"handler":"reverse_proxy","upstreams":[{"dial":%q}]}`, addr)
}

// pass sends requests that are no logout.
func (s *site) pass(requests []*http.Request) {
	server := s.http.Servers["s"]
	for _, r := range requests {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r.Clone(r.Context()))
		if w.Code != http.StatusOK {
			s.t.Fatalf("status %d", w.Code)
		}
	}
}

// ordinaryRequests are n of one browser, or each of another one.
func ordinaryRequests(n int, browsers bool) (requests []*http.Request) {
	r := ordinaryRequest()
	for range n {
		if browsers {
			r = ordinaryRequest()
		}
		requests = append(requests, r)
	}
	return requests
}

// ordinaryRequest is a script's, with five cookies, one of which is a session.
func ordinaryRequest() *http.Request {
	return request("GET", "http://app.example.com/api/v1/items?page=2", "", with(fetched,
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Accept-Language: en-US,en;q=0.5", "Referer: http://app.example.com/dashboard",
		"Cookie: theme=dark; lang=en-US; _ga=GA1.2.1847362910.1763712345; "+
			"consent=necessary:1|analytics:0|marketing:0|version:3|date:2026-11-20; sessionid="+randomID())...)
}

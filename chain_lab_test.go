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

type noOp struct{}

//go:noinline
func (noOp) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

func nothing(http.ResponseWriter, *http.Request) error { return nil }

// passThroughRequests are requests that are no logout, as browsers send them.
func passThroughRequests() map[string]*http.Request {
	cookies := "theme=dark; _ga=GA1.2.1234567890.1234567890; lang=en; sessionid=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy; csrftoken=8f14e45fceea167a5a36dedd4bea2543; consent=yes; sidebar=open; density=compact; tz=Europe-Berlin"
	script := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items?page=2", nil)
	script.Header.Set("Sec-Fetch-Mode", "cors")
	script.Header.Set("Cookie", cookies)
	post := httptest.NewRequest(http.MethodPost, "https://app.example.com/api/v1/items", nil)
	post.Header.Set("Sec-Fetch-Mode", "cors")
	post.Header.Set("Cookie", cookies)
	plain := httptest.NewRequest(http.MethodGet, "https://app.example.com/static/app.js", nil)
	page := httptest.NewRequest(http.MethodGet, "https://app.example.com/dashboard/overview", nil)
	page.Header.Set("Sec-Fetch-Mode", "navigate")
	page.Header.Set("Cookie", cookies)
	almost := httptest.NewRequest(http.MethodGet, "https://app.example.com/about", nil) // ends like /logout
	almost.Header.Set("Sec-Fetch-Mode", "cors")
	almost.Header.Set("Cookie", cookies)
	bearer := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items", nil)
	bearer.Header.Set("Authorization", "Bearer Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy")
	bad := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items", nil)
	bad.Header["Cookie"] = []string{"; ;=;a;\x00=b; =;\"=\"xy\"; s[id]=%zz%4", "", "sessionid=" + strings.Repeat("Zm9v", 1000)}
	many := httptest.NewRequest(http.MethodGet, "https://app.example.com/api/v1/items", nil)
	many.Header.Set("Cookie", cookies+strings.Repeat("; chunk=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy", 11))
	return map[string]*http.Request{"bearer": bearer, "bad cookies": bad, "20 cookies": many, "script": script, "post": post, "no cookies": plain, "navigation": page, "almost a logout": almost}
}

// blockOf is the time of one request, measured over n of them.
func blockOf(n int, handler caddyhttp.MiddlewareHandler, r *http.Request) float64 {
	next := caddyhttp.HandlerFunc(nothing)
	began := time.Now()
	for range n {
		_ = handler.ServeHTTP(nil, r, next)
	}
	return float64(time.Since(began).Nanoseconds()) / float64(n)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

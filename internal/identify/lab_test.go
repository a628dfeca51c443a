package identify

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const (
	one = "0123456789abcdef-session-of-an-app"
	two = "fedcba9876543210-session-of-an-app"
)

// lab is a source with a list in memory, and a clock that tests set.
type lab struct {
	*Source
	list   *revocation.List
	now    time.Time
	logged *observer.ObservedLogs
}

func newLab(t testing.TB, src *Source) *lab {
	t.Helper()
	lab := &lab{Source: src, now: start}
	sessions, err := cookie.NewRules(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	lab.list, err = revocation.Open(t.Context(), revocation.Options{Key: revocation.Key{1}, Lifetime: time.Hour, Now: func() time.Time { return lab.now }, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lab.list.Close() })
	core, logged := observer.New(zap.DebugLevel)
	lab.logged = logged
	src.Sessions, src.Issuer, src.Now = sessions, func() string { return "https://sso.example.com" }, func() time.Time { return lab.now }
	src.List = func() *revocation.List { return lab.list }
	src.Logger = func() *zap.Logger { return zap.New(core) }
	return lab
}

// request is one as Caddy makes it. proxied says that a trusted proxy sent it.
func request(proxied bool, cookies string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	vars := map[string]any{caddyhttp.TrustedProxyVarKey: proxied}
	ctx := context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars)
	ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	return r.WithContext(ctx)
}

// serve lets a request through to an app.
func (lab *lab) serve(r *http.Request, app func(w http.ResponseWriter, r *http.Request) error) (*httptest.ResponseRecorder, error) {
	w := httptest.NewRecorder()
	return w, lab.Behind(caddyhttp.HandlerFunc(app)).ServeHTTP(w, r)
}

func (lab *lab) isBound(t testing.TB, value string) bool {
	t.Helper()
	f, ok := lab.list.Fingerprint(value)
	if !ok {
		t.Fatalf("%q has no fingerprint", value)
	}
	return lab.list.IsBound(f)
}

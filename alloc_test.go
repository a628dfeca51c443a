//go:build !race

package universallogout

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
)

// TestPassThroughAllocatesNothing: T3, above a no-op handler.
func TestPassThroughAllocatesNothing(t *testing.T) {
	w, next := httptest.NewRecorder(), caddyhttp.HandlerFunc(nothing)
	for name, config := range map[string]*Handler{
		"default":      {},
		"with a query": {Paths: []string{"/index.php?action=logout", "/users/*/logout", "POST /api/logout"}},
		"off":          {Paths: []string{"off"}},
		"with headers": {SessionHeaders: []string{"Authorization"}, OnRevoked: enforce.Reject},
	} {
		config.edge = &App{Prefix: defaultPrefix, process: &process{revocations: inMemory(t, time.Now)}}
		config.edge.enforcing = config.edge.newEnforcing()
		if err := config.compile(); err != nil {
			t.Fatal(err)
		}
		requests := passThroughRequests()
		requests["a page of index.php"] = httptest.NewRequest("GET", "https://app.example.com/index.php?action=view&id=%41+b;c", nil)
		requests["odd path"] = httptest.NewRequest("GET", "https://app.example.com/a;b/../c//d/about", nil)
		for kind, r := range requests {
			noop := testing.AllocsPerRun(100, func() { _ = noOp{}.ServeHTTP(w, r, next) })
			if ours := testing.AllocsPerRun(100, func() { _ = config.ServeHTTP(w, r, next) }); ours > noop {
				t.Errorf("%s, %s: %v allocations, a no-op handler has %v", name, kind, ours, noop)
			}
		}
		list := config.edge.process.revocations.list.Load()
		for i := range 1000 {
			f, _ := list.Fingerprint(strings.Repeat(string(rune('!'+i%90)), 16) + strconv.Itoa(i))
			if err := list.Revoke(t.Context(), list.OfCredential(f, noEnd)); err != nil {
				t.Fatal(err)
			}
		}
		for kind, r := range requests {
			noop := testing.AllocsPerRun(100, func() { _ = noOp{}.ServeHTTP(w, r, next) })
			if ours := testing.AllocsPerRun(100, func() { _ = config.ServeHTTP(w, r, next) }); ours > noop {
				t.Errorf("%s, %s, with revocations: %v allocations, a no-op handler has %v", name, kind, ours, noop)
			}
		}
	}
}

//go:build !race

package universallogout

import (
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TestPassThroughAllocatesNothing: T3, above a no-op handler.
func TestPassThroughAllocatesNothing(t *testing.T) {
	w, next := httptest.NewRecorder(), caddyhttp.HandlerFunc(nothing)
	for name, config := range map[string]*Handler{
		"default":      {},
		"with a query": {Paths: []string{"/index.php?action=logout", "/users/*/logout", "POST /api/logout"}},
		"off":          {Paths: []string{"off"}},
	} {
		config.app = &App{Prefix: defaultPrefix}
		if err := config.compile(); err != nil {
			t.Fatal(err)
		}
		requests := passThroughRequests()
		requests["a page of index.php"] = httptest.NewRequest("GET", "https://app.example.com/index.php?action=view&id=%41+b;c", nil)
		requests["odd path"] = httptest.NewRequest("GET", "https://app.example.com/a;b/../c//d/about", nil)
		for kind, r := range requests {
			ours := testing.AllocsPerRun(100, func() { _ = config.ServeHTTP(w, r, next) })
			noop := testing.AllocsPerRun(100, func() { _ = noOp{}.ServeHTTP(w, r, next) })
			if ours > noop {
				t.Errorf("%s, %s: %v allocations, a no-op handler has %v", name, kind, ours, noop)
			}
		}
	}
}

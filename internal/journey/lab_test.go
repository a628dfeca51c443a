package journey

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/seal"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	app   = origin.Origin{Scheme: "https", Host: "app.example.com"}
	other = origin.Origin{Scheme: "https", Host: "other.example.com"}
)

// lab has seals with a clock that tests set.
type lab struct {
	Seals
	now time.Time
}

func newLab(t testing.TB) *lab {
	t.Helper()
	keys, err := seal.NewRing()
	if err != nil {
		t.Fatal(err)
	}
	s := &lab{now: start}
	s.Seals = Seals{Keys: keys, Prefix: "/.universal-logout", Now: func() time.Time { return s.now }}
	return s
}

// landing is one of app, from the start of the clock.
func landing() *Landing {
	return &Landing{ID: "logout", Host: app.Host, Began: start.Unix(), Outcome: outcome.Ended, Target: "/bye", GoesOn: true, Browser: "browser"}
}

// sweep has expirations left, and a landing page after them.
func sweep() Sweep {
	return Sweep{
		Host: app.Host, Made: start.Unix(), Browser: "browser", Landing: landing(),
		Leftover: &cookie.Leftover{Salt: []byte("salt"), Names: 1, Path: "/logout", Next: 3, Pass: 1},
	}
}

// visit has not begun.
func visit() *Visit { return &Visit{Provider: "main", Clients: []Client{{ID: "one"}}, ID: "visit"} }

func aTour() *tour.Tour {
	return &tour.Tour{ID: "tour", Group: "default", Start: app.String(), Made: start.Unix(), Results: make([]byte, 2)}
}

// get is a navigation with a query and Cookie lines.
func get(query string, cookies ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/logout", nil)
	r.URL.RawQuery = query
	if len(cookies) > 0 {
		r.Header["Cookie"] = cookies
	}
	return r
}

// pair is what a browser presents of a Set-Cookie line.
func pair(line string) string {
	before, _, _ := strings.Cut(line, ";")
	return before
}

// tokenIn is what stands behind the last "=" of an address.
func tokenIn(address string) string { return address[strings.LastIndexByte(address, '=')+1:] }

// lifetime is a moment at which something is still good, or no more.
type lifetime struct {
	after time.Duration
	ok    bool
}

// tenMinutes is the life of all that waits for a person; clocks of nodes differ.
var tenMinutes = []lifetime{{0, true}, {-time.Minute, true}, {-time.Minute - time.Second, false}, {10 * time.Minute, true}, {10*time.Minute + time.Second, false}}

package journey

import (
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestLandingIsOfItsHost: at another one, it is none.
func TestLandingIsOfItsHost(t *testing.T) {
	s := newLab(t)
	address := s.DoneURL(*landing())
	if !strings.HasPrefix(address, "/.universal-logout/done?t=") {
		t.Error(address)
	}
	for own, want := range map[origin.Origin]bool{app: true, other: false, {}: false, {Scheme: "https", Host: "app.example.com:8443"}: false} {
		done, ok := s.OpenLanding(tokenIn(address), own)
		if ok != want || ok && done.Target != "/bye" || !ok && done.ID != "" {
			t.Errorf("%s: %t %+v", own, ok, done)
		}
	}
}

// TestIsFrom: the cookie of this very logout, of this very host.
func TestIsFrom(t *testing.T) {
	plain := origin.Origin{Scheme: "http", Host: app.Host}
	for _, tc := range []struct {
		cookies string
		own     origin.Origin
		want    bool
	}{
		{"__Host-universal-logout=browser", app, true},
		{"a=b; __Host-universal-logout=browser", app, true},
		{"__Host-universal-logout=browser2", app, false},
		{"__Host-universal-logout=", app, false},
		{"universal-logout=browser", app, false},
		{"universal-logout=browser", plain, true},
		{"", app, false},
	} {
		if got := IsFrom(get("", tc.cookies), tc.own, "browser"); got != tc.want {
			t.Errorf("%q at %s: %t", tc.cookies, tc.own, got)
		}
	}
}

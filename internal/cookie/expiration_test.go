package cookie

import (
	"slices"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestExpirationLines pins what each line must and must not have.
func TestExpirationLines(t *testing.T) {
	https, http := origin.Origin{Scheme: "https", Host: "app.example.com"}, origin.Origin{Scheme: "http", Host: "app.example.com"}
	for _, tc := range []struct {
		name, cookie string
		v            Variant
		own          origin.Origin
		want         string
	}{
		{"CK-04, CK-05, CK-07, CK-08", "sid", Variant{"", "/", false}, https, "sid=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Lax"},
		{"CK-02", "sid", Variant{"example.com", "/x", false}, https, "sid=; Path=/x; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Lax"},
		{"CK-06 has no Domain", "__Host-sid", Variant{"example.com", "/", false}, https, ""},
		{"CK-06 has no other path", "__HOST-sid", Variant{"", "/x", false}, https, ""},
		{"CK-06 HttpOnly", "__Http-sid", Variant{"", "/", false}, https, "__Http-sid=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly; SameSite=Lax"},
		{"CK-09", "sid", Variant{"", "/", true}, https, "sid=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=None; Partitioned"},
		{"no Secure over http", "sid", Variant{"", "/", false}, http, "sid=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax"},
	} {
		if got := expiration(tc.cookie, tc.v, tc.own); got != tc.want {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, tc.want)
		}
	}
	// CK-03: never a public suffix, never for an address.
	for host, want := range map[string][]string{
		"app.example.com": {"", "example.com", "app.example.com"},
		"a.b.example.com": {"", "example.com", "a.b.example.com", "b.example.com"},
		"example.com":     {"", "example.com"},
		"co.uk":           {""}, "localhost": {""}, "192.0.2.1": {""}, "2001:db8::1": {""},
		"app.example.com.": {""}, "evil;x=.example.com": {""}, "": {""},
	} {
		got := cookieDomains(host)
		if len(got) > 2 {
			slices.Sort(got[2:])
		}
		if !slices.Equal(got, want) {
			t.Errorf("domains of %q: %q, want %q", host, got, want)
		}
	}
}

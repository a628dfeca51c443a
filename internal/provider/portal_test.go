package provider

import (
	"net/http"
	"testing"
)

// TestPortalReturnURLIsEscaped: the return address is one value, whatever
// stands around it in the template.
func TestPortalReturnURLIsEscaped(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"https://auth.example.com/logout?rd={return_url}&x=1":           "https://auth.example.com/logout?rd=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y&x=1",
		"https://auth.example.com/logout":                               "https://auth.example.com/logout",
		"https://auth.example.com/l?a={return_url}&b={return_url}":      "https://auth.example.com/l?a=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y&b=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y",
		"https://auth.example.com/l?a=%7B{return_url}%7D":               "https://auth.example.com/l?a=%7Bhttps%3A%2F%2Fa.example%2F%3Fx%3D1%26y%7D",
		"/outpost.goauthentik.io/sign_out?rd={return_url}":              "/outpost.goauthentik.io/sign_out?rd=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y",
		"https://auth.example.com/logout?next=/bye?u={return_url}&z=%2": "https://auth.example.com/logout?next=/bye?u=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y&z=%2",
	} {
		if got, err := expandReturnURL(template, "https://a.example/?x=1&y"); err != nil || got != want {
			t.Errorf("%s becomes %s, %v", template, got, err)
		}
	}
}

// TestPortalURL: a portal that is out of order gets no browser. On the site
// itself only browsers are let in, so nobody else asks.
func TestPortalURL(t *testing.T) {
	for name, tc := range map[string]struct {
		logoutURL, address, endpoint string
		status                       int
		ok                           bool
	}{
		"fine":         {"https://auth.example.com/logout?rd={return_url}", "https://auth.example.com/logout?rd=https%3A%2F%2Fa.example%2F", "https://auth.example.com/logout", 200, true},
		"refuses us":   {"https://auth.example.com/logout", "https://auth.example.com/logout", "https://auth.example.com/logout", 400, true},
		"out of order": {"https://auth.example.com/logout?rd={return_url}", "", "https://auth.example.com/logout", 502, false},
		"on the site":  {"/logout?rd={return_url}", "/logout?rd=https%3A%2F%2Fa.example%2F", "/logout", 502, true},
	} {
		p := newLab(t, Config{LogoutURL: tc.logoutURL})
		p.AskThrough(transport(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tc.status) }))
		address, endpoint, ok := p.PortalURL(t.Context(), "https://a.example/")
		if address != tc.address || endpoint != tc.endpoint || ok != tc.ok {
			t.Errorf("%s: %q %q %v", name, address, endpoint, ok)
		}
	}
}

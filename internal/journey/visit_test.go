package journey

import (
	"slices"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// TestClients: a hint is fetched with the secret that we have, and each client
// returns to what is registered for it.
func TestClients(t *testing.T) {
	v := &Visit{Clients: []Client{{ID: "one", ReturnURI: "https://app.example.com/bye"}, {ID: "two"}}}
	none, ours := new(provider.Provider), &provider.Provider{Config: provider.Config{ClientID: "ours"}}
	if got := []string{v.OurClient(none), v.OurClient(ours), new(Visit).OurClient(none), new(Visit).OurClient(ours)}; !slices.Equal(got, []string{"one", "ours", "", "ours"}) {
		t.Errorf("%q", got)
	}
	if got := v.ClientIDs(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q", got)
	}
	for id, want := range map[string]string{"one": "https://app.example.com/bye", "two": "", "three": "", "": ""} {
		if got := v.ReturnURIOf(id); got != want {
			t.Errorf("%s: %q", id, got)
		}
	}
}

// TestBack: a path of URLs on the site only, however they are written.
func TestBack(t *testing.T) {
	for raw, want := range map[string]string{
		"https://app.example.com/bye?a=b#c": "/bye", "https://APP.example.com:443": "/", "https://app.example.com/a%2Fb": "/a/b",
		"http://app.example.com/bye": "", "https://app.example.com:8443/bye": "", "https://other.example.com/bye": "",
		"/bye": "", "//app.example.com/bye": "", "": "", "https://app.example.com/%zz": "", "javascript:alert(1)": "",
	} {
		v := &Visit{BackPath: "/before"}
		if v.SetBack(app, raw); v.BackPath != want {
			t.Errorf("%q: %q", raw, v.BackPath)
		}
	}
}

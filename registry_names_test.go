package universallogout

import (
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestServes: the names that a configuration gives away, and no others.
func TestServes(t *testing.T) {
	t.Setenv("PLACE", "env")
	s := newSite(t, "", `app.example.com {`+named("a")+`}
	{env.PLACE}.example.net {`+named("e")+`}
	plain.example.org {
		respond hello
	}
	*.wild.example.com {
		`+named("w")+`
		@in host in.wild.example.com elsewhere.example.com
		handle @in {
			respond hello
		}
	}
	https:// {`+named("any")+`}`)
	for address, want := range map[string]bool{
		"https://app.example.com":         true,
		"https://app.example.com:8443":    true,
		"http://app.example.com":          false,
		"https://env.example.net":         true,
		"https://plain.example.org":       true,
		"https://in.wild.example.com":     true,
		"https://any.wild.example.com":    true,
		"https://a.b.wild.example.com":    false,
		"https://wild.example.com":        false,
		"https://elsewhere.example.com":   false,
		"https://example.com":             false,
		"https://{env.place}.example.net": false,
		"https://":                        false,
	} {
		if got := s.app.serves(origin.Parse(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

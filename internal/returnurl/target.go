// Package returnurl decides where a logout may lead.
package returnurl

import (
	"errors"

	whatwg "github.com/nlnwa/whatwg-url/url"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

var errTarget = errors.New("the return URL leads elsewhere or has characters that no address needs")

// Target is the address to emit for a return URL that a request or an
// app's answer supplied, or an error: it may lead to our own origin or to an
// allowed one, for every parser there is. What is emitted is rebuilt from what
// a browser's parser understood, never the input (URL-09); for our own origin
// it is a path, so that a forged Host header leads nowhere.
func Target(raw string, own origin.Origin, allowed []Pattern) (string, error) {
	if !origin.IsPlainURL(raw) {
		return "", errTarget
	}
	u, err := whatwg.ParseRef(own.String()+"/", raw)
	if err != nil {
		return "", errTarget
	}
	target := origin.New(u.Scheme(), u.Host())
	local := u.Pathname() + u.Search() + u.Hash()
	switch {
	case target == (origin.Origin{}) || u.Username() != "" || u.Password() != "":
		return "", errTarget
	case target == own:
		raw = local
	default:
		if !isAllowed(target, u.Pathname(), allowed) {
			return "", errTarget
		}
		raw = target.String() + local
	}
	// Read back what the browser will read: it must lead to the same place.
	again, err := whatwg.ParseRef(own.String()+"/", raw)
	if err != nil || origin.New(again.Scheme(), again.Host()) != target || again.Pathname() != u.Pathname() {
		return "", errTarget
	}
	return raw, nil
}

func isAllowed(o origin.Origin, path string, allowed []Pattern) bool {
	for _, p := range allowed {
		if p.matches(o, path) {
			return true
		}
	}
	return false
}

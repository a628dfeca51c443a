package logoutpath

import (
	"net/url"
	"path"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// plainPath is where the cookies of a logout may lie, whatever the spelling.
func Plain(u *url.URL) string {
	if p := u.EscapedPath(); origin.IsPlainPath(p) {
		return p
	}
	if p := (&url.URL{Path: path.Clean("/" + u.Path)}).EscapedPath(); origin.IsPlainPath(p) {
		return p
	}
	return "/"
}

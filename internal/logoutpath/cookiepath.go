package logoutpath

import (
	"net/url"
	"path"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// CookiePath is the escaped path at which the cookies of a logout at u may lie, however
// u spells it; "/" if no spelling is plain.
func CookiePath(u *url.URL) string {
	if p := u.EscapedPath(); origin.IsPlainPath(p) {
		return p
	}
	if p := (&url.URL{Path: path.Clean("/" + u.Path)}).EscapedPath(); origin.IsPlainPath(p) {
		return p
	}
	return "/"
}

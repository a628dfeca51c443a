package cookie

import (
	"fmt"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// BrowserCookie proves that the browser which shows a landing page is the one
// that logged out: else a link to it would clear somebody's storage. The names
// of our other cookies begin with it.
const BrowserCookie = "universal-logout"

// Own is the Set-Cookie line of a cookie of ours that no script and no other
// host can touch. On plain http, where __Host- does not exist, it is an
// ordinary one. A lifetime of 0 deletes it.
func Own(own origin.Origin, name, value string, lifetime time.Duration) string {
	line := fmt.Sprintf("%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", OwnName(own, name), value, int(lifetime.Seconds()))
	if own.IsHTTPS() {
		line += "; Secure"
	}
	return line
}

// OwnName is the name that Own gives a cookie.
func OwnName(own origin.Origin, name string) string {
	if own.IsHTTPS() {
		return "__Host-" + name
	}
	return name
}

// IsOwn reports whether a cookie of this name is ours.
func IsOwn(name string) bool {
	return strings.HasPrefix(WithoutSecurityPrefix(name), BrowserCookie)
}

package journey

import (
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
)

const (
	MarkerLifetime = time.Minute
	MarkerCookie   = cookie.BrowserCookie + "-marker"
)

func HasMarker(lines []string) bool {
	for _, line := range lines {
		if strings.Contains(line, MarkerCookie) {
			return true
		}
	}
	return false
}

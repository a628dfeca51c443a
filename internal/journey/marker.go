package journey

import (
	"net/http"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

const (
	// MarkerCookie is the name of the cookie that carries a journey. With https
	// __Host- stands before it.
	MarkerCookie = cookie.BrowserCookie + "-marker"

	// MarkerLifetime is for the next page that the browser opens.
	MarkerLifetime = time.Minute

	maxMarker = 3900 // bytes of name and value; browsers drop a cookie with more than 4096
)

// HasMarker is the cheap question whether Cookie lines may have a marker.
func HasMarker(lines []string) bool {
	for _, line := range lines {
		if strings.Contains(line, MarkerCookie) {
			return true
		}
	}
	return false
}

// SealMarker is the Set-Cookie line of a journey. What makes it too long for a
// cookie is left out, the least important first. ok is false if it is too long
// without that, too.
func (s *Seals) SealMarker(own origin.Origin, j Journey, lifetime time.Duration) (line string, ok bool) {
	for more := true; more; j, more = j.shorter() {
		token := markerToken.Seal(s.Keys, j)
		if len(token)+len("__Host-"+MarkerCookie) <= maxMarker {
			return cookie.Own(own, MarkerCookie, token, lifetime), token != ""
		}
	}
	return "", false
}

// DropMarker is the Set-Cookie line that deletes a marker.
func DropMarker(own origin.Origin) string { return cookie.Own(own, MarkerCookie, "", 0) }

// OpenMarker reads the journey of the browser that makes a request. A journey
// that is too old, or of another host, is returned too, but is not ok.
func (s *Seals) OpenMarker(r *http.Request, own origin.Origin) (j Journey, ok bool) {
	if !markerToken.Open(s.Keys, presented(r, own, MarkerCookie), &j) || !j.isSound() {
		return Journey{}, false
	}
	return j, j.Sweep.Host == own.Host && s.IsRecent(j.Sweep.Made, j.lifetime())
}

// presented is the value of a cookie of ours.
func presented(r *http.Request, own origin.Origin, name string) string {
	return cookie.Value(r.Header["Cookie"], cookie.OwnName(own, name))
}

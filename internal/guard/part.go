package guard

import (
	"net/http"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// mayAsk: only a script of the page that has the token. A form of another page
// that this site's service worker has sent on has our own Origin too, in some
// engines, but not this mode (BR-05: Firefox, WebKit).
func MayAsk(r *http.Request, page origin.Origin) bool {
	if origin.Parse(SoleValue(r.Header, "Origin")) != page ||
		SoleValue(r.Header, "Sec-Fetch-Mode") != "cors" || SoleValue(r.Header, "Sec-Fetch-Dest") != "empty" {
		return false
	}
	if referer := r.Header.Get("Referer"); referer != "" && origin.Parse(referer) != page {
		return false
	}
	switch SoleValue(r.Header, "Sec-Fetch-Site") {
	case "same-origin", "same-site":
		return true
	}
	return false
}

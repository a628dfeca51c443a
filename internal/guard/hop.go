package guard

import (
	"net/http"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// hopSource is the origin of the page that a form was on. A service worker that
// sends the request on may put its own site there; then only the Referer is
// still the page's (BR-05: Firefox).
func HopSource(r *http.Request, own origin.Origin) origin.Origin {
	source := origin.Parse(SoleValue(r.Header, "Origin"))
	if source != own || !ViaWorker(r) {
		return source
	}
	if referer := r.Header.Get("Referer"); !isScript(referer) { // BR-05: WebKit names the worker's script
		return origin.Parse(referer)
	}
	return origin.Origin{}
}

// viaWorker: a page that the browser fetches by itself is a document.
func ViaWorker(r *http.Request) bool {
	dest := SoleValue(r.Header, "Sec-Fetch-Dest")
	return dest != "" && dest != "document"
}

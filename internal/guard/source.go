package guard

import (
	"net/http"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// FormSource is the origin of the page that a form was on. A service worker that
// sends the request on may put its own site there; then only the Referer is
// still the page's (BR-05: Firefox).
func FormSource(r *http.Request, own origin.Origin) origin.Origin {
	source := origin.Parse(SoleValue(r.Header, "Origin"))
	if source != own || !MayBeByWorker(r) {
		return source
	}
	if referer := r.Header.Get("Referer"); !isScript(referer) { // BR-05: WebKit names the worker's script
		return origin.Parse(referer)
	}
	return origin.Origin{}
}

// MayBeByWorker reports whether a service worker may have sent a form's request on:
// a page that the browser fetches by itself is a document.
func MayBeByWorker(r *http.Request) bool {
	dest := SoleValue(r.Header, "Sec-Fetch-Dest")
	return dest != "" && dest != "document"
}

// MayAsk reports whether a script of page sent the request, the page that has
// the token. A form of another page that this site's service worker has sent on
// has our own Origin too, in some engines, but not this mode (BR-05: Firefox,
// WebKit).
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

// WithholdsReferrer tells a form on a page of our own with Referrer-Policy:
// no-referrer. Its Origin is null like a stranger's, but a browser that does
// not speak through a worker calls no stranger same-origin.
func WithholdsReferrer(r *http.Request) bool {
	return SoleValue(r.Header, "Origin") == "null" && SoleValue(r.Header, "Sec-Fetch-Site") == "same-origin" &&
		SoleValue(r.Header, "Sec-Fetch-Mode") == "navigate" && SoleValue(r.Header, "Sec-Fetch-Dest") == "document"
}

// fromFriend reads the Referer of a navigation that a service worker sent on:
// only that is still the page's. Firefox leaves it out if the page withheld
// it, and says same-origin all the same; WebKit then names the worker's
// script; and Chromium, which leaves it out too, tells the truth about the site.
func fromFriend(r *http.Request, friend func(origin.Origin) bool) bool {
	referer := r.Header.Get("Referer")
	if referer == "" {
		return SoleValue(r.Header, "Sec-Fetch-Mode") == "navigate"
	}
	return friend(origin.Parse(referer)) && !isScript(referer)
}

// isScript reports whether a URL is most likely a service worker's script.
func isScript(rawURL string) bool {
	path := strings.ToLower(rawURL[:strings.IndexAny(rawURL+"?", "?;#")])
	name := path[strings.LastIndexByte(path, '/')+1:]
	return strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".mjs") || strings.HasSuffix(name, "worker") || name == "sw"
}

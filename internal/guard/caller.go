package guard

import (
	"net/http"
	"strings"
)

// Caller is who sent a request, as far as its answer depends on it.
type Caller struct {
	// Navigation: a person waits for a page. Otherwise a script waits for data.
	Navigation bool

	// ViaWorker: the navigation came through a service worker that fetched it.
	// Its Origin, Sec-Fetch-Site and Sec-Fetch-Mode are then the worker's in
	// some engines (BR-05: Firefox, WebKit), and Clear-Site-Data on its
	// answer can hang the tab (BR-04: Chromium).
	ViaWorker bool
}

// CallerOf tells pages from scripts.
func CallerOf(r *http.Request) Caller {
	html := acceptsHTML(r)
	switch mode := SoleValue(r.Header, "Sec-Fetch-Mode"); mode {
	case "navigate":
		return Caller{Navigation: true, ViaWorker: SoleValue(r.Header, "Sec-Fetch-Dest") == "empty"}
	case "":
		if r.Header.Get("X-Requested-With") != "" {
			return Caller{}
		}
		// No Fetch Metadata: plain http, an old browser, or a program.
		anything := (accepts(r, "*/*") || len(r.Header["Accept"]) == 0) && !acceptsSubresource(r)
		return Caller{Navigation: html || (IsSafe(r.Method) && anything && !accepts(r, "application/json"))}
	case "same-origin":
		// Firefox's mode of a navigation that a worker sent on; what scripts
		// fetch with this mode does not ask for a page.
		return Caller{Navigation: html, ViaWorker: html}
	default:
		return Caller{}
	}
}

func acceptsHTML(r *http.Request) bool {
	return accepts(r, "text/html") || accepts(r, "application/xhtml+xml")
}

// acceptsSubresource tells the images and styles of browsers that send no
// Fetch Metadata: some other user's picture on the same site is no logout.
func acceptsSubresource(r *http.Request) bool {
	return !acceptsHTML(r) && (accepts(r, "image/") || accepts(r, "text/css") || accepts(r, "video/") || accepts(r, "audio/"))
}

func accepts(r *http.Request, mediaType string) bool {
	for _, line := range r.Header["Accept"] {
		if strings.Contains(strings.ToLower(line), mediaType) {
			return true
		}
	}
	return false
}

// IsWebKit tells the engine by the only word it gives about itself.
func IsWebKit(r *http.Request) bool {
	agent := r.Header.Get("User-Agent")
	return strings.Contains(agent, "AppleWebKit/") && !strings.Contains(agent, "Chrome/") && !strings.Contains(agent, "Chromium/")
}

package universallogout

import (
	"net/http"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// verdict is what the guard says about a request on a logout path.
type verdict int

const (
	verdictLogout      verdict = iota // do it
	verdictAsk                        // the confirmation page
	verdictRefuse                     // 403
	verdictRefuseAsk                  // 403, with the confirmation page
	verdictSpeculative                // 503: the browser only guesses; it comes again if the user does
	verdictNotAllowed                 // 405
	verdictPass                       // no logout whatever its path: on to the app
)

// caller is who sent a request, as far as its answer depends on it.
type caller struct {
	// navigation: a person waits for a page. Otherwise a script waits for data.
	navigation bool

	// viaWorker: the navigation came through a service worker that fetched it.
	// Its Origin, Sec-Fetch-Site and Sec-Fetch-Mode are then the worker's in
	// some engines (browsers: Firefox, WebKit), and Clear-Site-Data on its
	// answer can hang the tab (browsers: Chromium).
	viaWorker bool
}

// callerOf tells pages from scripts.
func callerOf(r *http.Request) caller {
	html := acceptsHTML(r)
	switch mode := soleValue(r.Header, "Sec-Fetch-Mode"); mode {
	case "navigate":
		return caller{navigation: true, viaWorker: soleValue(r.Header, "Sec-Fetch-Dest") == "empty"}
	case "":
		if r.Header.Get("X-Requested-With") != "" {
			return caller{}
		}
		// No Fetch Metadata: plain http, an old browser, or a program.
		anything := (accepts(r, "*/*") || len(r.Header["Accept"]) == 0) && !acceptsSubresource(r)
		return caller{navigation: html || (isSafe(r.Method) && anything && !accepts(r, "application/json"))}
	case "same-origin":
		// Firefox's mode of a navigation that a worker sent on; what scripts
		// fetch with this mode does not ask for a page.
		return caller{navigation: html, viaWorker: html}
	default:
		return caller{}
	}
}

// guard decides who may log out the person behind r (design 5.2). trusted
// tells the origins of other sites that may start a logout here.
func guard(r *http.Request, own origin.Origin, trusted func(origin.Origin) bool, allowCrossSite bool) verdict {
	if isSpeculative(r.Header) {
		return verdictSpeculative
	}
	friend := func(o origin.Origin) bool { return o != (origin.Origin{}) && (o == own || trusted(o)) }

	if r.Method == http.MethodOptions {
		return verdictPass
	}
	if r.Method == http.MethodConnect || len(r.Header["Upgrade"]) > 0 {
		// Only a WebSocket handshake can reach us from another site's page like
		// this, and it always names its Origin. An app that does not look at
		// Upgrade would take it for a plain GET of its logout.
		if o := r.Header["Origin"]; len(o) > 0 && !friend(origin.Parse(soleValue(r.Header, "Origin"))) {
			return verdictRefuse
		}
		return verdictPass
	}
	if r.Method != http.MethodHead && !slices.Contains(logoutMethods, r.Method) {
		return verdictNotAllowed
	}
	switch soleValue(r.Header, "Sec-Fetch-Dest") {
	case "", "document", "empty":
	default:
		return verdictRefuse // frames, images, scripts: CSRF-06
	}
	if isSafe(r.Method) {
		return guardGet(r, own, friend, allowCrossSite)
	}
	return guardPost(r, own, friend, allowCrossSite)
}

func guardGet(r *http.Request, own origin.Origin, friend func(origin.Origin) bool, allowCrossSite bool) verdict {
	c := callerOf(r)
	site := soleValue(r.Header, "Sec-Fetch-Site")
	referer := origin.Parse(r.Header.Get("Referer"))
	switch {
	case !c.navigation && site == "":
		if friend(referer) && !acceptsSubresource(r) {
			return verdictLogout
		}
		return verdictRefuse
	case !c.navigation:
		if site == "same-origin" {
			return verdictLogout
		}
		return verdictRefuse
	case allowCrossSite:
		return verdictLogout
	case c.viaWorker && !fromFriend(r, friend):
		return verdictAsk
	case site == "":
		if referer != (origin.Origin{}) && referer == own {
			return verdictLogout
		}
		return verdictAsk
	case site == "same-origin" || site == "none":
		return verdictLogout
	case (site == "same-site" || site == "cross-site") && referer != own && friend(referer):
		// Our own origin as Referer of a request that is not same-origin: the
		// way led from our page over somebody else's redirect.
		return verdictLogout
	default:
		return verdictAsk
	}
}

func guardPost(r *http.Request, own origin.Origin, friend func(origin.Origin) bool, allowCrossSite bool) verdict {
	if allowCrossSite {
		return verdictLogout
	}
	site := soleValue(r.Header, "Sec-Fetch-Site")
	referer := r.Header.Get("Referer")
	if len(r.Header["Origin"]) == 0 {
		switch {
		case site != "" && site != "same-origin":
			return verdictRefuseAsk
		case referer != "" && !friend(origin.Parse(referer)):
			return verdictRefuseAsk
		}
		return verdictLogout // our own page, or no browser
	}
	source := origin.Parse(soleValue(r.Header, "Origin"))
	if !friend(source) {
		return verdictRefuseAsk
	}
	if source == own && soleValue(r.Header, "Sec-Fetch-Dest") == "empty" {
		// A service worker may have sent it on: then Origin is its own.
		switch {
		case referer != "" && !friend(origin.Parse(referer)):
			return verdictRefuseAsk
		case callerOf(r).viaWorker && isScript(referer):
			return verdictRefuseAsk
		}
	}
	return verdictLogout
}

// fromFriend reads the Referer of a navigation that a service worker sent on:
// only that is still the page's. Firefox leaves it out if the page withheld
// it, and says same-origin all the same; WebKit then names the worker's
// script; and Chromium, which leaves it out too, tells the truth about the site.
func fromFriend(r *http.Request, friend func(origin.Origin) bool) bool {
	referer := r.Header.Get("Referer")
	if referer == "" {
		return soleValue(r.Header, "Sec-Fetch-Mode") == "navigate"
	}
	return friend(origin.Parse(referer)) && !isScript(referer)
}

// withholdsReferrer tells a form on a page of our own with Referrer-Policy:
// no-referrer. Its Origin is null like a stranger's, but a browser that does
// not speak through a worker calls no stranger same-origin.
func withholdsReferrer(r *http.Request) bool {
	return soleValue(r.Header, "Origin") == "null" && soleValue(r.Header, "Sec-Fetch-Site") == "same-origin" &&
		soleValue(r.Header, "Sec-Fetch-Mode") == "navigate" && soleValue(r.Header, "Sec-Fetch-Dest") == "document"
}

// isSpeculative tells prefetches and previews (CSRF-05). Sec-Purpose is a
// list whose members may have parameters: prefetch;prerender.
func isSpeculative(h http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		for _, line := range h[name] {
			line = strings.ToLower(line)
			for _, word := range []string{"prefetch", "prerender", "preview"} {
				if strings.Contains(line, word) {
					return true
				}
			}
		}
	}
	return false
}

func isSafe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

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

// isScript reports whether a URL is most likely a service worker's script.
func isScript(rawURL string) bool {
	path := strings.ToLower(rawURL[:strings.IndexAny(rawURL+"?", "?;#")])
	name := path[strings.LastIndexByte(path, '/')+1:]
	return strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".mjs") || strings.HasSuffix(name, "worker") || name == "sw"
}

// soleValue is the value of a header that has one; several are worth less
// than none, so they become a value that stands for nothing.
func soleValue(h http.Header, name string) string {
	switch v := h[name]; len(v) {
	case 0:
		return ""
	case 1:
		return strings.ToLower(strings.TrimSpace(v[0]))
	default:
		return "several"
	}
}

package guard

import (
	"net/http"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// verdict is what the guard says about a request on a logout path.
type Verdict int

const (
	Logout      Verdict = iota // do it
	Ask                        // the confirmation page
	Refuse                     // 403
	RefuseAsk                  // 403, with the confirmation page
	Speculative                // 503: the browser only guesses; it comes again if the user does
	NotAllowed                 // 405
	Pass                       // no logout whatever its path: on to the app
)

// caller is who sent a request, as far as its answer depends on it.
type Caller struct {
	// navigation: a person waits for a page. Otherwise a script waits for data.
	Navigation bool

	// viaWorker: the navigation came through a service worker that fetched it.
	// Its Origin, Sec-Fetch-Site and Sec-Fetch-Mode are then the worker's in
	// some engines (BR-05: Firefox, WebKit), and Clear-Site-Data on its
	// answer can hang the tab (BR-04: Chromium).
	ViaWorker bool
}

// callerOf tells pages from scripts.
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

// guard decides who may log out the person behind r: the README's table. trusted
// tells the origins of other sites that may start a logout here.
func Check(r *http.Request, own origin.Origin, trusted func(origin.Origin) bool, allowCrossSite bool) Verdict {
	if IsSpeculative(r.Header) {
		return Speculative
	}
	friend := func(o origin.Origin) bool { return o != (origin.Origin{}) && (o == own || trusted(o)) }

	if r.Method == http.MethodOptions {
		return Pass
	}
	if r.Method == http.MethodConnect || len(r.Header["Upgrade"]) > 0 {
		// Only a WebSocket handshake can reach us from another site's page like
		// this, and it always names its Origin. An app that does not look at
		// Upgrade would take it for a plain GET of its logout.
		if o := r.Header["Origin"]; len(o) > 0 && !friend(origin.Parse(SoleValue(r.Header, "Origin"))) {
			return Refuse
		}
		return Pass
	}
	if r.Method != http.MethodHead && !slices.Contains(Methods, r.Method) {
		return NotAllowed
	}
	switch SoleValue(r.Header, "Sec-Fetch-Dest") {
	case "", "document", "empty":
	default:
		return Refuse // frames, images, scripts: CSRF-06
	}
	if IsSafe(r.Method) {
		return guardGet(r, own, friend, allowCrossSite)
	}
	return guardPost(r, own, friend, allowCrossSite)
}

func guardGet(r *http.Request, own origin.Origin, friend func(origin.Origin) bool, allowCrossSite bool) Verdict {
	c := CallerOf(r)
	site := SoleValue(r.Header, "Sec-Fetch-Site")
	referer := origin.Parse(r.Header.Get("Referer"))
	switch {
	case !c.Navigation && site == "":
		if friend(referer) && !acceptsSubresource(r) {
			return Logout
		}
		return Refuse
	case !c.Navigation:
		if site == "same-origin" {
			return Logout
		}
		return Refuse
	case allowCrossSite:
		return Logout
	case c.ViaWorker && !fromFriend(r, friend):
		return Ask
	case site == "":
		if referer != (origin.Origin{}) && referer == own {
			return Logout
		}
		return Ask
	case site == "same-origin" || site == "none":
		return Logout
	case (site == "same-site" || site == "cross-site") && referer != own && friend(referer):
		// Our own origin as Referer of a request that is not same-origin: the
		// way led from our page over somebody else's redirect.
		return Logout
	default:
		return Ask
	}
}

func guardPost(r *http.Request, own origin.Origin, friend func(origin.Origin) bool, allowCrossSite bool) Verdict {
	if allowCrossSite {
		return Logout
	}
	site := SoleValue(r.Header, "Sec-Fetch-Site")
	referer := r.Header.Get("Referer")
	if len(r.Header["Origin"]) == 0 {
		switch {
		case site != "" && site != "same-origin":
			return RefuseAsk
		case referer != "" && !friend(origin.Parse(referer)):
			return RefuseAsk
		}
		return Logout // our own page, or no browser
	}
	source := origin.Parse(SoleValue(r.Header, "Origin"))
	if !friend(source) {
		return RefuseAsk
	}
	if source == own && SoleValue(r.Header, "Sec-Fetch-Dest") == "empty" {
		// A service worker may have sent it on: then Origin is its own.
		switch {
		case referer != "" && !friend(origin.Parse(referer)):
			return RefuseAsk
		case CallerOf(r).ViaWorker && isScript(referer):
			return RefuseAsk
		}
	}
	return Logout
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

// withholdsReferrer tells a form on a page of our own with Referrer-Policy:
// no-referrer. Its Origin is null like a stranger's, but a browser that does
// not speak through a worker calls no stranger same-origin.
func WithholdsReferrer(r *http.Request) bool {
	return SoleValue(r.Header, "Origin") == "null" && SoleValue(r.Header, "Sec-Fetch-Site") == "same-origin" &&
		SoleValue(r.Header, "Sec-Fetch-Mode") == "navigate" && SoleValue(r.Header, "Sec-Fetch-Dest") == "document"
}

// isSpeculative tells prefetches and previews (CSRF-05). Sec-Purpose is a
// list whose members may have parameters: prefetch;prerender.
func IsSpeculative(h http.Header) bool {
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

func IsSafe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

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
func SoleValue(h http.Header, name string) string {
	switch v := h[name]; len(v) {
	case 0:
		return ""
	case 1:
		return strings.ToLower(strings.TrimSpace(v[0]))
	default:
		return "several"
	}
}

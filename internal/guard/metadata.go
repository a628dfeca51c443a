package guard

import (
	"net/http"
	"strings"
)

// SoleValue is the value, in lower case, of a header that has one. Several are
// worth less than none, so they become a value that stands for nothing.
func SoleValue(hdr http.Header, name string) string {
	switch v := hdr[name]; len(v) {
	case 0:
		return ""
	case 1:
		return strings.ToLower(strings.TrimSpace(v[0]))
	default:
		return "several"
	}
}

// IsSpeculative tells prefetches and previews (CSRF-05). Sec-Purpose is a
// list whose members may have parameters: prefetch;prerender.
func IsSpeculative(hdr http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		for _, line := range hdr[name] {
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

// IsNavigation is the cheap question asked of every request, whether a browser
// asks for a page with a GET.
func IsNavigation(r *http.Request) bool {
	return r.Method == http.MethodGet && isExactly(r.Header, "Sec-Fetch-Mode", "navigate")
}

// IsTopLevel reports whether nothing says that the answer will be part of a
// page: a frame, an image, a style (CSRF-06). What a script fetches passes, for
// a page that a service worker fetches looks the same.
func IsTopLevel(r *http.Request) bool {
	switch SoleValue(r.Header, "Sec-Fetch-Dest") {
	case "", "document", "empty":
		return true
	}
	return false
}

// IsOwnForm spares the app's own forms and scripts the look into their bodies.
func IsOwnForm(r *http.Request) bool {
	return isExactly(r.Header, "Sec-Fetch-Site", "same-origin") &&
		(isExactly(r.Header, "Sec-Fetch-Dest", "document") || isExactly(r.Header, "Sec-Fetch-Mode", "cors"))
}

// IsOwnResource reports whether a page of the app asks for /logout.css and the
// like.
func IsOwnResource(r *http.Request) bool {
	dest := r.Header["Sec-Fetch-Dest"]
	return isExactly(r.Header, "Sec-Fetch-Site", "same-origin") && len(dest) == 1 && dest[0] != "document" && dest[0] != "empty"
}

// isExactly reports whether a header has one value, letter by letter this one.
func isExactly(hdr http.Header, name, value string) bool {
	v := hdr[name]
	return len(v) == 1 && v[0] == value
}

package guard

import (
	"net/http"
)

// isOwnForm spares the app's own forms and scripts the look into their bodies.
func IsOwnForm(r *http.Request) bool {
	return hasSole(r.Header, "Sec-Fetch-Site", "same-origin") &&
		(hasSole(r.Header, "Sec-Fetch-Dest", "document") || hasSole(r.Header, "Sec-Fetch-Mode", "cors"))
}

// isOwnResource: /logout.css and the like of the app's own pages.
func IsOwnResource(r *http.Request) bool {
	dest := r.Header["Sec-Fetch-Dest"]
	return hasSole(r.Header, "Sec-Fetch-Site", "same-origin") && len(dest) == 1 && dest[0] != "document" && dest[0] != "empty"
}

func hasSole(h http.Header, name, value string) bool {
	v := h[name]
	return len(v) == 1 && v[0] == value
}

package guard

import (
	"net/http"
)

// isNavigation is the cheap question asked of every request.
func IsNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	mode := r.Header["Sec-Fetch-Mode"]
	return len(mode) == 1 && mode[0] == "navigate"
}

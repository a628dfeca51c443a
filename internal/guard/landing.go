package guard

import (
	"net/http"
)

func IsTopLevel(r *http.Request) bool {
	switch SoleValue(r.Header, "Sec-Fetch-Dest") {
	case "", "document", "empty":
		return true
	}
	return false
}

package returnurl

import (
	"strings"
)

// formFields are the fields of a form as a query, however generous an app is
// about its type. isForm is false for bodies that no page can make a form of.
func FormFields(contentType string, body []byte) (fields string, isForm bool) {
	mediaType, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "", "application/x-www-form-urlencoded", "text/plain":
		return string(body), true
	case "multipart/form-data":
		return BodyValues(contentType, body).Encode(), true
	case "application/json":
		return "", true // takes a preflight
	}
	return "", false
}

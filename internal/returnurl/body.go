package returnurl

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
)

// BodyValues reads the text fields of a form or of a JSON object. A body that
// is neither, or broken, has none: it is the app's business.
func BodyValues(contentType string, body []byte) url.Values {
	values := make(url.Values)
	if len(body) == 0 {
		return values
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return values
	}
	switch {
	case mediaType == "application/x-www-form-urlencoded":
		values, _ = url.ParseQuery(string(body))
	case mediaType == "multipart/form-data":
		parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for { // ends with the body, of which there is no more than 64 KiB
			part, err := parts.NextPart()
			if err != nil {
				break
			}
			if text, err := io.ReadAll(part); err == nil && part.FileName() == "" {
				values.Add(part.FormName(), string(text))
			}
		}
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"):
		var object map[string]any
		if json.Unmarshal(body, &object) == nil {
			for _, name := range parameters {
				if text, ok := object[name].(string); ok {
					values.Set(name, text)
				}
			}
		}
	}
	return values
}

// FormFields are the fields of a form as a query, however generous an app is
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

package appcall

import (
	"errors"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"regexp"

	"golang.org/x/net/http/httpguts"
)

// CSRFToken is a CSRF token that an app wants with its logout: where it is found,
// and where it goes.
type CSRFToken struct {
	Page          Call
	Pattern       *regexp.Regexp
	Field, Header string // one of them
}

const (
	// FormType is the type of a form's body.
	FormType = "application/x-www-form-urlencoded"

	// maxToken is longer than any that is in use.
	maxToken = 4 << 10
)

// Fits checks that a call has a place for the token, and makes room for it.
func (t *CSRFToken) Fits(call *Call) error {
	if t.Header != "" {
		if call.Header.Get(t.Header) != "" {
			return fmt.Errorf("header %s: is there twice; only one can count", t.Header)
		}
		return nil
	}
	if call.Method == http.MethodGet {
		return errors.New("a GET has no form that the field could be in; write POST before the path, or send the token in a header")
	}
	if call.ContentType == "" {
		call.ContentType = FormType
	}
	if mediaType, _, err := mime.ParseMediaType(call.ContentType); err != nil || mediaType != FormType {
		return fmt.Errorf("a field needs a body of type %s, not %s; write that, or send the token in a header", FormType, call.ContentType)
	}
	return nil
}

// find takes the token out of a page.
func (t *CSRFToken) find(page []byte) (token string, found bool) {
	match := t.Pattern.FindSubmatch(page)
	if match == nil || len(match[1]) == 0 || len(match[1]) > maxToken {
		return "", false
	}
	token = html.UnescapeString(string(match[1]))
	if t.Header != "" && !httpguts.ValidHeaderFieldValue(token) {
		return "", false
	}
	return token, true
}

// addTo puts the token into a call.
func (t *CSRFToken) addTo(call Call, token string) Call {
	if t.Header != "" {
		call.Header = call.Header.Clone()
		call.Header.Set(t.Header, token)
		return call
	}
	if call.Body != "" {
		call.Body += "&"
	}
	call.Body += url.QueryEscape(t.Field) + "=" + url.QueryEscape(token)
	return call
}

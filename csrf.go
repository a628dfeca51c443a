package universallogout

import (
	"errors"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"regexp/syntax"

	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"

	"golang.org/x/net/http/httpguts"
)

// csrfToken is a CSRFToken, compiled.
type csrfToken struct {
	page          siteCall
	pattern       *regexp.Regexp
	field, header string // one of them
}

// maxCSRFToken is longer than any that is in use.
const maxCSRFToken = 4 << 10

func (c *CSRFToken) compile() (*csrfToken, error) {
	uri, err := compileCallPath(c.Path)
	if err != nil {
		return nil, err
	}
	t := &csrfToken{
		page:  siteCall{method: http.MethodGet, uri: uri, keepBody: true},
		field: c.Field, header: http.CanonicalHeaderKey(c.Header),
	}
	if t.pattern, err = compileTokenPattern(c.Pattern); err != nil {
		return nil, err
	}
	switch {
	case c.Field == "" && c.Header == "":
		return nil, errors.New("where does the token go? write field and the form field's name, or header and the header's")
	case c.Field != "" && c.Header != "":
		return nil, errors.New("field and header are both named; only one can be meant")
	case c.Header != "":
		return t, checkCallHeader(c.Header)
	}
	return t, nil
}

// dottedPlaceholder is what can only be one of Caddy's: {16,64} and \p{Greek}
// are regular expressions.
var dottedPlaceholder = regexp.MustCompile(`\{[A-Za-z_]+\.[^{}"\s]*\}`)

func compileTokenPattern(raw string) (*regexp.Regexp, error) {
	var failed error
	text := dottedPlaceholder.ReplaceAllStringFunc(raw, func(found string) string {
		value, err := placeholders.Resolve(found)
		if err != nil && failed == nil {
			failed = fmt.Errorf("%w; known here are {env.*}, {file.*}", err)
		}
		return value
	})
	if failed != nil {
		return nil, failed
	}
	pattern, err := regexp.Compile(text)
	if syntaxErr, ok := errors.AsType[*syntax.Error](err); ok {
		return nil, fmt.Errorf("%q is no regular expression of Go, which knows no look-ahead and look-behind: %s; in a Caddyfile it is best put between backticks", raw, syntaxErr.Code)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression", raw)
	}
	if groups := pattern.NumSubexp(); groups != 1 {
		return nil, fmt.Errorf("%q has %d groups in parentheses; write one around the token, as in name=\"csrf\" value=\"([^\"]+)\", and (?:…) for others", raw, groups)
	}
	return pattern, nil
}

// fits checks that a call has a place for the token, and makes room for it.
func (t *csrfToken) fits(call *siteCall) error {
	if t.header != "" {
		if call.header.Get(t.header) != "" {
			return fmt.Errorf("header %s: is there twice; only one can count", t.header)
		}
		return nil
	}
	if call.method == http.MethodGet {
		return errors.New("a GET has no form that the field could be in; write POST before the path, or send the token in a header")
	}
	if call.contentType == "" {
		call.contentType = formType
	}
	if mediaType, _, err := mime.ParseMediaType(call.contentType); err != nil || mediaType != formType {
		return fmt.Errorf("a field needs a body of type %s, not %s; write that, or send the token in a header", formType, call.contentType)
	}
	return nil
}

// find takes the token out of a page.
func (t *csrfToken) find(page []byte) (token string, found bool) {
	match := t.pattern.FindSubmatch(page)
	if match == nil || len(match[1]) == 0 || len(match[1]) > maxCSRFToken {
		return "", false
	}
	token = html.UnescapeString(string(match[1]))
	if t.header != "" && !httpguts.ValidHeaderFieldValue(token) {
		return "", false
	}
	return token, true
}

// addTo puts the token into a call.
func (t *csrfToken) addTo(call siteCall, token string) siteCall {
	if t.header != "" {
		call.header = call.header.Clone()
		call.header.Set(t.header, token)
		return call
	}
	if call.body != "" {
		call.body += "&"
	}
	call.body += url.QueryEscape(t.field) + "=" + url.QueryEscape(token)
	return call
}

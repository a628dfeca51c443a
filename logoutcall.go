package universallogout

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// LogoutCall is the request that ends this app's session when the logout began
// at another site. It goes through the site like one of the browser's, with the
// cookies that the browser just presented.
type LogoutCall struct {
	// No request is sent: only the browser forgets the session.
	Off bool `json:"off,omitempty"`

	// Default: `POST`.
	Method string `json:"method,omitempty"`

	// The path on the site, and perhaps a query, as they stand in an address
	// bar. In a `handle_path` block it is the path as the app sees it.
	Path string `json:"path,omitempty"`

	// Headers besides those of a browser; values as `{env.NAME}` or
	// `{file./path}` keep secrets out of the configuration.
	Headers map[string]string `json:"headers,omitempty"`

	// The body and its type.
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"body,omitempty"`

	// For apps that take no logout without a CSRF token.
	CSRF *CSRFToken `json:"csrf,omitempty"`

	// Statuses by which the app says that it ended the session. Without any,
	// only an answer that deletes or replaces the session cookie counts.
	Success []int `json:"success,omitempty"`

	// How long all of it may take. Default: `2s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`
}

// CSRFToken says where a token is found that the app wants with its logout, and
// where it goes.
type CSRFToken struct {
	// A page of the app that has the token in its first 64 KiB.
	Path string `json:"path,omitempty"`

	// A regular expression with one group in parentheses: the token.
	Pattern string `json:"pattern,omitempty"`

	// The field of the form, or the header, that the token is sent in.
	Field  string `json:"field,omitempty"`
	Header string `json:"header,omitempty"`
}

const defaultCallTimeout = 2 * time.Second

// sessionEnder ends sessions of this app.
func (h *Handler) sessionEnder() *appcall.Ending {
	return &appcall.Ending{Call: h.run.call, Sessions: h.run.sessions, App: h.appName(), Now: h.edge.now, Logger: h.logger}
}

// compileLogoutCall needs the paths and the prefix.
func (h *Handler) compileLogoutCall() (err error) {
	if h.LogoutCall == nil {
		h.run.call = &appcall.LogoutCall{Tries: appcall.DerivedCalls(h.run.rules), Derived: true, Timeout: defaultCallTimeout}
		return nil
	}
	if h.run.call, err = h.LogoutCall.compile(); err != nil {
		return fmt.Errorf("logout_call: %w", err)
	}
	uris := make([]string, 0, 2)
	for _, try := range h.run.call.Tries {
		uris = append(uris, try.URI)
	}
	if h.run.call.CSRF != nil {
		uris = append(uris, h.run.call.CSRF.Page.URI)
	}
	for _, uri := range uris {
		if u, err := url.ParseRequestURI(uri); err != nil || h.edge.owns(u.Path) {
			return fmt.Errorf("logout_call: %s belongs to our own pages; name what the app's own logout asks for", uri)
		}
	}
	return nil
}

// compile checks what the configuration says and leaves it as it is: what was
// read from {env.*} and {file.*} stays out of it.
func (c *LogoutCall) compile() (*appcall.LogoutCall, error) {
	if c.Off {
		if c.Method != "" || c.Path != "" || len(c.Headers) > 0 || c.ContentType != "" || c.Body != "" || c.CSRF != nil || len(c.Success) > 0 || c.Timeout != 0 {
			return nil, errors.New("off stands alone; leave out the request, or leave out off")
		}
		return &appcall.LogoutCall{Timeout: defaultCallTimeout}, nil
	}
	call := appcall.Call{Method: c.Method, Header: make(http.Header)}
	if call.Method == "" {
		call.Method = http.MethodPost
	}
	if !slices.Contains(guard.LogoutMethods, call.Method) {
		return nil, fmt.Errorf("%q is no method of a logout; write one of %s in capitals before the path", call.Method, strings.Join(guard.LogoutMethods, ", "))
	}
	var err error
	if call.URI, err = compileCallPath(c.Path); err != nil {
		return nil, err
	}
	for name, value := range c.Headers {
		if err := addCallHeader(&call, name, value); err != nil {
			return nil, err
		}
	}
	if err := setCallBody(&call, c.ContentType, c.Body); err != nil {
		return nil, err
	}
	compiled := &appcall.LogoutCall{Success: c.Success, Timeout: time.Duration(c.Timeout)}
	if compiled.Timeout == 0 {
		compiled.Timeout = defaultCallTimeout
	}
	if c.CSRF != nil {
		if compiled.CSRF, err = c.CSRF.compile(); err != nil {
			return nil, fmt.Errorf("csrf: %w", err)
		}
		if err := compiled.CSRF.Fits(&call); err != nil {
			return nil, fmt.Errorf("csrf: %w", err)
		}
	}
	compiled.Tries = []appcall.Call{call}
	return compiled, provider.CheckCall(c.Success, compiled.Timeout)
}

// compileCallPath reads a path with an optional query, as it goes over the wire.
func compileCallPath(raw string) (uri string, err error) {
	if raw == "" {
		return "", errors.New("write the path of the app's own logout, as in /logout")
	}
	if uri, err = placeholders.ResolveTemplate(raw); err != nil {
		return "", err
	}
	path, _, _ := strings.Cut(uri, "?")
	if !strings.HasPrefix(uri, "/") {
		return "", fmt.Errorf("%q must begin with /: it is a path on this site, as in /logout", raw)
	}
	if !origin.IsPlainPath(path) {
		return "", fmt.Errorf("%q is no path that every server reads alike; write it without //, \\ and .. in it", raw)
	}
	if strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("#{}\"<>\\^`|", c) }) {
		return "", fmt.Errorf("%q has a character that no address has; write it percent-encoded", raw)
	}
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return "", fmt.Errorf("%q: the percent-encoding is broken", raw)
	}
	return u.RequestURI(), nil
}

// Headers of a call that are not for the configuration: they belong to the
// connection, to the browser, or would change how the answer comes.
var refusedHeaders = []string{
	"Host", "Content-Length", "Cookie", "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding",
	"Te", "Trailer", "Upgrade", "Expect", "Http2-Settings", "Accept-Encoding", "Range",
}

func checkCallHeader(name string) error {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("header %q: the name has characters that no header can carry", name)
	case canonical == "Content-Type":
		return errors.New("header Content-Type: write it as body <type> <content>")
	case slices.Contains(refusedHeaders, canonical) || strings.HasPrefix(canonical, "Sec-") || strings.HasPrefix(canonical, "Proxy-"):
		return fmt.Errorf("header %s: is set by us as the request needs it; leave it out", canonical)
	}
	return nil
}

func addCallHeader(c *appcall.Call, name, value string) error {
	if err := checkCallHeader(name); err != nil {
		return err
	}
	if c.Header.Get(name) != "" {
		return fmt.Errorf("header %s: is there twice; only one can count", name)
	}
	resolved, err := placeholders.Resolve(value)
	if err != nil {
		return fmt.Errorf("header %s: %w", name, err)
	}
	if !httpguts.ValidHeaderFieldValue(resolved) {
		return fmt.Errorf("header %s: what stands in it has characters that no header can carry", name)
	}
	c.Header.Set(name, resolved)
	return nil
}

func setCallBody(c *appcall.Call, contentType, body string) (err error) {
	if contentType == "" && body == "" {
		return nil
	}
	if c.Method == http.MethodGet {
		return errors.New("body: a GET has none; write POST before the path, or leave it out")
	}
	if mediaType, _, err := mime.ParseMediaType(contentType); err != nil || !strings.Contains(mediaType, "/") || !httpguts.ValidHeaderFieldValue(contentType) {
		return fmt.Errorf("body: %q is no media type; write one like %s or application/json", contentType, appcall.FormType)
	}
	c.ContentType = contentType
	if c.Body, err = placeholders.ResolveTemplate(body); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

func (c *CSRFToken) compile() (*appcall.CSRFToken, error) {
	uri, err := compileCallPath(c.Path)
	if err != nil {
		return nil, err
	}
	t := &appcall.CSRFToken{
		Page:  appcall.Call{Method: http.MethodGet, URI: uri, KeepBody: true},
		Field: c.Field, Header: http.CanonicalHeaderKey(c.Header),
	}
	if t.Pattern, err = compileTokenPattern(c.Pattern); err != nil {
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

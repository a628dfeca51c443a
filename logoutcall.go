package universallogout

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"

	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"

	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"golang.org/x/net/http/httpguts"

	"github.com/caddyserver/caddy/v2"
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

const (
	defaultCallTimeout = 2 * time.Second
	formType           = "application/x-www-form-urlencoded"
)

// sessionCall is what ends the session of an app: a LogoutCall, compiled, or
// what follows from the app's own logout paths.
type sessionCall struct {
	tries   []siteCall // until one is not answered with "there is no such thing"
	derived bool
	csrf    *csrfToken // nil: none
	success []int
	timeout time.Duration
}

// compileLogoutCall needs the paths and the prefix.
func (h *Handler) compileLogoutCall() (err error) {
	if h.LogoutCall == nil {
		h.call = &sessionCall{tries: callsOf(h.rules), derived: true, timeout: defaultCallTimeout}
		return nil
	}
	if h.call, err = h.LogoutCall.compile(); err != nil {
		return fmt.Errorf("logout_call: %w", err)
	}
	uris := make([]string, 0, 2)
	for _, try := range h.call.tries {
		uris = append(uris, try.uri)
	}
	if h.call.csrf != nil {
		uris = append(uris, h.call.csrf.page.uri)
	}
	for _, uri := range uris {
		if u, err := url.ParseRequestURI(uri); err != nil || h.app.owns(u.Path) {
			return fmt.Errorf("logout_call: %s belongs to our own pages; name what the app's own logout asks for", uri)
		}
	}
	return nil
}

// compile checks what the configuration says and leaves it as it is: what was
// read from {env.*} and {file.*} stays out of it.
func (c *LogoutCall) compile() (*sessionCall, error) {
	if c.Off {
		if c.Method != "" || c.Path != "" || len(c.Headers) > 0 || c.ContentType != "" || c.Body != "" || c.CSRF != nil || len(c.Success) > 0 || c.Timeout != 0 {
			return nil, errors.New("off stands alone; leave out the request, or leave out off")
		}
		return &sessionCall{timeout: defaultCallTimeout}, nil
	}
	call := siteCall{method: c.Method, header: make(http.Header)}
	if call.method == "" {
		call.method = http.MethodPost
	}
	if !slices.Contains(guard.Methods, call.method) {
		return nil, fmt.Errorf("%q is no method of a logout; write one of %s in capitals before the path", call.method, strings.Join(guard.Methods, ", "))
	}
	var err error
	if call.uri, err = compileCallPath(c.Path); err != nil {
		return nil, err
	}
	for name, value := range c.Headers {
		if err := call.addHeader(name, value); err != nil {
			return nil, err
		}
	}
	if err := call.setBody(c.ContentType, c.Body); err != nil {
		return nil, err
	}
	compiled := &sessionCall{success: c.Success, timeout: time.Duration(c.Timeout)}
	if compiled.timeout == 0 {
		compiled.timeout = defaultCallTimeout
	}
	if c.CSRF != nil {
		if compiled.csrf, err = c.CSRF.compile(); err != nil {
			return nil, fmt.Errorf("csrf: %w", err)
		}
		if err := compiled.csrf.fits(&call); err != nil {
			return nil, fmt.Errorf("csrf: %w", err)
		}
	}
	compiled.tries = []siteCall{call}
	if err := provider.CheckSuccess(c.Success); err != nil {
		return nil, err
	}
	return compiled, provider.CheckCallTimeout(compiled.timeout)
}

// compileCallPath reads a path with an optional query, as it goes over the wire.
func compileCallPath(raw string) (uri string, err error) {
	if raw == "" {
		return "", errors.New("write the path of the app's own logout, as in /logout")
	}
	if uri, err = placeholders.Template(raw); err != nil {
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

func (c *siteCall) addHeader(name, value string) error {
	if err := checkCallHeader(name); err != nil {
		return err
	}
	if c.header.Get(name) != "" {
		return fmt.Errorf("header %s: is there twice; only one can count", name)
	}
	resolved, err := placeholders.Resolve(value)
	if err != nil {
		return fmt.Errorf("header %s: %w", name, err)
	}
	if !httpguts.ValidHeaderFieldValue(resolved) {
		return fmt.Errorf("header %s: what stands in it has characters that no header can carry", name)
	}
	c.header.Set(name, resolved)
	return nil
}

func (c *siteCall) setBody(contentType, body string) (err error) {
	if contentType == "" && body == "" {
		return nil
	}
	if c.method == http.MethodGet {
		return errors.New("body: a GET has none; write POST before the path, or leave it out")
	}
	if mediaType, _, err := mime.ParseMediaType(contentType); err != nil || !strings.Contains(mediaType, "/") || !httpguts.ValidHeaderFieldValue(contentType) {
		return fmt.Errorf("body: %q is no media type; write one like %s or application/json", contentType, formType)
	}
	c.contentType = contentType
	if c.body, err = placeholders.Template(body); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

// callsOf are the tries that follow from the paths of an app: the first that
// names its method, or else the first. Without a method, most apps take GET;
// those that do not say so.
func callsOf(rs *logoutpath.Rules) []siteCall {
	var chosen *logoutpath.Rule
	for i := range rs.Rules {
		rule := &rs.Rules[i]
		if slices.Contains(rule.Segments, "*") {
			continue
		}
		if chosen == nil || chosen.Method == "" && rule.Method != "" {
			chosen = rule
		}
	}
	if chosen == nil {
		return nil
	}
	u := url.URL{Path: "/" + strings.Join(chosen.Segments, "/")}
	pairs := make([]string, 0, len(chosen.Query))
	for _, pair := range chosen.Query {
		pairs = append(pairs, url.QueryEscape(pair[0])+"="+url.QueryEscape(pair[1]))
	}
	u.RawQuery = strings.Join(pairs, "&")
	if chosen.Method != "" {
		return []siteCall{{method: chosen.Method, uri: u.RequestURI()}}
	}
	return []siteCall{{method: http.MethodGet, uri: u.RequestURI()}, {method: http.MethodPost, uri: u.RequestURI()}}
}

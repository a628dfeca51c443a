package universallogout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/oauth"
)

// ServerLogout is a request from server to server that ends the session an ID
// token names, such as one to a provider's admin interface. It is sent only for
// tokens whose signature was verified.
type ServerLogout struct {
	// Default: `POST`.
	Method string `json:"method,omitempty"`

	// The address. `{sid}` and `{sub}` in its path or query stand for the
	// session and the user of the ID token.
	URL string `json:"url,omitempty"`

	// Headers; values as `{env.NAME}` or `{file./path}` keep secrets out of
	// the configuration.
	Headers map[string]string `json:"headers,omitempty"`

	// The body and its type. `{sid}` and `{sub}` have a meaning here, too.
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"body,omitempty"`

	// Which statuses mean that it worked. Default: 200 to 299.
	Success []int `json:"success,omitempty"`

	// How long one try may take. Default: `2s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`
}

const (
	sidPlaceholder = "{sid}"
	subPlaceholder = "{sub}"
)

// sessionName is what a sid or sub must look like to go into a request: no
// character of it means anything in a path, a query or JSON.
var sessionName = regexp.MustCompile(`^[A-Za-z0-9._~@:+-]{1,255}$`)

func (s *ServerLogout) provision() error {
	if s.Method == "" {
		s.Method = http.MethodPost
	}
	if s.Timeout == 0 {
		s.Timeout = caddy.Duration(2 * time.Second)
	}
	for _, text := range []*string{&s.URL, &s.Body} {
		value, err := placeholders.Template(*text, sidPlaceholder, subPlaceholder)
		if err != nil {
			return err
		}
		*text = value
	}
	for name, value := range s.Headers {
		resolved, err := placeholders.Resolve(value)
		if err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(resolved) {
			return fmt.Errorf("header %s: the name or what stands in it has characters that no header can carry", name)
		}
		s.Headers[name] = resolved
	}
	return s.check()
}

func (s *ServerLogout) check() error {
	if !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet}, s.Method) {
		return fmt.Errorf("%q is no method for a logout; write POST or DELETE before the address", s.Method)
	}
	sample := s.expandURL("sid", "sub")
	if err := origin.CheckEndpoint(sample); err != nil {
		return err
	}
	if strings.ContainsAny(sample, "{}") {
		return fmt.Errorf("%q: {sid} and {sub} are the only braces an address has", s.URL)
	}
	authority, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(s.URL, "https://"), "http://"), "/")
	if strings.ContainsAny(authority, "{?}") {
		return errors.New("{sid} and {sub} have no place in the host; they belong into the path, the query or the body")
	}
	if !strings.Contains(s.URL+s.Body, sidPlaceholder) && !strings.Contains(s.URL+s.Body, subPlaceholder) {
		return errors.New("neither {sid} nor {sub} is in the address or the body: whose session should end?")
	}
	if err := checkSuccess(s.Success); err != nil {
		return err
	}
	return checkCallTimeout(time.Duration(s.Timeout))
}

func checkSuccess(statuses []int) error {
	for _, status := range statuses {
		if status < 200 || status > 599 {
			return fmt.Errorf("success: %d is no status that an answer can end with", status)
		}
	}
	return nil
}

func checkCallTimeout(d time.Duration) error {
	if d < 10*time.Millisecond || d > time.Minute {
		return fmt.Errorf("timeout: %s; write one between 10ms and 1m, 2s is usual", d)
	}
	return nil
}

// expandURL escapes what a path or a query could take for something else. In
// both, + has to be %2B.
func (s *ServerLogout) expandURL(sid, sub string) string {
	return strings.NewReplacer(sidPlaceholder, url.QueryEscape(sid), subPlaceholder, url.QueryEscape(sub)).Replace(s.URL)
}

func (s *ServerLogout) expandBody(sid, sub string) string {
	if strings.HasPrefix(s.ContentType, "application/x-www-form-urlencoded") {
		sid, sub = url.QueryEscape(sid), url.QueryEscape(sub)
	}
	return strings.NewReplacer(sidPlaceholder, sid, subPlaceholder, sub).Replace(s.Body)
}

// logoutOnServer ends the session that a verified ID token names.
func (p *Provider) logoutOnServer(ctx context.Context, token idToken) {
	s := p.ServerLogout
	if s == nil {
		return
	}
	sid, sub := token.claims.String("sid"), token.claims.String("sub")
	for _, needed := range []struct{ placeholder, value string }{{sidPlaceholder, sid}, {subPlaceholder, sub}} {
		isNeeded := strings.Contains(s.URL+s.Body, needed.placeholder)
		if isNeeded && (!sessionName.MatchString(needed.value) || strings.Trim(needed.value, ".") == "") {
			p.app.logger.Warn("server_logout left out: the ID token's "+strings.Trim(needed.placeholder, "{}")+" is missing or has characters that such a request cannot carry",
				zap.String("provider", p.name))
			return
		}
	}
	oldest := oldestForSession
	if strings.Contains(s.URL+s.Body, subPlaceholder) {
		oldest = oldestForUser
	}
	if exp, ok := token.claims.Time("exp"); !ok || p.app.now().Sub(exp) > oldest {
		p.app.logger.Warn("server_logout left out: the ID token expired too long ago to say anything about today's sessions", zap.String("provider", p.name))
		return
	}
	p.app.try(ctx, "server_logout", p.name, func(ctx context.Context) error { return p.callServer(ctx, s, sid, sub) })
}

// Apps keep an ID token for as long as a session, far beyond its own time. One
// that lay around in a log for longer shall end nothing, and certainly not all
// that a user has.
const (
	oldestForSession = 30 * 24 * time.Hour
	oldestForUser    = 24 * time.Hour
)

func (p *Provider) callServer(ctx context.Context, s *ServerLogout, sid, sub string) error {
	ctx, stop := context.WithTimeout(ctx, time.Duration(s.Timeout))
	defer stop()
	req, err := http.NewRequestWithContext(ctx, s.Method, s.expandURL(sid, sub), strings.NewReader(s.expandBody(sid, sub)))
	if err != nil {
		return errors.New("the address is none")
	}
	for name, value := range s.Headers {
		req.Header.Set(name, value)
	}
	if s.ContentType != "" {
		req.Header.Set("Content-Type", s.ContentType)
	}
	client, err := p.httpClient(ctx, "server_logout")
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		if inURL, ok := errors.AsType[*url.Error](err); ok {
			err = inURL.Err // the address has sid or sub in it
		}
		return &oauth.RetryError{Err: err}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxKept))
	worked := res.StatusCode/100 == 2
	if len(s.Success) > 0 {
		worked = slices.Contains(s.Success, res.StatusCode)
	}
	switch {
	case worked:
		return nil
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return &oauth.RetryError{Err: fmt.Errorf("the server answers with status %d", res.StatusCode)}
	}
	return fmt.Errorf("the server answers with status %d", res.StatusCode)
}

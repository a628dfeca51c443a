package provider

import (
	"cmp"
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

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// ServerLogout is a request from server to server that ends the session that an
// ID token names.
type ServerLogout struct {
	Method, URL       string // Method: POST, if it is ""
	Headers           map[string]string
	ContentType, Body string
	Success           []int         // statuses; none: 200 to 299
	Timeout           time.Duration // of one try; 0: 2s
}

const (
	sidPlaceholder = "{sid}"
	subPlaceholder = "{sub}"
)

// sessionName is what a sid or sub must look like to go into a request: no
// character of it means anything in a path, a query or JSON.
var sessionName = regexp.MustCompile(`^[A-Za-z0-9._~@:+-]{1,255}$`)

// resolved is the request with its defaults and with what the environment and
// files say.
func (s *ServerLogout) resolved() (*ServerLogout, error) {
	r := &ServerLogout{
		Method: cmp.Or(s.Method, http.MethodPost), ContentType: s.ContentType, Success: s.Success,
		Timeout: cmp.Or(s.Timeout, 2*time.Second), Headers: make(map[string]string),
	}
	var err error
	if r.URL, err = placeholders.ResolveTemplate(s.URL, sidPlaceholder, subPlaceholder); err != nil {
		return nil, err
	}
	if r.Body, err = placeholders.ResolveTemplate(s.Body, sidPlaceholder, subPlaceholder); err != nil {
		return nil, err
	}
	for name, value := range s.Headers {
		if r.Headers[name], err = placeholders.Resolve(value); err != nil {
			return nil, fmt.Errorf("header %s: %w", name, err)
		}
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(r.Headers[name]) {
			return nil, fmt.Errorf("header %s: the name or what stands in it has characters that no header can carry", name)
		}
	}
	return r, nil
}

// CheckWritten finds what New would find, but of the headers, while there is a
// line of the configuration to name. What the environment or a file says is not
// known yet: where one has a say, nothing is found.
func (s *ServerLogout) CheckWritten() error {
	if placeholders.NeedsLoad(s.URL + s.Body) {
		return nil
	}
	bare := *s
	bare.Headers = nil
	r, err := bare.resolved()
	if err != nil {
		return err
	}
	return r.check()
}

// check finds what cannot work, once all is known.
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
	return CheckCall(s.Success, s.Timeout)
}

// CheckCall finds what cannot work of any call from server to server: the
// statuses that mean success, and the time that it may take.
func CheckCall(success []int, timeout time.Duration) error {
	for _, status := range success {
		if status < 200 || status > 599 {
			return fmt.Errorf("success: %d is no status that an answer can end with", status)
		}
	}
	if timeout < 10*time.Millisecond || timeout > time.Minute {
		return fmt.Errorf("timeout: %s; write one between 10ms and 1m, 2s is usual", timeout)
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

// LogoutOnServer ends the session that a verified ID token names.
func (p *Provider) LogoutOnServer(ctx context.Context, token IDToken) {
	s := p.ServerLogout
	if s == nil {
		return
	}
	sid, sub := token.Claims.String("sid"), token.Claims.String("sub")
	for _, needed := range []struct{ placeholder, value string }{{sidPlaceholder, sid}, {subPlaceholder, sub}} {
		isNeeded := strings.Contains(s.URL+s.Body, needed.placeholder)
		if isNeeded && (!sessionName.MatchString(needed.value) || strings.Trim(needed.value, ".") == "") {
			p.env.Logger().Warn("server_logout left out: the ID token's "+strings.Trim(needed.placeholder, "{}")+" is missing or has characters that such a request cannot carry",
				zap.String("provider", p.Name))
			return
		}
	}
	oldest := oldestForSession
	if strings.Contains(s.URL+s.Body, subPlaceholder) {
		oldest = oldestForUser
	}
	if exp, ok := token.Claims.Time("exp"); !ok || p.env.Now().Sub(exp) > oldest {
		p.env.Logger().Warn("server_logout left out: the ID token expired too long ago to say anything about today's sessions", zap.String("provider", p.Name))
		return
	}
	p.env.Work.Try(ctx, "server_logout", p.Name, func(ctx context.Context) error { return p.callServer(ctx, s, sid, sub) })
}

// Apps keep an ID token for as long as a session, far beyond its own time. One
// that lay around in a log for longer shall end nothing, and certainly not all
// that a user has.
const (
	oldestForSession = 30 * 24 * time.Hour
	oldestForUser    = 24 * time.Hour
)

func (p *Provider) callServer(ctx context.Context, s *ServerLogout, sid, sub string) error {
	ctx, stop := context.WithTimeout(ctx, s.Timeout)
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
		return &work.RetryError{Err: err}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxDiscarded))
	worked := res.StatusCode/100 == 2
	if len(s.Success) > 0 {
		worked = slices.Contains(s.Success, res.StatusCode)
	}
	switch {
	case worked:
		return nil
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return &work.RetryError{Err: fmt.Errorf("the server answers with status %d", res.StatusCode)}
	}
	return fmt.Errorf("the server answers with status %d", res.StatusCode)
}

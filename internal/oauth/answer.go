package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

const (
	maxAnswer     = 64 << 10
	maxRetryAfter = time.Minute // REV-08
)

// RefusedError is what the server said no with.
type RefusedError struct {
	Status int
	Code   string // OAuth's error code, "" if there is none to be shown
}

func (e *RefusedError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("the server refused with status %d", e.Status)
	}
	return fmt.Sprintf("the server refused with status %d, %s", e.Status, e.Code)
}

// post sends the form and returns the status and body of a 2xx answer, a
// RefusedError, a work.RetryError, or another error for what makes no sense.
func (c Client) post(ctx context.Context, hc *http.Client, endpoint string, supported []string, form url.Values) (status int, body []byte, err error) {
	r, err := c.request(ctx, endpoint, supported, form)
	if err != nil {
		return 0, nil, err
	}
	// The secrets in the request are for this server and no other (REV-10).
	direct := *hc
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w, err := direct.Do(r)
	if err != nil {
		return 0, nil, &work.RetryError{Err: fmt.Errorf("no answer from the server: %w", reason(err))}
	}
	defer w.Body.Close()
	body, err = io.ReadAll(io.LimitReader(w.Body, maxAnswer+1))
	// Above all the status counts. Of a refusal the body is a detail.
	switch status = w.StatusCode; {
	case status == http.StatusTooManyRequests || status >= 500:
		return 0, nil, &work.RetryError{
			After: retryAfter(w.Header.Get("Retry-After"), c.clock()),
			Err:   fmt.Errorf("the server answered with status %d", status),
		}
	case status >= 400:
		return 0, nil, &RefusedError{Status: status, Code: errorCode(body)}
	case status >= 300:
		return 0, nil, fmt.Errorf("the server answered with status %d: redirects are not followed, configure the endpoint they lead to", status)
	case status < 200:
		return 0, nil, fmt.Errorf("the server answered with status %d", status)
	case err != nil:
		return status, nil, &work.RetryError{Err: fmt.Errorf("the answer broke off: %w", reason(err))}
	case len(body) > maxAnswer:
		return status, nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	return status, body, nil
}

// reason returns why there is no answer, unless it may quote what came back:
// whatever listens there could have sent us our own request.
func reason(err error) error {
	if inURL, ok := errors.AsType[*url.Error](err); ok {
		err = inURL.Err
	}
	var network net.Error
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &network), errors.As(err, &certificate), errors.As(err, &record),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return errors.New("the connection broke, or what came back is no HTTP")
}

// retryAfter reads both forms of Retry-After (RFC 9110 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	after := time.Duration(0)
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		after = time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		after = date.Sub(now)
	}
	return min(max(after, 0), maxRetryAfter)
}

// errorCode returns the error code of a refusal (RFC 6749 5.2) if it looks like
// one: it gets into logs.
func errorCode(body []byte) string {
	if len(body) > maxAnswer {
		return ""
	}
	answer, err := jwks.ParseClaims(body)
	if err != nil {
		return ""
	}
	code := answer.String("error")
	if len(code) > 64 {
		return ""
	}
	for _, c := range code {
		if c != '_' && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return code
}

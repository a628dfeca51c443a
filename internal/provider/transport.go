package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

const (
	maxDocument  = 512 << 10 // JWT-13
	maxDiscarded = 64 << 10  // of a body, so that its connection can be used again
)

// errUnreachable: no answer at all, so a browser would get none either.
var errUnreachable = errors.New("the provider cannot be reached")

// isUnreachable: no browser would get an answer either.
func isUnreachable(err error) bool {
	var later *work.RetryError
	return errors.Is(err, errUnreachable) || errors.As(err, &later)
}

// get fetches one of the provider's documents.
func (p *Provider) get(ctx context.Context, endpoint, address string) ([]byte, time.Duration, error) {
	client, err := p.httpClient(ctx, endpoint)
	if err != nil {
		return nil, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) //nolint:gosec // the configured issuer, or what it names
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := client.Do(req) //nolint:gosec // see above
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %w", errUnreachable, err)
	case res.StatusCode != http.StatusOK:
		return nil, 0, fmt.Errorf("%s answers with status %d", address, res.StatusCode)
	case len(body) > maxDocument:
		return nil, 0, fmt.Errorf("%s answers with more than %d bytes", address, maxDocument)
	}
	return body, maxAge(res.Header), nil
}

// maxAge is how long an answer may be kept, 0 if it does not say.
func maxAge(hdr http.Header) time.Duration {
	for directive := range strings.SplitSeq(hdr.Get("Cache-Control"), ",") {
		if value, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(directive)), "max-age="); found {
			if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
				return time.Duration(seconds) * time.Second
			}
		}
	}
	return 0
}

// httpClient is for requests to one of the provider's endpoints, which count.
func (p *Provider) httpClient(ctx context.Context, endpoint string) (*http.Client, error) {
	client, err := p.uncountedClient(ctx)
	if err != nil {
		return nil, err
	}
	return p.counted(client, endpoint), nil
}

// uncountedClient follows no redirects: no endpoint has a reason to send us
// elsewhere (JWT-13).
func (p *Provider) uncountedClient(ctx context.Context) (*http.Client, error) {
	p.mu.Lock()
	client, wire := p.http, p.wire
	p.mu.Unlock()
	if client != nil {
		return client, nil
	}
	if wire == nil {
		var err error
		if wire, err = p.network(ctx); err != nil {
			return nil, err
		}
	}
	client = &http.Client{
		Transport:     wire,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.http == nil {
		p.http = client
	}
	return p.http, nil
}

// AskThrough has the provider asked another way than over the network: a test
// has one in its own process, under a name that nobody resolves.
func (p *Provider) AskThrough(wire http.RoundTripper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wire, p.http = wire, nil
}

// network is how the provider is asked, with the roots that it may have.
func (p *Provider) network(ctx context.Context) (http.RoundTripper, error) {
	roots, err := p.trust()
	if err != nil {
		return nil, err
	}
	// The provider may be a site of this very Caddy, with a certificate of its
	// own CA. The CA is made when Caddy starts, so it is read when needed.
	if pem, err := p.env.Storage.Load(ctx, "pki/authorities/local/root.crt"); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialLoopbackNames,
		TLSClientConfig:        &tls.Config{RootCAs: roots, InsecureSkipVerify: p.Insecure()}, //nolint:gosec // only if the config says insecure
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    discoveryTimeout,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    4,
		MaxResponseHeaderBytes: 64 << 10,
	}, nil
}

// Insecure reports whether anybody in between may say that he is the provider.
func (p *Provider) Insecure() bool { return len(p.TLSTrust) == 1 && p.TLSTrust[0] == "insecure" }

// trust are the system's roots and those of tls_trust.
func (p *Provider) trust() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if p.Insecure() {
		return roots, nil
	}
	for _, file := range p.TLSTrust {
		pem, err := os.ReadFile(file) //nolint:gosec // the configuration says which
		if err != nil {
			return nil, fmt.Errorf("tls_trust: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_trust: %s has no certificate in PEM", file)
		}
	}
	return roots, nil
}

// dialLoopbackNames: names below localhost are loopback for browsers
// (RFC 6761 6.3), but few resolvers know.
func dialLoopbackNames(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(strings.ToLower(host), ".localhost") {
		address = net.JoinHostPort("localhost", port)
	}
	return d.DialContext(ctx, network, address)
}

// counted is a client for one endpoint of a provider, whose answers count.
func (p *Provider) counted(client *http.Client, endpoint string) *http.Client {
	c := *client
	c.Transport = countingTransport{c.Transport, p, endpoint}
	return &c
}

type countingTransport struct {
	behind   http.RoundTripper // nil: the usual one
	provider *Provider
	endpoint string
}

// RoundTrip implements http.RoundTripper.
func (t countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	behind := t.behind
	if behind == nil {
		behind = http.DefaultTransport
	}
	res, err := behind.RoundTrip(r)
	result := "unreachable"
	if err == nil {
		result = answerName(res.StatusCode)
	}
	t.provider.env.Count(t.provider.Name, t.endpoint, result)
	return res, err
}

func answerName(status int) string {
	switch {
	case status >= 500:
		return "out_of_order"
	case status >= 400:
		return "refused"
	}
	return "ok"
}

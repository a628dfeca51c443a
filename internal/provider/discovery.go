package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// metadata is what a provider says about itself.
type Metadata struct {
	Issuer            string   `json:"issuer"`
	EndSession        string   `json:"end_session_endpoint"`
	Revocation        string   `json:"revocation_endpoint"`
	JWKS              string   `json:"jwks_uri"`
	Authorization     string   `json:"authorization_endpoint"`
	Token             string   `json:"token_endpoint"`
	RevocationAuth    []string `json:"revocation_endpoint_auth_methods_supported"`
	TokenAuth         []string `json:"token_endpoint_auth_methods_supported"`
	ResponseHasIssuer bool     `json:"authorization_response_iss_parameter_supported"`

	Ways Ways // of EndSession
}

const (
	// freshMetadata is how long a provider that answered is not asked again:
	// asking is also how we know that it is alive, and nobody shall be sent to
	// one that is not.
	FreshMetadata = 15 * time.Second

	// retryMetadata is how long one that did not answer is left alone, so that
	// not every logout waits for it.
	RetryMetadata = 3 * time.Second

	DiscoveryTimeout = 10 * time.Second
	MaxMetadata      = 512 << 10
	maxDiscarded     = 64 << 10 // of a body, so that its connection can be used again
)

// errUnreachable: no answer at all, so a browser would get none either.
var errUnreachable = errors.New("the provider cannot be reached")

// endpoints returns what is known of the provider, with an error if it could
// not be asked just now. The metadata of an earlier answer is kept; it may be
// that of an earlier configuration of this process.
func (p *Provider) Endpoints(ctx context.Context) (Metadata, error) {
	if !p.needsDiscovery() {
		return p.Override(Metadata{}), nil
	}
	p.mu.Lock()
	known, failure, age, last := p.metadata, p.failure, p.env.Now().Sub(p.asked), p.asked
	asked := !last.IsZero()
	p.mu.Unlock()
	if known.Issuer == "" {
		known = p.env.Seen().of(p.Issuer)
	}
	if asked && (failure == nil && age < FreshMetadata || failure != nil && age < RetryMetadata) {
		return p.Override(known), failure
	}
	// Nobody waits longer than for its own logout, and nobody's leaving ends
	// the question for the others.
	flight := p.flights.DoChan("metadata", func() (any, error) {
		own, stop := context.WithTimeout(context.WithoutCancel(ctx), DiscoveryTimeout)
		defer stop()
		if m, other := p.askedSince(last); other {
			return m, nil // by a flight that ended while we came to this one
		}
		return p.discover(own), nil
	})
	select {
	case result := <-flight:
		if m, ok := result.Val.(Metadata); ok && m.Issuer != "" {
			known = m
		}
		p.mu.Lock()
		failure = p.failure
		p.mu.Unlock()
		return p.Override(known), failure
	case <-ctx.Done():
		return p.Override(known), fmt.Errorf("%w in time", errUnreachable)
	}
}

// needsDiscovery: with every endpoint configured there is nothing to ask.
func (p *Provider) needsDiscovery() bool {
	return p.EndSessionEndpoint == "" || p.JWKSURI == "" ||
		p.ClientID != "" && (p.AuthorizationEndpoint == "" || p.TokenEndpoint == "" || p.RevocationEndpoint == "")
}

func (p *Provider) askedSince(last time.Time) (Metadata, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.metadata, !p.asked.Equal(last)
}

// override lets the configuration win over discovery (RPI-01).
func (p *Provider) Override(m Metadata) Metadata {
	m.Ways = p.Ways
	if m.EndSession == "" && p.EndSessionEndpoint == "" && p.Ways.legacy != nil && m.Issuer != "" {
		m.EndSession = strings.TrimSuffix(p.Issuer, "/") + "/" + p.Ways.legacy.path
		m.Ways = p.Ways.legacyLogout()
	}
	for _, endpoint := range []struct {
		configured string
		discovered *string
	}{
		{p.EndSessionEndpoint, &m.EndSession},
		{p.RevocationEndpoint, &m.Revocation},
		{p.JWKSURI, &m.JWKS},
		{p.AuthorizationEndpoint, &m.Authorization},
		{p.TokenEndpoint, &m.Token},
	} {
		if endpoint.configured != "" {
			*endpoint.discovered = endpoint.configured
		}
	}
	return m
}

// discover asks the provider and remembers what came of it.
func (p *Provider) discover(ctx context.Context) Metadata {
	var m Metadata
	err := p.env.Work.Caught("discovery", func() (err error) {
		m, err = p.FetchMetadata(ctx)
		return err
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.failure = p.env.Now(), err
	if err == nil {
		p.metadata = m
		p.env.Seen().keep(m)
		return m
	}
	// A CA that was not there yet may be by the next time.
	p.Http = nil
	p.env.Logger().Warn("the provider's metadata is not to be had; what was known of it before is used",
		zap.String("provider", p.Name), zap.Error(err))
	return p.metadata
}

func (p *Provider) FetchMetadata(ctx context.Context) (m Metadata, err error) {
	body, _, err := p.get(ctx, "discovery", strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return Metadata{}, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return Metadata{}, errors.New("discovery: the answer is no JSON; is the issuer's address right?")
	}
	// RPI-04: byte for byte.
	if m.Issuer != p.Issuer {
		return Metadata{}, fmt.Errorf("discovery: it names the issuer %q, configured is %q; they must be the same to the letter", shorten(m.Issuer), p.Issuer)
	}
	for _, endpoint := range []*string{&m.EndSession, &m.Revocation, &m.JWKS, &m.Authorization, &m.Token} {
		if *endpoint != "" && !p.mayName(*endpoint) {
			*endpoint = "" // as if it were not there
		}
	}
	return m, nil
}

// mayName: a provider elsewhere has no business with what listens on this
// machine, such as Caddy's own admin API (JWT-13).
func (p *Provider) mayName(endpoint string) bool {
	u, err := url.Parse(endpoint)
	issuer, errIssuer := url.Parse(p.Issuer)
	return err == nil && errIssuer == nil && origin.CheckEndpoint(endpoint) == nil &&
		(!origin.IsThisMachine(u.Hostname()) || origin.IsThisMachine(issuer.Hostname()))
}

func shorten(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
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
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxMetadata+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %w", errUnreachable, err)
	case res.StatusCode != http.StatusOK:
		return nil, 0, fmt.Errorf("%s answers with status %d", address, res.StatusCode)
	case len(body) > MaxMetadata:
		return nil, 0, fmt.Errorf("%s answers with more than %d bytes", address, MaxMetadata)
	}
	return body, maxAge(res.Header), nil
}

// maxAge is how long an answer may be kept, 0 if it does not say.
func maxAge(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		if value, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(directive)), "max-age="); found {
			if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
				return time.Duration(seconds) * time.Second
			}
		}
	}
	return 0
}

func (p *Provider) fetchKeys(ctx context.Context) ([]byte, time.Duration, error) {
	m, err := p.Endpoints(ctx)
	if m.JWKS == "" {
		if err == nil {
			err = errors.New("the provider has no jwks_uri")
		}
		return nil, 0, err
	}
	return p.get(ctx, "jwks", m.JWKS)
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
	client := p.Http
	p.mu.Unlock()
	if client != nil {
		return client, nil
	}
	roots, err := p.trust()
	if err != nil {
		return nil, err
	}
	// The provider may be a site of this very Caddy, with a certificate of its
	// own CA. The CA is made when Caddy starts, so it is read when needed.
	if pem, err := p.env.Storage.Load(ctx, "pki/authorities/local/root.crt"); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialLoopbackNames,
			TLSClientConfig:        &tls.Config{RootCAs: roots, InsecureSkipVerify: p.Insecure()}, //nolint:gosec // only if the config says insecure
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    DiscoveryTimeout,
			IdleConnTimeout:        30 * time.Second,
			MaxIdleConnsPerHost:    4,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Http == nil {
		p.Http = client
	}
	return p.Http, nil
}

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

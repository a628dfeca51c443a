package universallogout

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

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"
)

// metadata is what a provider says about itself.
type metadata struct {
	Issuer            string   `json:"issuer"`
	EndSession        string   `json:"end_session_endpoint"`
	Revocation        string   `json:"revocation_endpoint"`
	JWKS              string   `json:"jwks_uri"`
	Authorization     string   `json:"authorization_endpoint"`
	Token             string   `json:"token_endpoint"`
	RevocationAuth    []string `json:"revocation_endpoint_auth_methods_supported"`
	TokenAuth         []string `json:"token_endpoint_auth_methods_supported"`
	ResponseHasIssuer bool     `json:"authorization_response_iss_parameter_supported"`

	quirks quirks // of EndSession
}

const (
	// freshMetadata is how long a provider that answered is not asked again:
	// asking is also how we know that it is alive, and nobody shall be sent to
	// one that is not.
	freshMetadata = 15 * time.Second

	// retryMetadata is how long one that did not answer is left alone, so that
	// not every logout waits for it.
	retryMetadata = 3 * time.Second

	discoveryTimeout = 10 * time.Second
	maxMetadata      = 512 << 10
)

// errUnreachable: no answer at all, so a browser would get none either.
var errUnreachable = errors.New("the provider cannot be reached")

// endpoints returns what is known of the provider, with an error if it could
// not be asked just now. The metadata of an earlier answer is kept; it may be
// that of an earlier configuration of this process.
func (p *Provider) endpoints(ctx context.Context) (metadata, error) {
	if !p.needsDiscovery() {
		return p.override(metadata{}), nil
	}
	p.mu.Lock()
	known, failure, age, last := p.metadata, p.failure, p.app.now().Sub(p.asked), p.asked
	asked := !last.IsZero()
	p.mu.Unlock()
	if known.Issuer == "" {
		known = p.app.shared.knownMetadata(p.Issuer)
	}
	if asked && (failure == nil && age < freshMetadata || failure != nil && age < retryMetadata) {
		return p.override(known), failure
	}
	// Nobody waits longer than for its own logout, and nobody's leaving ends
	// the question for the others.
	flight := p.flights.DoChan("metadata", func() (any, error) {
		own, stop := context.WithTimeout(context.WithoutCancel(ctx), discoveryTimeout)
		defer stop()
		if m, other := p.askedSince(last); other {
			return m, nil // by a flight that ended while we came to this one
		}
		return p.discover(own), nil
	})
	select {
	case result := <-flight:
		if m, ok := result.Val.(metadata); ok && m.Issuer != "" {
			known = m
		}
		p.mu.Lock()
		failure = p.failure
		p.mu.Unlock()
		return p.override(known), failure
	case <-ctx.Done():
		return p.override(known), fmt.Errorf("%w in time", errUnreachable)
	}
}

// needsDiscovery: with every endpoint configured there is nothing to ask.
func (p *Provider) needsDiscovery() bool {
	return p.EndSessionEndpoint == "" || p.JWKSURI == "" ||
		p.ClientID != "" && (p.AuthorizationEndpoint == "" || p.TokenEndpoint == "" || p.RevocationEndpoint == "")
}

func (p *Provider) askedSince(last time.Time) (metadata, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.metadata, !p.asked.Equal(last)
}

// override lets the configuration win over discovery (RPI-01).
func (p *Provider) override(m metadata) metadata {
	m.quirks = p.quirks
	if m.EndSession == "" && p.EndSessionEndpoint == "" && p.quirks.legacy != nil && m.Issuer != "" {
		m.EndSession = strings.TrimSuffix(p.Issuer, "/") + "/" + p.quirks.legacy.path
		m.quirks = p.quirks.legacyLogout()
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
func (p *Provider) discover(ctx context.Context) metadata {
	var m metadata
	err := p.app.caught("discovery", func() (err error) {
		m, err = p.fetchMetadata(ctx)
		return err
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.failure = p.app.now(), err
	if err == nil {
		p.metadata = m
		p.app.shared.keepMetadata(m)
		return m
	}
	// A CA that was not there yet may be by the next time.
	p.http = nil
	p.app.logger.Warn("the provider's metadata is not to be had; what was known of it before is used",
		zap.String("provider", p.name), zap.Error(err))
	return p.metadata
}

func (p *Provider) fetchMetadata(ctx context.Context) (m metadata, err error) {
	body, _, err := p.get(ctx, "discovery", strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return metadata{}, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return metadata{}, errors.New("discovery: the answer is no JSON; is the issuer's address right?")
	}
	// RPI-04: byte for byte.
	if m.Issuer != p.Issuer {
		return metadata{}, fmt.Errorf("discovery: it names the issuer %q, configured is %q; they must be the same to the letter", shorten(m.Issuer), p.Issuer)
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
	body, err := io.ReadAll(io.LimitReader(res.Body, maxMetadata+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("%w: %w", errUnreachable, err)
	case res.StatusCode != http.StatusOK:
		return nil, 0, fmt.Errorf("%s answers with status %d", address, res.StatusCode)
	case len(body) > maxMetadata:
		return nil, 0, fmt.Errorf("%s answers with more than %d bytes", address, maxMetadata)
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
	m, err := p.endpoints(ctx)
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
	client := p.http
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
	if pem, err := p.app.ctx.Storage().Load(ctx, "pki/authorities/local/root.crt"); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialLoopbackNames,
			TLSClientConfig:        &tls.Config{RootCAs: roots, InsecureSkipVerify: p.insecure()}, //nolint:gosec // only if the config says insecure
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    discoveryTimeout,
			IdleConnTimeout:        30 * time.Second,
			MaxIdleConnsPerHost:    4,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.http == nil {
		p.http = client
	}
	return p.http, nil
}

func (p *Provider) insecure() bool { return len(p.TLSTrust) == 1 && p.TLSTrust[0] == "insecure" }

// trust are the system's roots and those of tls_trust.
func (p *Provider) trust() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if p.insecure() {
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

// dialLoopbackNames: names below localhost are loopback for browsers (RFC 6761
// 6.3), but few resolvers know.
func dialLoopbackNames(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(strings.ToLower(host), ".localhost") {
		address = net.JoinHostPort("localhost", port)
	}
	return d.DialContext(ctx, network, address)
}

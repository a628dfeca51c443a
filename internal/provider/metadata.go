package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Metadata is what a provider says about itself (OpenID Connect Discovery 3), as
// far as the configuration leaves that to it. Endpoints are "" where there is
// none that a browser or we could go to.
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

	Quirks Quirks // of EndSession
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
)

// Endpoints returns what is known of the provider, with an error if it could
// not be asked just now. The metadata of an earlier answer is kept; it may be
// that of an earlier configuration of this process.
func (p *Provider) Endpoints(ctx context.Context) (Metadata, error) {
	if !p.needsDiscovery() {
		return p.override(Metadata{}), nil
	}
	p.mu.Lock()
	known, failure, age, last := p.metadata, p.failure, p.env.Now().Sub(p.asked), p.asked
	asked := !last.IsZero()
	p.mu.Unlock()
	if known.Issuer == "" {
		known = p.env.Seen().of(p.Issuer)
	}
	if asked && (failure == nil && age < freshMetadata || failure != nil && age < retryMetadata) {
		return p.override(known), failure
	}
	fresh, answered := once(ctx, &p.flights, "metadata", discoveryTimeout, func(ctx context.Context) any {
		if m, other := p.askedSince(last); other {
			return m // by a flight that ended while we came to this one
		}
		return p.discover(ctx)
	}).(Metadata)
	if !answered {
		return p.override(known), fmt.Errorf("%w in time", errUnreachable)
	}
	if fresh.Issuer != "" {
		known = fresh
	}
	p.mu.Lock()
	failure = p.failure
	p.mu.Unlock()
	return p.override(known), failure
}

// Reach is Endpoints for a browser that is to end its session there. ok is false
// if nobody knows where to send it, or if nobody is there. An endpoint that was
// written down may be reached from elsewhere than here.
func (p *Provider) Reach(ctx context.Context) (m Metadata, ok bool) {
	m, err := p.Endpoints(ctx)
	return m, m.EndSession != "" && (p.EndSessionEndpoint != "" || !isUnreachable(err))
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
func (p *Provider) override(m Metadata) Metadata {
	m.Quirks = p.Quirks
	if m.EndSession == "" && p.EndSessionEndpoint == "" && p.Quirks.legacy != nil && m.Issuer != "" {
		m.EndSession = strings.TrimSuffix(p.Issuer, "/") + "/" + p.Quirks.legacy.path
		m.Quirks = p.Quirks.legacyLogout()
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
		m, err = p.fetchMetadata(ctx)
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
	p.http = nil
	p.env.Logger().Warn("the provider's metadata is not to be had; what was known of it before is used",
		zap.String("provider", p.Name), zap.Error(err))
	return p.metadata
}

func (p *Provider) fetchMetadata(ctx context.Context) (m Metadata, err error) {
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

// Seen is what providers said of themselves, by issuer. It outlives the
// configuration; there are as many as providers in the configurations that this
// process has seen.
type Seen struct{ known sync.Map }

func (s *Seen) of(issuer string) Metadata {
	m, _ := s.known.Load(issuer)
	known, _ := m.(Metadata)
	return known
}

func (s *Seen) keep(m Metadata) { s.known.Store(m.Issuer, m) }

// known is what is known without asking.
func (p *Provider) known() Metadata { return p.override(p.env.Seen().of(p.Issuer)) }

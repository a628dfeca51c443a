// Package provider is one place where people sign in once for many apps, at run
// time: what it says about itself, whose session it has, and the ways to end it.
package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/universal-logout/caddy-universal-logout/internal/bounded"
	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/oauth"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// Provider is one OpenID provider, or one portal: of that, all that is known is
// where its logout is.
type Provider struct {
	Config
	Name string

	Quirks Quirks // what it does in its own way

	env     Env
	client  oauth.Client
	keys    *jwks.Set
	flights singleflight.Group // of questions to it: one for all who want to know the same

	mu       sync.Mutex
	http     *http.Client         // nil until needed, and again after a failure
	wire     http.RoundTripper    // nil: the network
	metadata Metadata             // the last that was good
	asked    time.Time            // when the provider was last asked for it
	failure  error                // what came of that
	refused  map[string]time.Time // clients whose codes the provider would not redeem

	probed *bounded.Map // probes, by address
	probes *rate.Limiter
}

// Env is what a provider needs of the process around it. What is a function may
// change while it runs.
type Env struct {
	Now     func() time.Time
	Logger  func() *zap.Logger
	Storage certmagic.Storage // where Caddy keeps the root of its own CA
	Seen    func() *Seen
	Count   func(provider, endpoint, result string) // of requests
	Work    *work.Runner
}

// New reads a configuration with what the environment and files say, checks it,
// and asks nobody.
func New(name string, written Config, env Env) (*Provider, error) {
	config, err := written.resolved()
	if err != nil {
		return nil, err
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	p := &Provider{
		Config: config, Name: name, env: env, Quirks: quirksOf(config.QuirksOf, config.Issuer),
		refused: make(map[string]time.Time),
		probed:  bounded.NewMap(maxProbes, fineProbeFor), probes: rate.NewLimiter(1, maxProbes/4),
		client: oauth.Client{
			ID: config.ClientID, Secret: config.ClientSecret, Method: oauth.Method(config.ClientAuth),
			Audience: config.Issuer, Now: env.Now,
		},
	}
	p.keys = jwks.New(p.fetchKeys, env.Now)
	if config.ClientKey != "" {
		key, err := oauth.ParseKey(config.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("client_key: %w", err)
		}
		p.client.Key = key
	}
	if config.ServerLogout != nil {
		if p.ServerLogout, err = config.ServerLogout.resolved(); err == nil {
			err = p.ServerLogout.check()
		}
		if err != nil {
			return nil, fmt.Errorf("server_logout: %w", err)
		}
	}
	_, err = p.trust()
	return p, err
}

// Host is where the provider's cookies are, as far as it is known without
// asking; own is the site, for portals that are a path on it.
func (p *Provider) Host(own origin.Origin) string {
	address := p.Issuer
	switch {
	case p.IsPortal():
		address = p.LogoutURL
	case p.EndSessionEndpoint != "":
		address = p.EndSessionEndpoint
	}
	u, err := url.Parse(strings.ReplaceAll(address, returnURLPlaceholder, ""))
	if err != nil || u.Host == "" {
		return own.Hostname()
	}
	return strings.ToLower(u.Hostname())
}

// clientFor is how a client named by a site authenticates: our own with its
// secret, any other without. The audience is the one that this server wants.
func (p *Provider) clientFor(id string, m Metadata) oauth.Client {
	c := oauth.Client{ID: id, Method: oauth.None, Now: p.env.Now}
	if id == p.ClientID {
		c = p.client
	}
	if p.Quirks.Audience == audienceTokenEndpoint && m.Token != "" {
		c.Audience = m.Token
	}
	return c
}

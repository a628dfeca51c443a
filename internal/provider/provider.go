package provider

import (
	"errors"
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

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/oauth"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// idpConfig is what the configuration says of a provider, without placeholders.
// The root package documents it for users.
type Config struct {
	Issuer, LogoutURL                             string
	ClientID, ClientSecret, ClientKey, ClientAuth string
	PostLogoutRedirectURI                         string
	JustInTimeHint                                *bool // nil: if there is a client
	EndSessionEndpoint, RevocationEndpoint        string
	JWKSURI                                       string
	AuthorizationEndpoint, TokenEndpoint          string
	ServerLogout                                  *ServerLogout // nil: none, or not known yet
	HasServerLogout                               bool
	TLSTrust                                      []string
	Quirks                                        string
}

// idpEnv is what a provider needs of the process around it.
type Env struct {
	Now     func() time.Time
	Logger  func() *zap.Logger
	Storage certmagic.Storage // where Caddy keeps the root of its own CA
	Seen    func() *Seen
	Count   func(provider, endpoint, result string) // of requests
	Work    *work.Runner
}

// idp is one provider at run time.
type Provider struct {
	Config
	Name string

	env    Env
	Ways   Ways
	client oauth.Client
	keys   *jwks.Set

	mu       sync.Mutex
	Http     *http.Client // nil until needed, and again after a failure
	metadata Metadata     // the last that was good
	asked    time.Time    // when the provider was last asked for it
	failure  error        // what came of that
	Probed   map[string]probe
	probes   *rate.Limiter
	refused  map[string]time.Time // clients whose codes the provider would not redeem
	flights  singleflight.Group
}

// isPortal: all that is known is where to go.
func (c *Config) IsPortal() bool { return c.LogoutURL != "" }

// newIDP checks a configuration. It asks nobody.
func New(name string, config Config, env Env) (*Provider, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	p := &Provider{
		Config: config, Name: name, env: env, Ways: WaysOf(config.Quirks, config.Issuer),
		Probed: make(map[string]probe), refused: make(map[string]time.Time), probes: rate.NewLimiter(1, MaxProbes/4),
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
		if err := config.ServerLogout.Check(); err != nil {
			return nil, fmt.Errorf("server_logout: %w", err)
		}
	}
	_, err := p.trust()
	return p, err
}

// Single are the words with one value.
func (c *Config) Single() []*string {
	return []*string{
		&c.Issuer, &c.ClientID, &c.ClientSecret, &c.ClientKey, &c.PostLogoutRedirectURI,
		&c.EndSessionEndpoint, &c.RevocationEndpoint, &c.JWKSURI, &c.AuthorizationEndpoint, &c.TokenEndpoint,
	}
}

// seenMetadata is what providers said of themselves, by issuer. It outlives the
// configuration; there are as many as providers in the configurations that this
// process has seen.
type Seen struct{ known sync.Map }

func (s *Seen) of(issuer string) Metadata {
	m, _ := s.known.Load(issuer)
	known, _ := m.(Metadata)
	return known
}

// known is what is known without asking.
func (p *Provider) Known() Metadata { return p.Override(p.env.Seen().of(p.Issuer)) }

func (s *Seen) keep(m Metadata) { s.known.Store(m.Issuer, m) }

// Check finds what cannot work.
func (c *Config) Check() error {
	switch {
	case c.IsPortal() && c.Issuer != "":
		return errors.New("an OpenID provider has an issuer, a portal has a logout_url; write one of the two")
	case c.IsPortal():
		return c.checkPortal()
	case c.Issuer == "":
		return errors.New("write the issuer behind the provider's name, as in provider main https://sso.example.com, or a logout_url into its block")
	}
	if err := origin.CheckEndpoint(c.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	for _, endpoint := range []struct{ word, url string }{
		{"end_session_endpoint", c.EndSessionEndpoint},
		{"revocation_endpoint", c.RevocationEndpoint},
		{"jwks_uri", c.JWKSURI},
		{"authorization_endpoint", c.AuthorizationEndpoint},
		{"token_endpoint", c.TokenEndpoint},
		{"post_logout_redirect_uri", c.PostLogoutRedirectURI},
	} {
		if endpoint.url == "" {
			continue
		}
		if err := origin.CheckEndpoint(endpoint.url); err != nil {
			return fmt.Errorf("%s: %w", endpoint.word, err)
		}
	}
	return c.checkClient()
}

func (c *Config) checkClient() error {
	if c.Quirks != "" && !isQuirk(c.Quirks) {
		return fmt.Errorf("quirks: %q is none of %s", c.Quirks, strings.Join(quirkNames(), ", "))
	}
	switch method := oauth.Method(c.ClientAuth); {
	case c.ClientID == "" && (c.ClientSecret != "" || c.ClientKey != "" || c.ClientAuth != ""):
		return errors.New("client_id: a secret or key is there, but not whose it is")
	case c.ClientSecret != "" && c.ClientKey != "":
		return errors.New("client_secret and client_key are both there; a client has one of the two")
	case method == "", method == oauth.None:
	case method == oauth.PrivateKeyJWT:
		if c.ClientKey == "" {
			return errors.New("client_auth: private_key_jwt needs a client_key")
		}
	case method == oauth.SecretBasic, method == oauth.SecretPost:
		if c.ClientSecret == "" {
			return fmt.Errorf("client_auth: %s needs a client_secret", method)
		}
	default:
		return fmt.Errorf("client_auth: %q is none of client_secret_basic, client_secret_post, private_key_jwt, none", c.ClientAuth)
	}
	return nil
}

func (c *Config) checkPortal() error {
	other := c.ClientAuth+c.Quirks != "" || c.HasServerLogout || c.JustInTimeHint != nil
	for _, field := range c.Single() {
		other = other || *field != ""
	}
	if other {
		return errors.New("a portal has a logout_url and perhaps tls_trust; what it wants to know, such as a client_id, belongs into that address")
	}
	sample, err := ExpandReturnURL(c.LogoutURL, "https://app.example.com/")
	if err != nil {
		return fmt.Errorf("logout_url: %w", err)
	}
	if strings.HasPrefix(sample, "/") {
		if !origin.IsPlainURL(sample) {
			return fmt.Errorf("logout_url: %q is no path that every browser reads alike", c.LogoutURL)
		}
		return nil
	}
	if err := origin.CheckEndpoint(sample); err != nil {
		return fmt.Errorf("logout_url: %w", err)
	}
	return nil
}

const ReturnURLPlaceholder = "{return_url}"

// expandReturnURL fills in a portal's logout_url.
func ExpandReturnURL(template, returnURL string) (string, error) {
	expanded := strings.ReplaceAll(template, ReturnURLPlaceholder, url.QueryEscape(returnURL))
	if strings.ContainsAny(expanded, "{}") {
		return "", fmt.Errorf("%q: {return_url} is the only placeholder here", template)
	}
	return expanded, nil
}

// justInTime reports whether a hint may be fetched for a client of ours.
func (p *Provider) JustInTime(client string) bool {
	if p.JustInTimeHint != nil && !*p.JustInTimeHint {
		return false
	}
	return client != ""
}

// clientFor is how a client named by a site authenticates: our own with its
// secret, any other without.
func (p *Provider) clientFor(id string) oauth.Client {
	if id == p.ClientID {
		return p.client
	}
	return oauth.Client{ID: id, Method: oauth.None, Now: p.env.Now}
}

// authenticating is clientFor with the audience that this server wants.
func (p *Provider) authenticating(id string, m Metadata) oauth.Client {
	c := p.clientFor(id)
	if p.Ways.Audience == audienceTokenEndpoint && m.Token != "" {
		c.Audience = m.Token
	}
	return c
}

// host is where the provider's cookies are, as far as it is known without
// asking; own is the site, for portals that are a path on it.
func (p *Provider) Host(own origin.Origin) string {
	address := p.Issuer
	switch {
	case p.IsPortal():
		address = p.LogoutURL
	case p.EndSessionEndpoint != "":
		address = p.EndSessionEndpoint
	}
	u, err := url.Parse(strings.ReplaceAll(address, ReturnURLPlaceholder, ""))
	if err != nil || u.Host == "" {
		return own.Hostname()
	}
	return strings.ToLower(u.Hostname())
}

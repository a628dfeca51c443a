package universallogout

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/oauth"
)

// Provider is where people sign in once for many apps: an OpenID provider, or
// a sign-in portal that has a logout address. A logout at a site that names it
// ends the session there too.
type Provider struct {
	// The OpenID provider's issuer, exactly as it names itself, such as
	// `https://sso.example.com/realms/main`. Its endpoints are discovered at
	// the first logout.
	Issuer string `json:"issuer,omitempty"`

	// For a portal that is no OpenID provider: where its logout is, such as
	// `https://auth.example.com/logout?rd={return_url}`, or a path on the site
	// itself. `{return_url}` is where the portal shall send the browser back.
	LogoutURL string `json:"logout_url,omitempty"`

	// Our client at the provider. Its redirect URI is
	// `/.universal-logout/callback`, and its post-logout redirect URI
	// `/.universal-logout/return`, on the hub or, without one, on every site.
	ClientID string `json:"client_id,omitempty"`

	// The client's secret; best as `{env.NAME}` or `{file./path}`.
	ClientSecret string `json:"client_secret,omitempty"`

	// Instead of a secret: the client's private key, as PEM or JWK, for
	// `private_key_jwt`; best as `{file./path}`.
	ClientKey string `json:"client_key,omitempty"`

	// How the client authenticates: `client_secret_basic`,
	// `client_secret_post`, `private_key_jwt` or `none`. Default: by key or
	// secret, in the way the provider's metadata says.
	ClientAuth string `json:"client_auth,omitempty"`

	// Where the provider sends the browser after its logout, as registered
	// for the client. Default: `/.universal-logout/return` on the hub or, without
	// one, on the site.
	PostLogoutRedirectURI string `json:"post_logout_redirect_uri,omitempty"`

	// Ask the provider silently who is signed in when no ID token is at hand:
	// with the answer it ends the session without asking "do you really want to
	// log out?". Default: on if there is a client.
	JustInTimeHint *bool `json:"just_in_time_hint,omitempty"`

	// Endpoints that replace the discovered ones.
	EndSessionEndpoint    string `json:"end_session_endpoint,omitempty"`
	RevocationEndpoint    string `json:"revocation_endpoint,omitempty"`
	JWKSURI               string `json:"jwks_uri,omitempty"`
	AuthorizationEndpoint string `json:"authorization_endpoint,omitempty"`
	TokenEndpoint         string `json:"token_endpoint,omitempty"`

	// One more request, from server to server, that ends the session.
	ServerLogout *ServerLogout `json:"server_logout,omitempty"`

	// PEM files of certificate authorities to trust besides the system's and
	// Caddy's own local one, or `insecure` alone: no check at all, for tests.
	TLSTrust []string `json:"tls_trust,omitempty"`

	// What this provider does in its own way: `keycloak`, `hydra`, `entra`,
	// `authentik`, `auth0`, `cognito`, `okta`, `zitadel`. Default: told by the
	// issuer, where that tells it.
	Quirks string `json:"quirks,omitempty"`

	name   string
	app    *App
	quirks quirks
	client oauth.Client
	keys   *jwks.Set

	mu       sync.Mutex
	http     *http.Client // nil until needed, and again after a failure
	metadata metadata     // the last that was good
	asked    time.Time    // when the provider was last asked for it
	failure  error        // what came of that
	probed   map[string]probe
	probes   *rate.Limiter
	refused  map[string]time.Time // clients whose codes the provider would not redeem
	flights  singleflight.Group
}

// isPortal: all that is known is where to go.
func (p *Provider) isPortal() bool { return p.LogoutURL != "" }

// provision checks and completes the configuration. It asks nobody.
func (p *Provider) provision(app *App, name string) error {
	p.app, p.name = app, name
	p.probed, p.refused = make(map[string]probe), make(map[string]time.Time)
	p.probes = rate.NewLimiter(1, maxProbes/4)
	for _, field := range p.resolvable() {
		value, err := placeholders.Template(*field) // a JWK has braces of its own
		if err != nil {
			return err
		}
		*field = value
	}
	logoutURL, err := placeholders.Template(p.LogoutURL, returnURLPlaceholder)
	if err != nil {
		return fmt.Errorf("logout_url: %w", err)
	}
	p.LogoutURL = logoutURL
	for i := range p.TLSTrust {
		value, err := placeholders.Resolve(p.TLSTrust[i])
		if err != nil {
			return fmt.Errorf("tls_trust: %w", err)
		}
		p.TLSTrust[i] = value
	}
	if err := p.check(); err != nil {
		return err
	}
	p.quirks = quirksOf(p.Quirks, p.Issuer)
	p.keys = jwks.New(p.fetchKeys, app.clock)
	p.client = oauth.Client{
		ID: p.ClientID, Secret: p.ClientSecret, Method: oauth.Method(p.ClientAuth),
		Audience: p.Issuer, Now: app.clock,
	}
	if p.ClientKey != "" {
		key, err := oauth.ParseKey(p.ClientKey)
		if err != nil {
			return fmt.Errorf("client_key: %w", err)
		}
		p.client.Key = key
	}
	if p.ServerLogout != nil {
		if err := p.ServerLogout.provision(); err != nil {
			return fmt.Errorf("server_logout: %w", err)
		}
	}
	_, err = p.trust()
	return err
}

func (p *Provider) resolvable() []*string {
	return []*string{
		&p.Issuer, &p.ClientID, &p.ClientSecret, &p.ClientKey, &p.PostLogoutRedirectURI,
		&p.EndSessionEndpoint, &p.RevocationEndpoint, &p.JWKSURI, &p.AuthorizationEndpoint, &p.TokenEndpoint,
	}
}

// check finds what cannot work.
func (p *Provider) check() error {
	switch {
	case p.isPortal() && p.Issuer != "":
		return errors.New("an OpenID provider has an issuer, a portal has a logout_url; write one of the two")
	case p.isPortal():
		return p.checkPortal()
	case p.Issuer == "":
		return errors.New("write the issuer behind the provider's name, as in provider main https://sso.example.com, or a logout_url into its block")
	}
	if err := origin.CheckEndpoint(p.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	for _, endpoint := range []struct{ word, url string }{
		{"end_session_endpoint", p.EndSessionEndpoint},
		{"revocation_endpoint", p.RevocationEndpoint},
		{"jwks_uri", p.JWKSURI},
		{"authorization_endpoint", p.AuthorizationEndpoint},
		{"token_endpoint", p.TokenEndpoint},
		{"post_logout_redirect_uri", p.PostLogoutRedirectURI},
	} {
		if endpoint.url == "" {
			continue
		}
		if err := origin.CheckEndpoint(endpoint.url); err != nil {
			return fmt.Errorf("%s: %w", endpoint.word, err)
		}
	}
	return p.checkClient()
}

func (p *Provider) checkClient() error {
	if p.Quirks != "" && !isQuirk(p.Quirks) {
		return fmt.Errorf("quirks: %q is none of %s", p.Quirks, strings.Join(quirkNames(), ", "))
	}
	switch method := oauth.Method(p.ClientAuth); {
	case p.ClientID == "" && (p.ClientSecret != "" || p.ClientKey != "" || p.ClientAuth != ""):
		return errors.New("client_id: a secret or key is there, but not whose it is")
	case p.ClientSecret != "" && p.ClientKey != "":
		return errors.New("client_secret and client_key are both there; a client has one of the two")
	case method == "", method == oauth.None:
	case method == oauth.PrivateKeyJWT:
		if p.ClientKey == "" {
			return errors.New("client_auth: private_key_jwt needs a client_key")
		}
	case method == oauth.SecretBasic, method == oauth.SecretPost:
		if p.ClientSecret == "" {
			return fmt.Errorf("client_auth: %s needs a client_secret", method)
		}
	default:
		return fmt.Errorf("client_auth: %q is none of client_secret_basic, client_secret_post, private_key_jwt, none", p.ClientAuth)
	}
	return nil
}

func (p *Provider) checkPortal() error {
	other := p.ClientAuth+p.Quirks != "" || p.ServerLogout != nil || p.JustInTimeHint != nil
	for _, field := range p.resolvable() {
		other = other || *field != ""
	}
	if other {
		return errors.New("a portal has a logout_url and perhaps tls_trust; what it wants to know, such as a client_id, belongs into that address")
	}
	sample, err := expandReturnURL(p.LogoutURL, "https://app.example.com/")
	if err != nil {
		return fmt.Errorf("logout_url: %w", err)
	}
	if strings.HasPrefix(sample, "/") {
		if !origin.IsPlainURL(sample) {
			return fmt.Errorf("logout_url: %q is no path that every browser reads alike", p.LogoutURL)
		}
		return nil
	}
	if err := origin.CheckEndpoint(sample); err != nil {
		return fmt.Errorf("logout_url: %w", err)
	}
	return nil
}

const returnURLPlaceholder = "{return_url}"

// expandReturnURL fills in a portal's logout_url.
func expandReturnURL(template, returnURL string) (string, error) {
	expanded := strings.ReplaceAll(template, returnURLPlaceholder, url.QueryEscape(returnURL))
	if strings.ContainsAny(expanded, "{}") {
		return "", fmt.Errorf("%q: {return_url} is the only placeholder here", template)
	}
	return expanded, nil
}

// justInTime reports whether a hint may be fetched for a client of ours.
func (p *Provider) justInTime(client string) bool {
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
	return oauth.Client{ID: id, Method: oauth.None, Now: p.app.clock}
}

// authenticating is clientFor with the audience that this server wants.
func (p *Provider) authenticating(id string, m metadata) oauth.Client {
	c := p.clientFor(id)
	if p.quirks.audience == audienceTokenEndpoint && m.Token != "" {
		c.Audience = m.Token
	}
	return c
}

// host is where the provider's cookies are, as far as it is known without
// asking; own is the site, for portals that are a path on it.
func (p *Provider) host(own origin.Origin) string {
	address := p.Issuer
	switch {
	case p.isPortal():
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

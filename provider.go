package universallogout

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
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
}

// values are what the run time needs to know, as written.
func (p *Provider) values() provider.Config {
	c := provider.Config{
		Issuer: p.Issuer, LogoutURL: p.LogoutURL,
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, ClientKey: p.ClientKey, ClientAuth: p.ClientAuth,
		PostLogoutRedirectURI: p.PostLogoutRedirectURI, JustInTimeHint: p.JustInTimeHint,
		EndSessionEndpoint: p.EndSessionEndpoint, RevocationEndpoint: p.RevocationEndpoint, JWKSURI: p.JWKSURI,
		AuthorizationEndpoint: p.AuthorizationEndpoint, TokenEndpoint: p.TokenEndpoint,
		TLSTrust: p.TLSTrust, QuirksOf: p.Quirks,
	}
	if p.ServerLogout != nil {
		c.ServerLogout = p.ServerLogout.values()
	}
	return c
}

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

// values are what the run time needs to know, as written.
func (s *ServerLogout) values() *provider.ServerLogout {
	return &provider.ServerLogout{
		Method: s.Method, URL: s.URL, Headers: s.Headers, ContentType: s.ContentType, Body: s.Body,
		Success: s.Success, Timeout: time.Duration(s.Timeout),
	}
}

// provisionProviders asks none of them: that is for the first logout.
func (a *App) provisionProviders() error {
	a.run.providers = make(map[string]*provider.Provider)
	for name, p := range a.Providers {
		if err := checkProviderName(name); err != nil {
			return err
		}
		if p == nil {
			return fmt.Errorf("provider %s: nothing is said about it", name)
		}
		if err := a.addProvider(name, p); err != nil {
			return fmt.Errorf("provider %s: %w", name, err)
		}
	}
	if a.Hub == "" {
		return nil
	}
	hub, err := placeholders.Resolve(a.Hub)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	a.run.hub, err = parseHub(hub)
	return err
}

func checkProviderName(name string) error {
	if name == "" || strings.Contains(name, "://") || strings.ContainsAny(name[:1], "/*@") || origin.HasSpaceOrControl(name) {
		return fmt.Errorf("provider: %q is no name; write one word like main, and the issuer behind it", name)
	}
	return nil
}

// providerOf finds the provider that a site names, or the one that it says no
// more about than its issuer. Sites that name none have none.
func (a *App) providerOf(name, issuer string) (*provider.Provider, error) {
	switch {
	case name != "" && issuer != "":
		return nil, errors.New("provider and issuer name the same thing; write one of them")
	case name != "":
		if p, ok := a.run.providers[name]; ok && a.Providers[name] != nil {
			return p, nil
		}
		return nil, unknownProvider(name, slices.Sorted(maps.Keys(a.Providers)))
	case issuer == "":
		return nil, nil
	}
	issuer, err := placeholders.Resolve(issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(a.run.providers)) {
		if p := a.run.providers[name]; p.Issuer == issuer {
			return p, nil
		}
	}
	if err := a.addProvider(issuer, &Provider{Issuer: issuer}); err != nil {
		return nil, err
	}
	return a.run.providers[issuer], nil
}

func (a *App) addProvider(name string, config *Provider) error {
	p, err := provider.New(name, config.values(), provider.Env{
		Now: a.clock, Logger: func() *zap.Logger { return a.logger }, Storage: a.ctx.Storage(), Seen: func() *provider.Seen { return &a.process.metadata }, Work: a.work,
		Count: func(provider, endpoint, result string) { a.teller.ProviderAnswered(provider, endpoint, result) },
	})
	if err == nil {
		a.run.providers[name] = p
	}
	return err
}

func unknownProvider(name string, known []string) error {
	if len(known) == 0 {
		return fmt.Errorf("unknown provider %q: the global options name none; write it as issuer, https://…, or add provider %s <issuer> there", name, name)
	}
	return fmt.Errorf("unknown provider %q; known are %s", name, strings.Join(known, ", "))
}

var errNoProvider = errors.New("id_token, access_token, refresh_token, client_id and post_logout_redirect_uri are about a provider; name one behind universal_logout")

func (h *Handler) saysAnythingOfAProvider() bool {
	return h.ClientID != "" || h.PostLogoutRedirectURI != "" || h.IDToken != "" || h.AccessToken != "" || h.RefreshToken != ""
}

// compileProvider finds the provider and reads what the site says about it.
func (h *Handler) compileProvider() (err error) {
	if h.run.provider, err = h.edge.providerOf(h.Provider, h.Issuer); err != nil {
		return err
	}
	if h.run.provider == nil {
		if h.saysAnythingOfAProvider() {
			return errNoProvider
		}
		return nil
	}
	if h.run.clientID, err = placeholders.Resolve(h.ClientID); err != nil {
		return fmt.Errorf("client_id: %w", err)
	}
	if h.run.postLogoutRedirectURI, err = placeholders.Resolve(h.PostLogoutRedirectURI); err != nil {
		return fmt.Errorf("post_logout_redirect_uri: %w", err)
	}
	if h.run.postLogoutRedirectURI != "" {
		if err := origin.CheckEndpoint(h.run.postLogoutRedirectURI); err != nil {
			return fmt.Errorf("post_logout_redirect_uri: %w", err)
		}
	}
	if h.run.provider.IsPortal() && h.leadsBack(h.run.provider.LogoutURL, "") {
		return fmt.Errorf("logout_url: %s is a logout path of this app: the browser would go round in circles", h.run.provider.LogoutURL)
	}
	return nil
}

// clients are the app's own and the provider's.
func (h *Handler) clients() (all []journey.Client) {
	if h.run.clientID != "" {
		all = append(all, journey.Client{ID: h.run.clientID, ReturnURI: h.run.postLogoutRedirectURI})
	}
	if p := h.run.provider; p.ClientID != "" && p.ClientID != h.run.clientID {
		all = append(all, journey.Client{ID: p.ClientID, ReturnURI: p.PostLogoutRedirectURI})
	}
	if p := h.run.provider; len(all) == 1 && p.ClientID == h.run.clientID && all[0].ReturnURI == "" {
		all[0].ReturnURI = p.PostLogoutRedirectURI
	}
	return all
}

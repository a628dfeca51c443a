package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/oauth"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
)

// Config is what the configuration says of a provider, as written: with
// placeholders of the environment and of files. The root package documents it for
// users.
type Config struct {
	Issuer, LogoutURL                             string
	ClientID, ClientSecret, ClientKey, ClientAuth string
	PostLogoutRedirectURI                         string
	JustInTimeHint                                *bool // nil: if there is a client
	EndSessionEndpoint, RevocationEndpoint        string
	JWKSURI                                       string
	AuthorizationEndpoint, TokenEndpoint          string
	ServerLogout                                  *ServerLogout // nil: none
	TLSTrust                                      []string
	QuirksOf                                      string // whose, as "keycloak"; "": told by the issuer
}

// singles are the words with one value that may come from the environment or a
// file, but for logout_url, which has a placeholder of its own.
func (c *Config) singles() []*string {
	return []*string{
		&c.Issuer, &c.ClientID, &c.ClientSecret, &c.ClientKey, &c.PostLogoutRedirectURI,
		&c.EndSessionEndpoint, &c.RevocationEndpoint, &c.JWKSURI, &c.AuthorizationEndpoint, &c.TokenEndpoint,
	}
}

// resolved is the configuration with what the environment and files say, but for
// server_logout.
func (c Config) resolved() (Config, error) {
	for _, value := range c.singles() {
		resolved, err := placeholders.ResolveTemplate(*value) // a JWK has braces of its own
		if err != nil {
			return c, err
		}
		*value = resolved
	}
	var err error
	if c.LogoutURL, err = placeholders.ResolveTemplate(c.LogoutURL, returnURLPlaceholder); err != nil {
		return c, fmt.Errorf("logout_url: %w", err)
	}
	c.TLSTrust, err = placeholders.ResolveAll("tls_trust", c.TLSTrust)
	return c, err
}

// CheckWritten finds what New would find, while there is a line of the
// configuration to name. What the environment or a file says is not known yet:
// where one has a say, nothing is found.
func (c Config) CheckWritten() error {
	if placeholders.NeedsLoad(c.LogoutURL) {
		return nil
	}
	for _, value := range c.singles() {
		if strings.Contains(*value, "{") {
			return nil
		}
	}
	return c.check()
}

// check finds what cannot work, once all is known.
func (c *Config) check() error {
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
	if c.QuirksOf != "" && !isQuirk(c.QuirksOf) {
		return fmt.Errorf("quirks: %q is none of %s", c.QuirksOf, strings.Join(quirkNames(), ", "))
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

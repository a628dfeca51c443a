package provider

import (
	"net/url"
	"slices"
	"strings"
)

// Quirks are what a provider does in its own way at logout.
type Quirks struct {
	HintRequired bool    // parameters without an ID token lead to an error page: then none are sent
	NoHint       bool    // it knows no id_token_hint
	returnName   string  // if it is not post_logout_redirect_uri
	NoState      bool    // it sends no state back
	maxURL       int     // the longest address it takes, if that is less than usual
	Audience     string  // of client assertions: "token_endpoint", if not the issuer
	legacy       *legacy // its logout, if discovery names none
	issuerHost   string  // suffix of the issuer's host that tells it
	issuerPath   string  // part of the issuer's path that tells it
}

// legacy is a logout address from before OpenID's RP-Initiated Logout.
type legacy struct{ path, returnParameter string }

// quirksByName are the names that quirks may have in the configuration, and what
// they mean.
// Each was read in the provider's code or documentation; only what Keycloak
// and oidc-provider do is tried by our own tests.
var quirksByName = map[string]Quirks{
	// keycloak: LogoutEndpoint.java asks for confirmation without a hint, and
	// answers post_logout_redirect_uri without client_id and hint with an error
	// page, neither of which the standard forbids.
	"keycloak": {issuerPath: "/realms/"},

	// hydra: consent/strategy_default.go refuses state and
	// post_logout_redirect_uri without id_token_hint, whatever client_id says.
	// Its token endpoint wants its own address in assertions.
	"hydra": {HintRequired: true, Audience: audienceTokenEndpoint},

	// entra: learn.microsoft.com, "OpenID Connect on the Microsoft identity
	// platform"; long hints end in AADSTS90015 QueryStringTooLong, seen by
	// others from about 4 kB and avoided below 2000.
	"entra": {maxURL: 2000, Audience: audienceTokenEndpoint, issuerHost: "login.microsoftonline.com"},

	// authentik: providers/oauth2/views/end_session.py answers 400 to a
	// registered provider's post_logout_redirect_uri without a hint; older
	// versions force a login on visitors without a session
	// (goauthentik/authentik#24012).
	"authentik": {HintRequired: true, issuerPath: "/application/o/"},

	// auth0: auth0.com/docs, "Log users out of Auth0": tenants from before
	// November 2023 have only /v2/logout, which takes client_id and returnTo.
	"auth0": {legacy: &legacy{"v2/logout", "returnTo"}, issuerHost: ".auth0.com"},

	// cognito: docs.aws.amazon.com, "Logout endpoint": client_id and
	// logout_uri on the user pool's own domain, which the configuration has to
	// name as end_session_endpoint. No hint, no state.
	"cognito": {NoHint: true, NoState: true, returnName: "logout_uri"},

	// okta: developer.okta.com, "OpenID Connect & OAuth 2.0 API": logout
	// without id_token_hint is a 400.
	"okta": {HintRequired: true, issuerHost: ".okta.com"},

	// zitadel: zitadel.com/docs, "OpenID Connect endpoints": as the standard
	// says; without a hint the user is asked.
	"zitadel": {issuerHost: ".zitadel.cloud"},
}

const audienceTokenEndpoint = "token_endpoint"

func isQuirk(name string) bool { _, ok := quirksByName[name]; return ok }

func quirkNames() []string {
	names := make([]string, 0, len(quirksByName))
	for name := range quirksByName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// quirksOf are those of a name, or of an issuer that tells by its address.
func quirksOf(name, issuer string) Quirks {
	if name != "" {
		return quirksByName[name]
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return Quirks{}
	}
	host := "." + strings.ToLower(u.Hostname())
	for _, name := range quirkNames() {
		q := quirksByName[name]
		if q.issuerHost != "" && strings.HasSuffix(host, "."+strings.TrimPrefix(q.issuerHost, ".")) ||
			q.issuerPath != "" && strings.Contains(u.Path, q.issuerPath) {
			return q
		}
	}
	return Quirks{}
}

// legacyLogout are the quirks of the logout address that stands in for the
// one that discovery does not name.
func (q Quirks) legacyLogout() Quirks {
	return Quirks{NoHint: true, NoState: true, returnName: q.legacy.returnParameter}
}

func (q Quirks) longestURL() int {
	if q.maxURL > 0 {
		return q.maxURL
	}
	return maxEndSessionURL
}

// ReturnParameter is how the provider calls a post_logout_redirect_uri.
func (q Quirks) ReturnParameter() string {
	if q.returnName != "" {
		return q.returnName
	}
	return "post_logout_redirect_uri"
}

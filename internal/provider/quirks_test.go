package provider

import (
	"strings"
	"testing"
)

// TestLegacyLogoutAddress: RPI-06. Auth0 tenants from before November 2023 name
// no end_session_endpoint; theirs takes other parameters.
func TestLegacyLogoutAddress(t *testing.T) {
	for name, tc := range map[string]struct {
		p          *Provider
		discovered Metadata
		want       string
		state      bool
	}{
		"legacy":     {&Provider{Config: Config{Issuer: "https://t.eu.auth0.com/"}}, Metadata{Issuer: "https://t.eu.auth0.com/"}, "https://t.eu.auth0.com/v2/logout?client_id=edge&returnTo=https%3A%2F%2Fapp.example.com%2Fbye", false},
		"discovered": {&Provider{Config: Config{Issuer: "https://t.eu.auth0.com/"}}, Metadata{Issuer: "https://t.eu.auth0.com/", EndSession: "https://t.eu.auth0.com/oidc/logout"}, "https://t.eu.auth0.com/oidc/logout?", true},
		"configured": {&Provider{Config: Config{Issuer: "https://t.eu.auth0.com/", EndSessionEndpoint: "https://t.eu.auth0.com/x"}}, Metadata{Issuer: "https://t.eu.auth0.com/"}, "https://t.eu.auth0.com/x?", true},
		"own domain": {&Provider{Config: Config{Issuer: "https://login.example.com/", QuirksOf: "auth0"}}, Metadata{Issuer: "https://login.example.com/"}, "https://login.example.com/v2/logout?client_id=edge&returnTo=", false},
	} {
		tc.p.Quirks = quirksOf(tc.p.QuirksOf, tc.p.Issuer)
		m := tc.p.override(tc.discovered)
		got, ok := EndSession{"h", "edge", "https://app.example.com/bye", "s"}.url(m.EndSession, m.Quirks)
		if !ok || !strings.HasPrefix(got, tc.want) || strings.Contains(got, "state=s") != tc.state || strings.Contains(got, "id_token_hint") != tc.state {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestQuirksByIssuer: the issuer tells some providers, and only those.
func TestQuirksByIssuer(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://login.microsoftonline.com/3f8a/v2.0":         "entra",
		"https://LOGIN.microsoftonline.com/3f8a/v2.0":         "entra",
		"https://login.microsoftonline.com.evil.example/v2.0": "",
		"https://notlogin.microsoftonline.com.example/":       "",
		"https://dev-1.okta.com":                              "okta",
		"https://evilokta.com":                                "",
		"https://t.eu.auth0.com/":                             "auth0",
		"https://x.zitadel.cloud":                             "zitadel",
		"https://sso.example.com/application/o/app/":          "authentik",
		"https://sso.example.com/realms/main":                 "keycloak",
		"https://sso.example.com":                             "",
		"https://cognito-idp.eu-central-1.amazonaws.com/pool": "", // named only: its logout is elsewhere
	} {
		if got := quirksOf("", issuer); got != quirksByName[want] {
			t.Errorf("%s: %+v, want those of %q", issuer, got, want)
		}
	}
	if got := quirksOf("hydra", "https://dev-1.okta.com"); got.Audience == "" {
		t.Error("the configuration does not win")
	}
}

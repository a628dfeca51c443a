package universallogout

import (
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// TestEndSessionURL: by what is known and by provider. The
// wanted addresses are compared as URLs: the order of the parameters is free.
func TestEndSessionURL(t *testing.T) {
	const (
		back    = "https://app.example.com/.universal-logout/return"
		escaped = "https%3A%2F%2Fapp.example.com%2F.universal-logout%2Freturn"
		op      = "https://sso.example.com/end"
	)
	for name, tc := range map[string]struct {
		quirks   string
		endpoint string // "": op
		given    provider.EndSession
		want     string // behind the endpoint
		asks     bool   // nothing that can be done without a click
	}{
		"client and hint":                {given: provider.EndSession{"h.i.t", "edge", back, "s"}, want: "?client_id=edge&id_token_hint=h.i.t&post_logout_redirect_uri=" + escaped + "&state=s"},
		"client":                         {given: provider.EndSession{"", "edge", back, "s"}, want: "?client_id=edge&post_logout_redirect_uri=" + escaped + "&state=s"},
		"client, no return address":      {given: provider.EndSession{"", "edge", "", "s"}, want: "?client_id=edge"},
		"client, hint, no return":        {given: provider.EndSession{"h", "edge", "", "s"}, want: "?client_id=edge&id_token_hint=h"},
		"hint":                           {given: provider.EndSession{"h", "", "", "s"}, want: "?id_token_hint=h"},
		"hint and return address":        {given: provider.EndSession{"h", "", back, "s"}, want: "?id_token_hint=h&post_logout_redirect_uri=" + escaped + "&state=s"},
		"nothing":                        {given: provider.EndSession{"", "", back, "s"}, asks: true},
		"keycloak":                       {quirks: "keycloak", given: provider.EndSession{"h", "edge", back, "s"}, want: "?client_id=edge&id_token_hint=h&post_logout_redirect_uri=" + escaped + "&state=s"},
		"keycloak without hint":          {quirks: "keycloak", given: provider.EndSession{"", "edge", back, "s"}, want: "?client_id=edge&post_logout_redirect_uri=" + escaped + "&state=s"},
		"zitadel without hint":           {quirks: "zitadel", given: provider.EndSession{"", "edge", back, "s"}, want: "?client_id=edge&post_logout_redirect_uri=" + escaped + "&state=s"},
		"hydra":                          {quirks: "hydra", given: provider.EndSession{"h", "edge", back, "s"}, want: "?client_id=edge&id_token_hint=h&post_logout_redirect_uri=" + escaped + "&state=s"},
		"hydra without hint":             {quirks: "hydra", given: provider.EndSession{"", "edge", back, "s"}, asks: true},
		"authentik without hint":         {quirks: "authentik", given: provider.EndSession{"", "edge", back, "s"}, asks: true},
		"okta without hint":              {quirks: "okta", given: provider.EndSession{"", "edge", back, "s"}, asks: true},
		"okta with a hint only":          {quirks: "okta", given: provider.EndSession{"h", "", "", "s"}, want: "?id_token_hint=h"},
		"cognito (RPI-06)":               {quirks: "cognito", given: provider.EndSession{"h", "edge", back, "s"}, want: "?client_id=edge&logout_uri=" + escaped},
		"cognito with a hint only":       {quirks: "cognito", given: provider.EndSession{"h", "", back, "s"}, asks: true},
		"auth0, as the standard says":    {quirks: "auth0", given: provider.EndSession{"h", "edge", back, "s"}, want: "?client_id=edge&id_token_hint=h&post_logout_redirect_uri=" + escaped + "&state=s"},
		"RPI-02 a query of its own":      {endpoint: op + "?tenant=1&x=%20", given: provider.EndSession{"", "edge", "", "s"}, want: "?tenant=1&x=%20&client_id=edge"},
		"RPI-02 an open query":           {endpoint: op + "?", given: provider.EndSession{"", "edge", "", "s"}, want: "?client_id=edge"},
		"RPI-02 ends with &":             {endpoint: op + "?tenant=1&", given: provider.EndSession{"", "edge", "", "s"}, want: "?tenant=1&client_id=edge"},
		"RPI-11 no slash is added":       {given: provider.EndSession{"", "edge", "https://app.example.com", "s"}, want: "?client_id=edge&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com&state=s"},
		"RPI-11 nothing is normalised":   {given: provider.EndSession{"", "edge", "https://APP.example.com:443/A%2fb/?x=a+b%20c", "s"}, want: "?client_id=edge&post_logout_redirect_uri=https%3A%2F%2FAPP.example.com%3A443%2FA%252fb%2F%3Fx%3Da%2Bb%2520c&state=s"},
		"a client_id of odd characters":  {given: provider.EndSession{"", "a&state=x #é", "", ""}, want: "?client_id=a%26state%3Dx+%23%C3%A9"},
		"the endpoint's own query, bare": {endpoint: op + "?tenant=1", given: provider.EndSession{"", "", back, "s"}, asks: true},
	} {
		endpoint := tc.endpoint
		if endpoint == "" {
			endpoint = op
		}
		got, ok := tc.given.Url(endpoint, provider.KnownQuirks[tc.quirks])
		if tc.asks {
			if ok || got != endpoint {
				t.Errorf("%s: %v %s, want the bare endpoint by a click", name, ok, got)
			}
			continue
		}
		want, err := url.Parse(op + tc.want)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(got)
		if err != nil || !ok || u.Host != want.Host || u.Path != want.Path || u.Query().Encode() != want.Query().Encode() {
			t.Errorf("%s: %v\n%s, want\n%s", name, ok, got, want)
		}
		if !strings.HasPrefix(got, endpoint) {
			t.Errorf("%s: the endpoint has changed: %s", name, got)
		}
		if back := tc.given.ReturnURI; back != "" && !strings.Contains(got, url.QueryEscape(back)) {
			t.Errorf("%s: the return address has changed (RPI-11): %s", name, got)
		}
	}
}

// TestLongHintIsDroppedWhole: RPI-20, RPI-21. What fits goes, to the byte; what
// does not is left out and never cut.
func TestLongHintIsDroppedWhole(t *testing.T) {
	for name, tc := range map[string]struct {
		quirks provider.Ways
		limit  int
	}{
		"usual": {provider.Ways{}, 4096},
		"entra": {provider.KnownQuirks["entra"], 2000},
	} {
		for _, client := range []string{"edge", ""} {
			e := provider.EndSession{Hint: "h", Client: client, ReturnURI: "https://app.example.com/bye", State: "s"}
			short, _ := e.Url("https://sso.example.com/end?tenant=1", tc.quirks)
			e.Hint += strings.Repeat("i", tc.limit-len(short))
			got, ok := e.Url("https://sso.example.com/end?tenant=1", tc.quirks)
			if !ok || len(got) != tc.limit || !strings.Contains(got, e.Hint) {
				t.Errorf("%s: %d bytes, %v; %d fit", name, len(got), ok, tc.limit)
			}
			e.Hint += "i"
			got, ok = e.Url("https://sso.example.com/end?tenant=1", tc.quirks)
			if strings.Contains(got, "id_token_hint") || ok != (client != "") || ok && !strings.Contains(got, "client_id=edge&post_logout") {
				t.Errorf("%s: one byte more becomes %v %q", name, ok, got)
			}
		}
	}
	// Where the hint is a must, there is nothing to be sent without it.
	e := provider.EndSession{Hint: strings.Repeat("h", 5000), Client: "edge"}
	if got, ok := e.Url("https://sso.example.com/end", provider.KnownQuirks["hydra"]); ok || got != "https://sso.example.com/end" {
		t.Errorf("%v %s", ok, got)
	}
}

// TestLegacyLogoutAddress: RPI-06. Auth0 tenants from before November 2023 name
// no end_session_endpoint; theirs takes other parameters.
func TestLegacyLogoutAddress(t *testing.T) {
	for name, tc := range map[string]struct {
		p          *provider.Provider
		discovered provider.Metadata
		want       string
		state      bool
	}{
		"legacy":     {&provider.Provider{Config: provider.Config{Issuer: "https://t.eu.auth0.com/"}}, provider.Metadata{Issuer: "https://t.eu.auth0.com/"}, "https://t.eu.auth0.com/v2/logout?client_id=edge&returnTo=https%3A%2F%2Fapp.example.com%2Fbye", false},
		"discovered": {&provider.Provider{Config: provider.Config{Issuer: "https://t.eu.auth0.com/"}}, provider.Metadata{Issuer: "https://t.eu.auth0.com/", EndSession: "https://t.eu.auth0.com/oidc/logout"}, "https://t.eu.auth0.com/oidc/logout?", true},
		"configured": {&provider.Provider{Config: provider.Config{Issuer: "https://t.eu.auth0.com/", EndSessionEndpoint: "https://t.eu.auth0.com/x"}}, provider.Metadata{Issuer: "https://t.eu.auth0.com/"}, "https://t.eu.auth0.com/x?", true},
		"own domain": {&provider.Provider{Config: provider.Config{Issuer: "https://login.example.com/", Quirks: "auth0"}}, provider.Metadata{Issuer: "https://login.example.com/"}, "https://login.example.com/v2/logout?client_id=edge&returnTo=", false},
	} {
		tc.p.Ways = provider.WaysOf(tc.p.Quirks, tc.p.Issuer)
		m := tc.p.Override(tc.discovered)
		got, ok := provider.EndSession{"h", "edge", "https://app.example.com/bye", "s"}.Url(m.EndSession, m.Ways)
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
		if got := provider.WaysOf("", issuer); got != provider.KnownQuirks[want] {
			t.Errorf("%s: %+v, want those of %q", issuer, got, want)
		}
	}
	if got := provider.WaysOf("hydra", "https://dev-1.okta.com"); got.Audience == "" {
		t.Error("the configuration does not win")
	}
}

// TestClientsAreNeverMixed: RPI-13, through a whole logout. Two clients with
// addresses of their own; each hint goes with its client's.
func TestClientsAreNeverMixed(t *testing.T) {
	const ours, bye = "https://app.example.com/.universal-logout/return", "https://app.example.com/bye"
	for name, tc := range map[string]struct {
		cookie  func(*signOn) string
		client  string
		returns string
		hint    bool
	}{
		"the app's":         {func(so *signOn) string { return so.hint(appClient) }, appClient, bye, true},
		"the edge's":        {func(so *signOn) string { return so.hint(edgeClient) }, edgeClient, ours, true},
		"a third client's":  {func(so *signOn) string { return so.hint("somebody") }, appClient, bye, false},
		"for both of them":  {func(so *signOn) string { return so.bothClients("") }, appClient, bye, true},
		"and a third party": {func(so *signOn) string { return so.bothClients("somebody") }, appClient, bye, true},
		"no hint":           {func(*signOn) string { return "x" }, appClient, bye, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{options: "just_in_time_hint off", site: "client_id app\npost_logout_redirect_uri " + bye})
			raw := tc.cookie(so)
			so.setCookie("idToken=" + raw)
			so.click()
			ends := so.visits("/logout")
			if len(ends) != 1 {
				t.Fatalf("%d visits", len(ends))
			}
			q := ends[0].Query
			if q.Get("client_id") != tc.client || q.Get("post_logout_redirect_uri") != tc.returns || (q.Get("id_token_hint") == raw) != tc.hint || q.Has("id_token_hint") != tc.hint {
				t.Errorf("sent %v", q)
			}
		})
	}
}

// bothClients is an ID token with several audiences.
func (so *signOn) bothClients(third string) string {
	return so.op.IDToken(appClient, "ana", so.sid, func(c map[string]any) {
		audience := []string{edgeClient, appClient}
		if third != "" {
			audience = append(audience, third)
		}
		c["aud"], c["azp"] = audience, appClient
	})
}

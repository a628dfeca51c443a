package provider

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestClientAuthentication: REV-03, REV-04, by what is configured and what the
// provider says.
func TestClientAuthentication(t *testing.T) {
	const secret = "s:e%c r+é/t"
	const key = `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("odd+client%26:s%3Ae%25c+r%2B%C3%A9%2Ft"))
	for name, tc := range map[string]struct {
		config    Config
		supported any
		site      bool // the tokens are another client's than the provider's
		basic     string
		form      url.Values
		assertion bool
	}{
		"a secret":                    {config: Config{ClientSecret: secret}, basic: basic},
		"the provider takes basic":    {config: Config{ClientSecret: secret}, supported: []string{"client_secret_post", "client_secret_basic"}, basic: basic},
		"the provider takes post":     {config: Config{ClientSecret: secret}, supported: []string{"client_secret_post"}, form: url.Values{"client_id": {"odd client&"}, "client_secret": {secret}}},
		"post is configured":          {config: Config{ClientSecret: secret, ClientAuth: "client_secret_post"}, supported: []string{"client_secret_basic"}, form: url.Values{"client_id": {"odd client&"}, "client_secret": {secret}}},
		"no secret":                   {form: url.Values{"client_id": {"odd client&"}}},
		"none is configured":          {config: Config{ClientAuth: "none"}, supported: []string{"client_secret_basic"}, form: url.Values{"client_id": {"odd client&"}}},
		"a key":                       {config: Config{ClientKey: key}, assertion: true, form: url.Values{"client_id": {"odd client&"}}},
		"the site's client":           {config: Config{ClientSecret: secret}, site: true, form: url.Values{"client_id": {"app"}}},
		"a key at hydra, where it is": {config: Config{QuirksOf: "hydra", ClientKey: key}, assertion: true, form: url.Values{"client_id": {"odd client&"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := labtest.NewWire(t, nil)
			k := labtest.NewWellKnown(t, httptest.NewServer)
			k.Serves(func(rw http.ResponseWriter, _ *http.Request) {
				doc := map[string]any{"revocation_endpoint": w.URL + "/revoke"}
				if tc.supported != nil {
					doc["revocation_endpoint_auth_methods_supported"] = tc.supported
				}
				k.Document(rw, doc)
			})
			client := "odd client&"
			tc.config.Issuer, tc.config.ClientID = k.URL, client
			p := newLab(t, tc.config)
			if tc.site {
				client = "app"
			}
			p.revoke(t.Context(), []string{client}, Tokens{Access: []string{"an-access-token"}})
			if len(w.Requests()) != 1 {
				t.Fatalf("%d requests", len(w.Requests()))
			}
			got := w.Requests()[0]
			want := url.Values{"token": {"an-access-token"}, "token_type_hint": {"access_token"}}
			maps.Copy(want, tc.form)
			if tc.assertion {
				wantAssertion(t, got.Form.Get("client_assertion"), map[bool]string{true: k.URL + "/token", false: k.URL}[tc.config.QuirksOf == "hydra"])
				got.Form.Del("client_assertion")
				want.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			}
			if got.Form.Encode() != want.Encode() || got.Header.Get("Authorization") != tc.basic {
				t.Errorf("%s\n%s", got.Form.Encode(), got.Header.Get("Authorization"))
			}
		})
	}
}

func wantAssertion(t *testing.T, assertion, audience string) {
	t.Helper()
	_, rest, _ := strings.Cut(assertion, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	var claims map[string]any
	if err != nil || json.Unmarshal(raw, &claims) != nil || claims["aud"] != audience || claims["iss"] != "odd client&" || claims["sub"] != "odd client&" {
		t.Errorf("%s %v, want the audience %s", raw, err, audience)
	}
}

// TestRefreshGoesFirst: REV-09, also if the server is not ready for it at once.
func TestRefreshGoesFirst(t *testing.T) {
	t.Parallel()
	w := labtest.NewWire(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n <= 2 {
			w.WriteHeader(503)
		}
	})
	p := newLab(t, Config{
		Issuer: w.URL, ClientID: "edge", EndSessionEndpoint: w.URL, JWKSURI: w.URL,
		AuthorizationEndpoint: w.URL, TokenEndpoint: w.URL, RevocationEndpoint: w.URL,
	})
	p.env.Work.Retries = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
	p.revoke(t.Context(), []string{"edge"}, Tokens{Access: []string{"a"}, Refresh: []string{"r", "s"}})
	seen := w.Requests()
	if len(seen) != 5 {
		t.Fatalf("%d requests", len(seen))
	}
	for i, r := range seen {
		if (r.Form.Get("token_type_hint") == "access_token") != (i == 4) {
			t.Errorf("number %d is %v", i+1, r.Form)
		}
	}
}

// TestTokensIn: by where the site says that they are, and by their names.
func TestTokensIn(t *testing.T) {
	op := oidctest.Start(t, oidctest.Config{})
	p := newLab(t, Config{Issuer: op.Issuer()})
	ours, foreign := op.IDToken("edge", "ana", "s", nil), op.Sign("JWT", map[string]any{"iss": "https://evil.example"})
	for name, tc := range map[string]struct {
		presented []cookie.Cookie
		said      Tokens
		want      Tokens
	}{
		"by name":           {[]cookie.Cookie{{Name: "__Host-AccessToken", Value: "a"}, {Name: "refresh_token", Value: "r"}, {Name: "id-token", Value: "encrypted"}, {Name: "sessionid", Value: "s"}}, Tokens{}, Tokens{Access: []string{"a"}, Refresh: []string{"r"}, Cookies: []string{"__Host-AccessToken", "refresh_token", "id-token"}}},
		"a JWT of any name": {[]cookie.Cookie{{Name: "x", Value: ours}}, Tokens{}, Tokens{ID: []string{ours}, Cookies: []string{"x"}}},
		"another issuer's":  {[]cookie.Cookie{{Name: "x", Value: foreign}, {Name: "refresh_token", Value: "r"}}, Tokens{}, Tokens{Refresh: []string{"r"}, Cookies: []string{"refresh_token"}}},
		"the app's own":     {[]cookie.Cookie{{Name: "id_token", Value: foreign}, {Name: "refresh_token", Value: "r"}}, Tokens{}, Tokens{}},
		"said":              {[]cookie.Cookie{{Name: "x", Value: "r"}}, Tokens{Refresh: []string{"r"}, Access: []string{"a"}}, Tokens{Refresh: []string{"r"}, Access: []string{"a"}, Cookies: []string{"x"}}},
		"said, too long":    {nil, Tokens{ID: []string{strings.Repeat("x", maxIDToken+1)}}, Tokens{}},
	} {
		got := p.TokensIn(tc.presented, tc.said)
		if !slices.Equal(got.ID, tc.want.ID) || !slices.Equal(got.Access, tc.want.Access) || !slices.Equal(got.Refresh, tc.want.Refresh) || !slices.Equal(got.Cookies, tc.want.Cookies) {
			t.Errorf("%s: %+v", name, got)
		}
		if got.None() != (len(got.ID)+len(got.Access)+len(got.Refresh) == 0) {
			t.Errorf("%s: None is %v", name, got.None())
		}
	}
}

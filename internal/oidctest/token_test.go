package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// send posts a form to an endpoint, with Basic credentials if id is not empty.
func send(t testing.TB, op *Provider, path, id, secret string, form url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, op.endpoint(path), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		req.SetBasicAuth(id, secret)
	}
	b := newBrowser(t)
	return b.do(b.client.Do(req))
}

func TestRevocationNeedsTheClient(t *testing.T) { // RFC 7009 2.1, REV-03
	op := start(t)
	for name, tc := range map[string]struct {
		id, secret string
		form       url.Values
		status     int
		code       string
	}{
		"basic":              {url.QueryEscape("app:1"), url.QueryEscape("s+e c%r&t"), nil, 200, ""},
		"basic, not encoded": {"app:1", "s+e c%r&t", nil, 401, "invalid_client"},
		"basic, wrong":       {url.QueryEscape("app:1"), "wrong", nil, 401, "invalid_client"},
		"post":               {"", "", url.Values{"client_id": {"app:1"}, "client_secret": {"s+e c%r&t"}}, 200, ""},
		"post, wrong":        {"", "", url.Values{"client_id": {"app:1"}, "client_secret": {"wrong"}}, 401, "invalid_client"},
		"both":               {"other", "other-secret", url.Values{"client_id": {"app:1"}, "client_secret": {"s+e c%r&t"}}, 400, "invalid_request"},
		"none":               {"", "", url.Values{"client_id": {"app:1"}}, 401, "invalid_client"},
		"nobody":             {"", "", nil, 401, "invalid_client"},
		"unknown":            {"nobody", "x", nil, 401, "invalid_client"},
		"twice":              {"", "", url.Values{"client_id": {"app:1", "app:1"}, "client_secret": {"s+e c%r&t"}}, 400, "invalid_request"},
		"another client":     {"other", "other-secret", nil, 400, "unauthorized_client"},
		"public as another":  {"", "", url.Values{"client_id": {"public"}}, 400, "unauthorized_client"},
	} {
		t.Run(name, func(t *testing.T) {
			token := op.Issue("app:1", "ana")
			form := url.Values{"token": {token.Access}}
			maps.Copy(form, tc.form)
			got := send(t, op, "/revoke", tc.id, tc.secret, form)
			got.shows(t, tc.status, tc.code)
			if op.Active(token.Access) != (tc.status != 200) {
				t.Errorf("active: %v", op.Active(token.Access))
			}
			if challenge := got.Header.Get("WWW-Authenticate"); (challenge != "") != (tc.status == 401 && tc.id != "") {
				t.Errorf("WWW-Authenticate %q", challenge)
			}
		})
	}
}

func TestRevocationEndsWhatItSays(t *testing.T) {
	op := start(t)
	revoke := func(token string) answer {
		return send(t, op, "/revoke", "other", "other-secret", url.Values{"token": {token}})
	}
	a, b := op.Issue("other", "ana"), op.Issue("other", "ana")
	revoke(a.Access).shows(t, 200, "")
	if op.Active(a.Access) || !op.Active(a.Refresh) {
		t.Error("an access token's revocation ends that token and no other")
	}
	revoke(b.Refresh).shows(t, 200, "")
	revoke(b.Access).shows(t, 200, "")
	revoke("unknown").shows(t, 200, "")
	if op.Active(b.Refresh) || op.Active(b.Access) {
		t.Error("a refresh token's revocation takes its access token along")
	}
	if got, want := op.Revoked(), []string{a.Access, b.Refresh, b.Access}; !slices.Equal(got, want) {
		t.Errorf("revoked %d tokens, want %d in order", len(got), len(want))
	}
	revoke("").shows(t, 400, "invalid_request")
	send(t, op, "/revoke?token="+a.Refresh, "other", "other-secret", nil).shows(t, 400, "invalid_request")

	op.Misbehave(RevokeBusy | WrongState)
	if got := revoke(a.Refresh); got.StatusCode != 503 || got.Header.Get("Retry-After") != "1" {
		t.Errorf("busy: %d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
	}
	op.Misbehave(RevokeFails)
	revoke(a.Refresh).shows(t, 500, "")
	if !op.Active(a.Refresh) {
		t.Error("revoked all the same")
	}
}

func TestPrivateKeyJWT(t *testing.T) { // REV-04
	now := time.Now()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	op := start(t)
	op.Register(Client{ID: "jwt", AuthMethod: "private_key_jwt", Key: &jose.JSONWebKey{Key: key.Public(), KeyID: "k"}})
	assertion := func(change map[string]any) string {
		claims := map[string]any{"iss": "jwt", "sub": "jwt", "aud": op.Issuer(), "jti": rand.Text(), "exp": now.Add(time.Minute).Unix()}
		maps.Copy(claims, change)
		return sign(jose.ES256, key, "k", "client-authentication+jwt", encode(claims))
	}
	same := assertion(nil)
	for _, tc := range []struct {
		name, assertion string
		status          int
	}{
		{"good", same, 200},
		{"again", same, 401},
		{"for the token endpoint", assertion(map[string]any{"aud": op.endpoint("/token")}), 200},
		{"for a list of one", assertion(map[string]any{"aud": []string{op.Issuer()}}), 200},
		{"for others too", assertion(map[string]any{"aud": []string{op.Issuer(), "https://op.example"}}), 401},
		{"for others", assertion(map[string]any{"aud": "https://op.example"}), 401},
		{"of another", assertion(map[string]any{"iss": "app:1"}), 401},
		{"about another", assertion(map[string]any{"sub": "app:1"}), 401},
		{"no jti", assertion(map[string]any{"jti": ""}), 401},
		{"expired", assertion(map[string]any{"exp": now.Add(-time.Second).Unix()}), 401},
		{"too long", assertion(map[string]any{"exp": now.Add(5 * time.Minute).Unix()}), 401},
		{"another key", op.IDToken("jwt", "jwt", "", nil), 401},
		{"rubbish", "a.b.c", 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			form := url.Values{"token": {"x"}, "client_assertion_type": {assertionType}, "client_assertion": {tc.assertion}}
			send(t, op, "/revoke", "", "", form).shows(t, tc.status, "")
		})
	}
	form := url.Values{"token": {"x"}, "client_id": {"jwt"}, "client_assertion": {assertion(nil)}}
	send(t, op, "/revoke", "", "", form).shows(t, 401, "invalid_client") // the type is missing
}

func TestCodeIsForOneTryOfOneClientWithinAMinute(t *testing.T) {
	now := time.Now()
	op := start(t)
	op.now = func() time.Time { return now }
	app, b := newRP(t, op), newBrowser(t, op.SignIn("ana"))
	for name, tc := range map[string]struct {
		later      time.Duration
		id, secret string
		change     url.Values
		status     int
	}{
		"good":            {59 * time.Second, "app%3A1", "s%2Be+c%25r%26t", nil, 200},
		"too late":        {60 * time.Second, "app%3A1", "s%2Be+c%25r%26t", nil, 400},
		"another client":  {0, "other", "other-secret", nil, 400},
		"another address": {0, "app%3A1", "s%2Be+c%25r%26t", url.Values{"redirect_uri": {"https://app.example/"}}, 400},
		"wrong verifier":  {0, "app%3A1", "s%2Be+c%25r%26t", url.Values{"code_verifier": {oauth2.GenerateVerifier()}}, 400},
		"no client":       {0, "", "", nil, 401},
		"another grant":   {0, "app%3A1", "s%2Be+c%25r%26t", url.Values{"grant_type": {"password"}}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			code := b.get(app.authURL()).to(t, callback).Get("code")
			form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {app.pkce}}
			maps.Copy(form, tc.change)
			now = now.Add(tc.later)
			send(t, op, "/token", tc.id, tc.secret, form).shows(t, tc.status, "")
		})
	}
}

// TestLogoutEndsRefreshTokens, except those that were to outlive the session.
func TestLogoutEndsRefreshTokens(t *testing.T) {
	op := start(t)
	app, c := newRP(t, op), op.SignIn("ana")
	b := newBrowser(t, c)
	var tokens []*oauth2.Token
	for _, scope := range []string{"openid", "openid offline_access"} {
		code := b.get(app.authURL("scope", scope)).to(t, callback).Get("code")
		token, err := app.Exchange(t.Context(), code, oauth2.VerifierOption(app.pkce))
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	b.get(logoutURL(op, "id_token_hint", op.IDToken("app:1", "ana", op.SID(c), nil))).shows(t, 200, "You are signed out")
	if op.Active(tokens[0].RefreshToken) || op.Active(tokens[0].AccessToken) || !op.Active(tokens[1].RefreshToken) {
		t.Error("want the first grant ended and the offline one alive")
	}
	if _, err := app.TokenSource(t.Context(), &oauth2.Token{RefreshToken: tokens[0].RefreshToken}).Token(); err == nil {
		t.Error("refreshed after the logout")
	}
}

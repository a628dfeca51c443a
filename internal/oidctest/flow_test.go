package oidctest

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	callback  = "https://app.example/callback?app=1" // its query has to survive
	postLogin = "https://app.example/return"
)

// start serves a provider with three clients; app has a secret that only survives Basic when it is encoded right.
func start(t testing.TB) *Provider {
	t.Helper()
	return Start(t, Config{
		Issuer: "/realms/main",
		Clients: []Client{
			{ID: "app:1", Secret: "s+e c%r&t", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{postLogin}},
			{ID: "other", Secret: "other-secret", RedirectURIs: []string{"https://other.example/cb"}},
			{ID: "public", RedirectURIs: []string{"https://public.example/cb"}},
		},
		Users: map[string]string{"ana": "demo"},
	})
}

// browser has cookies and does not follow redirects.
type browser struct {
	t      testing.TB
	client *http.Client
}

func newBrowser(t testing.TB, cookies ...*http.Cookie) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		jar.SetCookies(&url.URL{Scheme: "http", Host: "127.0.0.1"}, []*http.Cookie{c})
	}
	return &browser{t: t, client: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type answer struct {
	*http.Response
	body string
}

func (b *browser) do(resp *http.Response, err error) answer {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{resp, string(body)}
}

func (b *browser) get(address string) answer {
	b.t.Helper()
	return b.do(b.client.Get(address))
}

func (b *browser) post(address string, form url.Values) answer {
	b.t.Helper()
	return b.do(b.client.PostForm(address, form))
}

// submit fills in the form of a page and sends it.
func (b *browser) submit(page answer, fields ...string) answer {
	b.t.Helper()
	action := regexp.MustCompile(`<form method="post" action="([^"]+)"`).FindStringSubmatch(page.body)
	csrf := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page.body)
	if action == nil || csrf == nil {
		b.t.Fatalf("status %d, no form in\n%s", page.StatusCode, page.body)
	}
	form := url.Values{"csrf": {csrf[1]}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.post(html.UnescapeString(action[1]), form)
}

// to fails the test unless an answer redirects to an address, and returns the parameters it brings.
func (a answer) to(t testing.TB, prefix string) url.Values {
	t.Helper()
	location := a.Header.Get("Location")
	if a.StatusCode/100 != 3 || !strings.HasPrefix(location, prefix) {
		t.Fatalf("got %d to %q, want a redirect to %s\n%s", a.StatusCode, location, prefix, a.body)
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// shows fails the test unless an answer is a page with this text and no redirect.
func (a answer) shows(t testing.TB, status int, text string) {
	t.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, text) || a.Header.Get("Location") != "" {
		t.Fatalf("got %d to %q and\n%s\nwant %d and %q", a.StatusCode, a.Header.Get("Location"), a.body, status, text)
	}
}

// rp is an independent relying party: go-oidc and x/oauth2.
type rp struct {
	oauth2.Config
	verifier *oidc.IDTokenVerifier
	pkce     string
}

func newRP(t testing.TB, op *Provider) *rp {
	t.Helper()
	found, err := oidc.NewProvider(t.Context(), op.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	return &rp{
		Config: oauth2.Config{
			ClientID: "app:1", ClientSecret: "s+e c%r&t", RedirectURL: callback,
			Endpoint: found.Endpoint(), Scopes: []string{"openid"},
		},
		verifier: found.Verifier(&oidc.Config{ClientID: "app:1"}),
		pkce:     oauth2.GenerateVerifier(),
	}
}

func (r *rp) authURL(extra ...string) string {
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(r.pkce), oidc.Nonce("n-1")}
	for i := 0; i < len(extra); i += 2 {
		opts = append(opts, oauth2.SetAuthURLParam(extra[i], extra[i+1]))
	}
	return r.AuthCodeURL("st/at e", opts...)
}

func TestIndependentRPSignsInAndRefreshes(t *testing.T) {
	op, b := start(t), newBrowser(t)
	app := newRP(t, op)

	page := b.get(app.authURL())
	page.shows(t, 200, "Sign in")
	b.submit(page, "name", "ana", "password", "wrong").shows(t, 401, "wrong")
	got := b.submit(page, "name", "ana", "password", "demo").to(t, callback+"&")
	if got.Get("state") != "st/at e" || got.Get("iss") != op.Issuer() || got.Get("app") != "1" {
		t.Errorf("callback got %v", got)
	}

	token, err := app.Exchange(t.Context(), got.Get("code"), oauth2.VerifierOption(app.pkce))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := app.verifier.Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		SID      string `json:"sid"`
		AuthTime int64  `json:"auth_time"`
	}
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if id.Subject != "ana" || id.Nonce != "n-1" || claims.AuthTime == 0 || !op.HasSession(claims.SID) || op.Sessions() != 1 {
		t.Errorf("sub %q, nonce %q, claims %+v, %d sessions", id.Subject, id.Nonce, claims, op.Sessions())
	}

	if _, err := app.Exchange(t.Context(), got.Get("code"), oauth2.VerifierOption(app.pkce)); err == nil {
		t.Error("a code works twice")
	}

	fresh, err := app.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	raw, _ = fresh.Extra("id_token").(string)
	if _, err := app.verifier.Verify(t.Context(), raw); err != nil || fresh.AccessToken == token.AccessToken || !op.Active(fresh.AccessToken) {
		t.Errorf("refreshed: %v", err)
	}

	// Somebody who is signed in is not asked again, unless the client wants it.
	b.get(app.authURL("prompt", "none")).to(t, callback)
	b.get(app.authURL("prompt", "login")).shows(t, 200, "Sign in")
	if sent := op.Seen("/token"); len(sent) != 3 || sent[0].Form.Get("grant_type") != "authorization_code" {
		t.Errorf("%d token requests are remembered", len(sent))
	}
}

func TestWrongAuthorizationRequests(t *testing.T) {
	op := start(t)
	app := newRP(t, op)
	for name, tc := range map[string]struct{ param, value, page, code string }{
		"unknown client":            {"client_id", "nobody", "client is not known", ""},
		"address not registered":    {"redirect_uri", callback + "/", "not registered", ""},
		"address of another client": {"redirect_uri", "https://other.example/cb", "not registered", ""},
		"no PKCE":                   {"code_challenge", "", "", "invalid_request"},
		"plain PKCE":                {"code_challenge_method", "plain", "", "invalid_request"},
		"implicit flow":             {"response_type", "id_token", "", "unsupported_response_type"},
		"no openid":                 {"scope", "profile", "", "invalid_scope"},
		"none with others":          {"prompt", "none login", "", "invalid_request"},
		"nobody there":              {"prompt", "none", "", "login_required"},
	} {
		t.Run(name, func(t *testing.T) {
			got := newBrowser(t).get(app.authURL(tc.param, tc.value))
			if tc.page != "" {
				got.shows(t, 400, tc.page)
				return
			}
			if q := got.to(t, callback); q.Get("error") != tc.code || q.Get("state") != "st/at e" || q.Get("iss") != op.Issuer() || q.Has("code") {
				t.Errorf("callback got %v", q)
			}
		})
	}
	newBrowser(t).get(app.authURL()+"&client_id=other").shows(t, 400, "twice")
}

func TestSilentSignInSaysWhatItIsToldTo(t *testing.T) {
	op := start(t)
	app, b := newRP(t, op), newBrowser(t, op.SignIn("ana"))
	for mode, want := range map[Mode]string{ConsentRequired: "consent_required", InteractionRequired: "interaction_required", Behaves: ""} {
		op.Misbehave(mode)
		if got := b.get(app.authURL("prompt", "none")).to(t, callback); got.Get("error") != want {
			t.Errorf("error %q, want %q", got.Get("error"), want)
		}
	}
}

func TestLoginFormNeedsItsCSRFToken(t *testing.T) {
	op, b := start(t), newBrowser(t)
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(b.get(newRP(t, op).authURL()).body)
	form := url.Values{"name": {"ana"}, "password": {"demo"}, "csrf": {"guessed"}}
	b.post(html.UnescapeString(action[1]), form).shows(t, 403, "not sent from our page")
	form.Del("csrf")
	newBrowser(t).post(html.UnescapeString(action[1]), form).shows(t, 403, "not sent from our page")
	if op.Sessions() != 0 {
		t.Error("signed in")
	}
}

// TestSpoiltTokens: go-oidc, which knows nothing of this package, notices each of them.
func TestSpoiltTokens(t *testing.T) {
	op := start(t)
	app, b := newRP(t, op), newBrowser(t, op.SignIn("ana"))
	for name, tc := range map[string]struct {
		mode     Mode
		exchange bool // the token endpoint answers with tokens
		verifies bool
	}{
		"good":              {Behaves, true, true},
		"refuses":           {TokenRefuses, false, false},
		"no ID token":       {NoIDToken, true, false},
		"wrong audience":    {WrongAudience, true, false},
		"wrong nonce":       {WrongNonce, true, true}, // go-oidc leaves the nonce to the caller
		"foreign signature": {ForeignSignature, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			op.Misbehave(tc.mode)
			defer op.Misbehave(Behaves)
			code := b.get(app.authURL()).to(t, callback).Get("code")
			token, err := app.Exchange(t.Context(), code, oauth2.VerifierOption(app.pkce))
			if (err == nil) != tc.exchange {
				t.Fatalf("exchange: %v", err)
			}
			if !tc.exchange {
				return
			}
			raw, _ := token.Extra("id_token").(string)
			id, err := app.verifier.Verify(t.Context(), raw)
			if (err == nil) != tc.verifies {
				t.Fatalf("verify: %v", err)
			}
			if err == nil && (id.Nonce == "n-1") == (tc.mode == WrongNonce) {
				t.Errorf("nonce %q", id.Nonce)
			}
		})
	}
}

func TestForgeriesAreNoticed(t *testing.T) {
	op := start(t)
	verifier := newRP(t, op).verifier
	good := op.IDToken("app:1", "ana", "sid-1", func(claims map[string]any) { claims["nonce"] = "x" })
	if id, err := verifier.Verify(t.Context(), good); err != nil || id.Nonce != "x" {
		t.Fatal(err)
	}
	var all []string
	for how := ForeignKey; how <= Tampered; how++ {
		forged := op.Forge(how, good)
		if _, err := verifier.Verify(t.Context(), forged); err == nil {
			t.Errorf("forgery %d is believed", how)
		}
		if _, ours := op.claimsOf(forged); ours {
			t.Errorf("forgery %d is believed by the provider itself", how)
		}
		all = append(all, forged)
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 5 {
		t.Error("two forgeries are alike")
	}
	op.RotateKey()
	if _, ours := op.claimsOf(good); ours {
		t.Error("the old key is still believed")
	}
}

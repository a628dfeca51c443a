package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A client is what a provider knows about one of its clients (OIDC Registration 2).
type client struct {
	id, secret             string
	redirectURIs           []string
	postLogoutRedirectURIs []string
	idTokenLifetime        time.Duration // 0: the provider's own
}

// An oidcApp is an app with single sign-on as people write them: the code flow of a confidential client, sessions in a table
// on the server, and a logout that ends its own session and nothing else.
type oidcApp struct {
	url    string // the app itself, past Caddy
	origin string // what browsers see
	client client
	keeps  keeps
	op     func() (*oidc.Provider, error)
	// idTokenInstead, if set, is what the cookie gets instead of the ID token.
	idTokenInstead func() string

	mu       sync.Mutex
	sessions map[string]string  // id → user
	flows    map[string]appFlow // state → the rest; for flows that have begun
	last     signedIn
	secrets  []string // whatever it ever saw that is nobody's business
}

// keeps says what an app keeps in the browser besides its session.
type keeps struct {
	idToken bool // cookie idToken
	tokens  bool // cookies accessToken and refreshToken
	offline bool // and these tokens outlive the provider's session
}

type appFlow struct{ nonce, verifier string }

// signedIn is what the last sign-in brought.
type signedIn struct{ session, idToken, accessToken, refreshToken string }

// throughTheProxy reaches the names of the tests as the browsers do.
func throughTheProxy() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		Proxy:             http.ProxyURL(&url.URL{Scheme: "http", Host: proxy.Addr()}),
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // Caddy's own CA
		ForceAttemptHTTP2: true,
	}}
}

func startOIDCApp(t *testing.T, host, issuer string, c client, k keeps) *oidcApp {
	t.Helper()
	a := &oidcApp{
		origin: "https://" + host, client: c, keeps: k,
		sessions: map[string]string{}, flows: map[string]appFlow{},
	}
	hc := throughTheProxy()
	t.Cleanup(hc.CloseIdleConnections)
	// Not before it is needed: the provider stands behind the Caddy that is started last.
	a.op = sync.OnceValues(func() (*oidc.Provider, error) {
		return oidc.NewProvider(oidc.ClientContext(context.Background(), hc), issuer)
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", a.home)
	mux.HandleFunc("GET /sign-in", a.signIn)
	mux.HandleFunc("GET /signed-in", a.signedIn)
	mux.HandleFunc("GET /whoami", a.whoami)
	logout := func(w http.ResponseWriter, r *http.Request) {
		a.end(w, r)
		goodbye(w, r)
	}
	mux.HandleFunc("GET /logout", logout)
	mux.HandleFunc("POST /logout", logout)
	mux.HandleFunc("GET /logout/redirects", func(w http.ResponseWriter, r *http.Request) {
		a.end(w, r)
		http.Redirect(w, r, "/", http.StatusFound)
	})
	mux.HandleFunc("POST /api/logout", func(w http.ResponseWriter, r *http.Request) {
		a.end(w, r)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"app": "says goodbye"}`)
	})
	mux.HandleFunc("POST /api/logout/redirects", func(w http.ResponseWriter, r *http.Request) {
		a.end(w, r)
		http.Redirect(w, r, "/", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	a.url = server.URL
	return a
}

func (a *oidcApp) config() (*oauth2.Config, *oidc.Provider, error) {
	op, err := a.op()
	if err != nil {
		return nil, nil, err
	}
	scopes := []string{oidc.ScopeOpenID}
	if a.keeps.offline {
		scopes = append(scopes, oidc.ScopeOfflineAccess)
	}
	return &oauth2.Config{
		ClientID: a.client.id, ClientSecret: a.client.secret, Endpoint: op.Endpoint(), RedirectURL: a.origin + "/signed-in", Scopes: scopes,
	}, op, nil
}

func (a *oidcApp) signIn(w http.ResponseWriter, r *http.Request) {
	config, _, err := a.config()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	state, f := rand.Text(), appFlow{nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	a.mu.Lock()
	a.flows[state] = f
	a.secrets = append(a.secrets, state, f.nonce, f.verifier)
	a.mu.Unlock()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(f.verifier), oidc.Nonce(f.nonce)}
	if a.keeps.offline {
		options = append(options, oauth2.SetAuthURLParam("prompt", "consent")) // OIDC Core 11: offline access needs it
	}
	http.Redirect(w, r, config.AuthCodeURL(state, options...), http.StatusFound)
}

func (a *oidcApp) signedIn(w http.ResponseWriter, r *http.Request) {
	state, code := r.FormValue("state"), r.FormValue("code")
	a.mu.Lock()
	f, ok := a.flows[state]
	delete(a.flows, state)
	a.mu.Unlock()
	if !ok || code == "" {
		http.Error(w, "no flow of mine, or "+r.FormValue("error"), http.StatusBadRequest)
		return
	}
	got, user, err := a.redeem(r.Context(), code, f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	a.mu.Lock()
	a.sessions[got.session] = user
	a.last = got
	a.secrets = append(a.secrets, code, got.session)
	for _, token := range []string{got.idToken, got.accessToken, got.refreshToken} {
		if token != "" {
			a.secrets = append(a.secrets, token)
		}
	}
	a.mu.Unlock()

	cookies := map[string]string{"session": got.session}
	if a.keeps.idToken {
		cookies["idToken"] = got.idToken
		if a.idTokenInstead != nil {
			cookies["idToken"] = a.idTokenInstead()
		}
	}
	if a.keeps.tokens {
		cookies["accessToken"], cookies["refreshToken"] = got.accessToken, got.refreshToken
	}
	for name, value := range cookies {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	http.Redirect(w, r, "/", http.StatusFound)
}

// redeem exchanges a code and verifies the ID token.
func (a *oidcApp) redeem(ctx context.Context, code string, f appFlow) (got signedIn, user string, err error) {
	config, op, err := a.config()
	if err != nil {
		return got, "", err
	}
	hc := throughTheProxy()
	defer hc.CloseIdleConnections()
	ctx = oidc.ClientContext(ctx, hc)
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(f.verifier))
	if err != nil {
		return got, "", err
	}
	raw, _ := token.Extra("id_token").(string)
	// A token that lives for a second is some tests' whole point.
	id, err := op.Verifier(&oidc.Config{ClientID: a.client.id, SkipExpiryCheck: true}).Verify(ctx, raw)
	if err != nil {
		return got, "", err
	}
	if id.Nonce != f.nonce {
		return got, "", fmt.Errorf("the nonce is not mine")
	}
	return signedIn{session: rand.Text() + rand.Text(), idToken: raw, accessToken: token.AccessToken, refreshToken: token.RefreshToken}, id.Subject, nil
}

// end ends the caller's session, and only that.
func (a *oidcApp) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie("session"); err == nil {
		a.mu.Lock()
		delete(a.sessions, c.Value)
		a.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1, Secure: true})
}

func (a *oidcApp) user(r *http.Request) string {
	c, err := r.Cookie("session")
	if err != nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[c.Value]
}

func (a *oidcApp) whoami(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"user": a.user(r)})
}

func (a *oidcApp) home(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if a.user(r) == "" {
		fmt.Fprint(w, `<!doctype html><title>signed out</title><p>Nobody. <a href=/sign-in>Sign in</a> <a id=logout href=/logout>Log out</a>`)
		return
	}
	// Browsers apply form-action to where the form's answer redirects, too.
	w.Header().Set("Content-Security-Policy", "form-action 'self'")
	fmt.Fprint(w, `<!doctype html><title>signed in</title><p>Welcome. <a id=logout href=/logout>Log out</a>
		<a id=redirects href=/logout/redirects>Log out</a> <form method=post action=/logout><button id=form>Log out</button></form>`)
}

// lastSignIn returns what the last sign-in brought.
func (a *oidcApp) lastSignIn() signedIn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// knownSecrets returns every state, nonce, verifier, code, token and session of the app's so far.
func (a *oidcApp) knownSecrets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.secrets)
}

// refresh uses the refresh token as the app would and tells whether the provider still honours it.
func (a *oidcApp) refresh(t *testing.T, token string) bool {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	return len(a.ask(t, "token_endpoint", form)["access_token"]) > 0
}

// active uses an access token at the provider's userinfo endpoint and tells whether it is still honoured.
func (a *oidcApp) active(t *testing.T, token string) bool {
	t.Helper()
	op, err := a.op()
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodGet, op.UserInfoEndpoint(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	hc := throughTheProxy()
	defer hc.CloseIdleConnections()
	response, err := hc.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return true
	case http.StatusUnauthorized:
		return false
	}
	t.Fatalf("the userinfo endpoint answered %d", response.StatusCode)
	return false
}

// ask sends a request to an endpoint of the provider as the app's client.
func (a *oidcApp) ask(t *testing.T, endpoint string, form url.Values) map[string]json.RawMessage {
	t.Helper()
	op, err := a.op()
	if err != nil {
		t.Fatal(err)
	}
	discovered := map[string]any{}
	if err := op.Claims(&discovered); err != nil {
		t.Fatal(err)
	}
	address, ok := discovered[endpoint].(string)
	if !ok {
		t.Fatalf("the provider has no %s, only %v", endpoint, slices.Sorted(maps.Keys(discovered)))
	}
	hc := throughTheProxy()
	defer hc.CloseIdleConnections()
	form.Set("client_id", a.client.id)
	form.Set("client_secret", a.client.secret)
	response, err := hc.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer := map[string]json.RawMessage{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("%s answered %d: %v", endpoint, response.StatusCode, err)
	}
	return answer
}

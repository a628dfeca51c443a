// Package oidctest is a small OpenID provider (OP) in one http.Handler, for tests and the demo. It is strict where the
// specifications say MUST, and misbehaves on command: see Mode.
//
//	op := oidctest.Start(t, oidctest.Config{Clients: []oidctest.Client{{ID: "app", Secret: "s", RedirectURIs: …}}})
//	cookie := op.SignIn("ana")                              // a single-sign-on session without a browser
//	hint := op.IDToken("app", "ana", op.SID(cookie), nil)
//	op.Misbehave(oidctest.WrongState)
//	…
//	op.Seen("/logout")                                      // what it was sent
//
// It keeps everything in memory and protects nothing: never use it for real sign-ins.
package oidctest

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Client is a relying party (RP) as it is registered.
type Client struct {
	ID     string
	Secret string // none: a public client

	// AuthMethod is client_secret_basic (the default with a secret; client_secret_post is taken as well),
	// client_secret_post, private_key_jwt or none (the default without a secret).
	AuthMethod string
	Key        *jose.JSONWebKey // the public key for private_key_jwt

	RedirectURIs           []string // compared exactly
	PostLogoutRedirectURIs []string // compared exactly
}

// Config is what a Provider starts with.
type Config struct {
	Issuer  string // http or https, may have a path; if empty, Start or SetIssuer fills it
	Clients []Client
	Users   map[string]string // name to password; nil: any name with any password

	// Cookies is added to the attributes of the session cookie, such as "; Domain=example.com". The cookie is named
	// op_session, with HttpOnly, SameSite=Lax, Path=/ and, with an https issuer, Secure.
	Cookies string

	Now  func() time.Time                                      // nil: time.Now
	Page func(w http.ResponseWriter, r *http.Request, pg Page) // nil: plain pages; writes the status too
}

const (
	maxBody = 64 << 10
	maxKept = 1000 // requests, sessions, codes, tokens: of each the oldest are forgotten
)

// Provider is the OP. Its methods may be called at any time, by any goroutine.
type Provider struct {
	now     func() time.Time
	users   map[string]string
	cookies string
	page    func(http.ResponseWriter, *http.Request, Page)
	closed  chan struct{}
	shut    sync.Once

	mu            sync.Mutex
	address       string
	base          string // the issuer's path
	clients       map[string]Client
	mode          Mode
	key           *rsa.PrivateKey // made when first used
	kid           string
	foreign       *rsa.PrivateKey // what Forge signs with
	requests      []Request
	signedIn      []*session
	codes         []*code
	grants        []*grant
	tokensRevoked []string
	jtis          []string // of client assertions, each good for once
}

// New returns a provider. If cfg names no issuer, SetIssuer has to be called before the first request.
func New(cfg Config) *Provider {
	p := &Provider{
		now: cfg.Now, users: cfg.Users, cookies: cfg.Cookies, page: cfg.Page,
		clients: make(map[string]Client),
		closed:  make(chan struct{}),
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.page == nil {
		p.page = plainPage
	}
	for _, c := range cfg.Clients {
		p.Register(c)
	}
	p.SetIssuer(cfg.Issuer)
	return p
}

// TB is the part of *testing.T, B and F that Start needs: the demo shall not link the testing package.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatal(args ...any)
}

// Start serves a provider on a loopback address over HTTP until the test ends. An empty issuer becomes this address; a
// path alone, such as "/realms/main", is appended to it.
func Start(t TB, cfg Config) *Provider {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Issuer == "" || cfg.Issuer[0] == '/' {
		cfg.Issuer = "http://" + ln.Addr().String() + cfg.Issuer
	}
	p := New(cfg)
	srv := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	t.Cleanup(func() {
		p.Close()
		_ = srv.Close() // only closes the listener and connections
		p.giveKeysBack()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Fatal(err)
		}
	})
	return p
}

// Close lets go of requests that Hangs holds. The provider works on.
func (p *Provider) Close() { p.shut.Do(func() { close(p.closed) }) }

// SetIssuer changes the issuer, and with it the address of every endpoint.
func (p *Provider) SetIssuer(issuer string) {
	base := ""
	if u, err := url.Parse(issuer); err == nil {
		base = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.address, p.base = issuer, base
}

// Issuer returns the issuer.
func (p *Provider) Issuer() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

// Register adds a client, or replaces the one with its id.
func (p *Provider) Register(c Client) {
	if c.AuthMethod == "" {
		c.AuthMethod = "client_secret_basic"
		if c.Secret == "" {
			c.AuthMethod = "none"
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients[c.ID] = c
}

func (p *Provider) client(id string) (Client, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.clients[id]
	return c, ok
}

// endpoint returns an address of this provider: path begins with a slash.
func (p *Provider) endpoint(path string) string { return strings.TrimSuffix(p.Issuer(), "/") + path }

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	issuer, base := p.address, p.base
	p.mu.Unlock()
	path, below := strings.CutPrefix(r.URL.EscapedPath(), base)
	if issuer == "" || !below {
		http.NotFound(w, r)
		return
	}
	// The body is read before anything can hang: only then does net/http notice that the client is gone.
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	err := r.ParseForm()
	p.record(r, path)
	if err != nil {
		http.Error(w, "bad form or query", http.StatusBadRequest)
		return
	}
	switch {
	case p.is(Hangs):
		select {
		case <-r.Context().Done():
		case <-p.closed:
		}
		panic(http.ErrAbortHandler) // no answer at all
	case p.is(Fails):
		http.Error(w, "the provider is broken", http.StatusInternalServerError)
		return
	}

	get, post := r.Method == http.MethodGet, r.Method == http.MethodPost
	switch {
	case path == "/.well-known/openid-configuration" && get:
		p.serveDiscovery(w)
	case path == "/jwks" && get:
		writeJSON(w, http.StatusOK, p.jwks())
	case path == "/auth" && (get || post):
		p.serveAuth(w, r)
	case path == "/login" && post:
		p.serveLogin(w, r)
	case path == "/token" && post:
		p.serveToken(w, r)
	case path == "/revoke" && post:
		p.serveRevoke(w, r)
	case path == "/logout" && (get || post): // RPI-40
		p.serveLogout(w, r)
	case path == "/logout/confirm" && post:
		p.serveConfirmed(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) serveDiscovery(w http.ResponseWriter) {
	if p.is(HTML) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>Welcome</title><p>Welcome to the portal."))
		return
	}
	doc := map[string]any{
		"issuer":                 p.Issuer(),
		"authorization_endpoint": p.endpoint("/auth"),
		"token_endpoint":         p.endpoint("/token"),
		"jwks_uri":               p.endpoint("/jwks"),
		"end_session_endpoint":   p.endpoint("/logout"),
		"revocation_endpoint":    p.endpoint("/revoke"),
		"revocation_endpoint_auth_methods_supported": p.authMethods(),
		"token_endpoint_auth_methods_supported":      p.authMethods(),
		"response_types_supported":                   []string{"code"},
		"grant_types_supported":                      []string{"authorization_code", "refresh_token"},
		"scopes_supported":                           []string{"openid", "offline_access"},
		"subject_types_supported":                    []string{"public"},
		"id_token_signing_alg_values_supported":      []string{"RS256"},
		"code_challenge_methods_supported":           []string{"S256"},
		// RFC 9207 3
		"authorization_response_iss_parameter_supported": true,
	}
	if p.is(WrongIssuer) {
		doc["issuer"] = p.Issuer() + "/another"
	}
	if p.is(NoEndSession) {
		delete(doc, "end_session_endpoint")
	}
	if p.is(NoRevocation) {
		delete(doc, "revocation_endpoint")
	}
	writeJSON(w, http.StatusOK, doc)
}

// authMethods are those that some client may use.
func (p *Provider) authMethods() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	methods := []string{}
	for _, c := range p.clients {
		methods = append(methods, c.AuthMethod)
		if c.AuthMethod == "client_secret_basic" {
			methods = append(methods, "client_secret_post")
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails if the client is gone
}

// oauthError answers as RFC 6749 5.2 wants it.
func oauthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

// keep appends to what is remembered, and forgets the oldest.
func keep[T any](list []T, v T) []T {
	if len(list) >= maxKept {
		list = slices.Delete(list, 0, len(list)-maxKept+1)
	}
	return append(list, v)
}

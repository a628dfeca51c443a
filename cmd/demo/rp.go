package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	callbackPath = "/callback"
	stateCookie  = "signing_in"
	signInTime   = 10 * time.Minute
	maxAttempts  = 1000
)

// rp is an app's part of signing in: a relying party of the provider, by the code flow with PKCE.
type rp struct {
	oauth2.Config
	verifier *oidc.IDTokenVerifier
	client   *http.Client

	mu       sync.Mutex
	attempts map[string]attempt // by state
}

// attempt is a sign-in that the provider has not answered yet.
type attempt struct {
	nonce, verifier string
	expires         time.Time
}

func newRP(s *site, d *demo) *rp {
	issuer := d.login.URL
	client := &http.Client{Transport: backChannel{d.provider}}
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), issuer+"/jwks")
	return &rp{
		Config: oauth2.Config{
			ClientID:     s.clientID(),
			ClientSecret: s.secret,
			Endpoint:     oauth2.Endpoint{AuthURL: issuer + "/auth", TokenURL: issuer + "/token", AuthStyle: oauth2.AuthStyleInHeader},
			RedirectURL:  s.URL + callbackPath,
			Scopes:       []string{oidc.ScopeOpenID},
		},
		verifier: oidc.NewVerifier(issuer, keys, &oidc.Config{ClientID: s.clientID()}),
		client:   client,
		attempts: make(map[string]attempt),
	}
}

// begin sends the browser to the provider.
func (p *rp) begin(w http.ResponseWriter, r *http.Request) {
	state, now := rand.Text(), time.Now()
	a := attempt{nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), expires: now.Add(signInTime)}
	p.mu.Lock()
	for key, old := range p.attempts {
		if now.After(old.expires) || len(p.attempts) >= maxAttempts {
			delete(p.attempts, key)
		}
	}
	p.attempts[state] = a
	p.mu.Unlock()
	http.SetCookie(w, cookie(stateCookie, state, signInTime))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, p.AuthCodeURL(state, oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)), http.StatusFound)
}

// finish takes the provider's answer, and returns who signed in and the ID token that says so.
func (p *rp) finish(w http.ResponseWriter, r *http.Request) (user, idToken string, err error) {
	state := r.FormValue("state")
	c, err := r.Cookie(stateCookie)
	if err != nil || subtle.ConstantTimeCompare([]byte(c.Value), []byte(state)) != 1 {
		return "", "", errors.New("this sign-in was not begun in this browser")
	}
	http.SetCookie(w, cookie(stateCookie, "", -time.Second))
	p.mu.Lock()
	a, ok := p.attempts[state]
	delete(p.attempts, state)
	p.mu.Unlock()
	if !ok || time.Now().After(a.expires) {
		return "", "", errors.New("this sign-in took too long")
	}

	ctx := oidc.ClientContext(r.Context(), p.client)
	token, err := p.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(a.verifier))
	if err != nil {
		return "", "", errors.New("the provider gave no tokens")
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.nonce)) != 1 {
		return "", "", errors.New("the provider's ID token is not right")
	}
	return id.Subject, raw, nil
}

// backChannel is how the apps reach the provider: within this process. Through Caddy they would have to know its CA.
type backChannel struct{ handler http.Handler }

func (b backChannel) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI = r.URL.Host, r.URL.RequestURI()
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

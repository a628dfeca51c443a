package oidctest

import (
	"net/http"
	"slices"
)

// Revoked returns the tokens that revocation requests ended so far, in order. A refresh token takes its access tokens with
// it, which follow it here; unknown tokens and repeats are not listed. What was asked for is in Seen("/revoke").
func (p *Provider) Revoked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.tokensRevoked)
}

// serveRevoke is the revocation endpoint of RFC 7009.
func (p *Provider) serveRevoke(w http.ResponseWriter, r *http.Request) {
	switch {
	case p.is(RevokeBusy): // RFC 7009 2.2.1
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	case p.is(RevokeFails):
		http.Error(w, "the revocation endpoint is broken", http.StatusInternalServerError)
		return
	}
	client, ok := p.authenticate(w, r)
	if !ok {
		return
	}
	token := r.PostForm.Get("token") // never from the query: RFC 7009 2.1
	if token == "" {
		oauthError(w, http.StatusBadRequest, "invalid_request", "token is missing")
		return
	}
	if !p.revoke(client.ID, token) {
		oauthError(w, http.StatusBadRequest, "unauthorized_client", "the token is another client's")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK) // unknown tokens too: RFC 7009 2.2
}

// revoke reports false for a token of another client. token_type_hint is only a hint, and not needed.
func (p *Provider) revoke(client, token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.grants, func(g *grant) bool { return g.holds(token) })
	if i < 0 {
		return true
	}
	g := p.grants[i]
	if g.client != client {
		return false
	}
	gone := []string{token}
	if token == g.refresh { // RFC 7009 2.1: and the access tokens of the same grant
		gone = append(gone, g.access...)
		g.refresh = ""
	}
	g.access = slices.DeleteFunc(g.access, func(a string) bool { return slices.Contains(gone, a) })
	for _, t := range gone {
		p.tokensRevoked = keep(p.tokensRevoked, t)
	}
	return true
}

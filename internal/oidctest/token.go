package oidctest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
)

// grant is what one client got for one user: an empty refresh token means that it was revoked.
type grant struct {
	client, user, sid string
	refresh           string
	access            []string
	offline           bool // outlives the session
}

// Tokens are opaque and random.
type Tokens struct{ Access, Refresh string }

// Issue returns new tokens of a client, as a sign-in would. They belong to no session, so only a revocation ends them.
func (p *Provider) Issue(client, user string) Tokens {
	return p.issueTokens(&grant{client: client, user: user, refresh: "rt-" + rand.Text()}, true)
}

// issueTokens adds an access token to a grant.
func (p *Provider) issueTokens(g *grant, fresh bool) Tokens {
	access := "at-" + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	g.access = keep(g.access, access)
	if fresh {
		p.grants = keep(p.grants, g)
	}
	return Tokens{Access: access, Refresh: g.refresh}
}

// Active reports whether an access or refresh token was issued here and has not ended.
func (p *Provider) Active(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return token != "" && slices.ContainsFunc(p.grants, func(g *grant) bool { return g.holds(token) })
}

func (g *grant) holds(token string) bool {
	return g.refresh == token || slices.Contains(g.access, token)
}

func (p *Provider) serveToken(w http.ResponseWriter, r *http.Request) {
	client, ok := p.authenticate(w, r)
	if !ok {
		return
	}
	if p.is(TokenRefuses) {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "told to refuse")
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		c, why := p.redeem(client.ID, r.PostForm)
		if c == nil {
			oauthError(w, http.StatusBadRequest, "invalid_grant", why)
			return
		}
		g := &grant{client: c.client, user: c.user, sid: c.sid, offline: c.offline, refresh: "rt-" + rand.Text()}
		p.sendTokens(w, p.issueTokens(g, true), p.IDToken(c.client, c.user, c.sid, func(claims map[string]any) {
			claims["auth_time"] = c.authTime.Unix()
			if c.nonce != "" {
				claims["nonce"] = c.nonce
			}
			p.spoil(claims)
		}))
	case "refresh_token":
		g := p.refreshable(client.ID, r.PostForm.Get("refresh_token"))
		if g == nil {
			oauthError(w, http.StatusBadRequest, "invalid_grant", "the refresh token is not known or was revoked")
			return
		}
		// OpenID Connect Core 12.2: no nonce.
		p.sendTokens(w, p.issueTokens(g, false), p.IDToken(g.client, g.user, g.sid, p.spoil))
	default:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "authorization_code and refresh_token are")
	}
}

// redeem takes a code out of the store: it is good for one try. RFC 6749 4.1.3
func (p *Provider) redeem(client string, form url.Values) (*code, string) {
	p.mu.Lock()
	i := slices.IndexFunc(p.codes, func(c *code) bool { return c.value == form.Get("code") })
	if i < 0 {
		p.mu.Unlock()
		return nil, "the code is not known or was used"
	}
	c := p.codes[i]
	p.codes = slices.Delete(p.codes, i, i+1)
	p.mu.Unlock()

	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case !p.now().Before(c.expires):
		return nil, "the code is too old"
	case c.client != client:
		return nil, "the code is another client's"
	case c.redirectURI != form.Get("redirect_uri"):
		return nil, "the redirect_uri is not the one of the authorization request"
	case subtle.ConstantTimeCompare([]byte(b64(sum[:])), []byte(c.challenge)) != 1: // RFC 7636 4.6
		return nil, "the code_verifier does not fit"
	}
	return c, ""
}

func (p *Provider) refreshable(client, token string) *grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.grants {
		if token != "" && g.refresh == token && g.client == client {
			return g
		}
	}
	return nil
}

// spoil does to the ID token's claims what Misbehave asked for.
func (p *Provider) spoil(claims map[string]any) {
	if p.is(WrongNonce) {
		claims["nonce"] = rand.Text()
	}
	if p.is(WrongAudience) {
		claims["aud"] = "another-client"
	}
}

func (p *Provider) sendTokens(w http.ResponseWriter, t Tokens, idToken string) {
	if p.is(ForeignSignature) {
		idToken = p.Forge(ForeignKey, idToken)
	}
	body := map[string]any{
		"access_token":  t.Access,
		"refresh_token": t.Refresh,
		"token_type":    "Bearer",
		"expires_in":    3600,
		"id_token":      idToken,
	}
	if p.is(NoIDToken) {
		delete(body, "id_token")
	}
	writeJSON(w, http.StatusOK, body)
}

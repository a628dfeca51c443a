package oidctest

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// credentials are what a client shows at the token and the revocation endpoint.
type credentials struct{ method, id, secret, assertion string }

// authenticate returns the client that a request proves to come from, or answers it.
func (p *Provider) authenticate(w http.ResponseWriter, r *http.Request) (Client, bool) {
	if repeated(r.PostForm) { // RFC 6749 3.2
		oauthError(w, http.StatusBadRequest, "invalid_request", "a parameter is given twice")
		return Client{}, false
	}
	shown, ok := credentialsOf(r)
	if !ok {
		oauthError(w, http.StatusBadRequest, "invalid_request", "more than one way of client authentication") // RFC 6749 2.3
		return Client{}, false
	}
	client, known := p.client(shown.id)
	if !known || !p.proves(client, shown) {
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="oidctest"`) // RFC 6749 5.2
		}
		oauthError(w, http.StatusUnauthorized, "invalid_client", "unknown client or wrong credentials")
		return Client{}, false
	}
	return client, true
}

// credentialsOf reports false when a request shows more than one kind.
func credentialsOf(r *http.Request) (credentials, bool) {
	form := r.PostForm
	var found []credentials
	if id, secret, ok := r.BasicAuth(); ok {
		// RFC 6749 2.3.1: both parts are form-encoded first.
		rawID, err1 := url.QueryUnescape(id)
		rawSecret, err2 := url.QueryUnescape(secret)
		if err1 != nil || err2 != nil {
			rawID, rawSecret = "", ""
		}
		found = append(found, credentials{method: "client_secret_basic", id: rawID, secret: rawSecret})
	}
	if form.Has("client_secret") {
		found = append(found, credentials{method: "client_secret_post", id: form.Get("client_id"), secret: form.Get("client_secret")})
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		c := credentials{method: "private_key_jwt", id: form.Get("client_id")}
		if form.Get("client_assertion_type") == assertionType {
			c.assertion = form.Get("client_assertion")
		}
		if c.id == "" { // optional here: RFC 7521 4.2
			c.id = unverifiedSubject(c.assertion)
		}
		found = append(found, c)
	}
	switch len(found) {
	case 0:
		return credentials{method: "none", id: form.Get("client_id")}, true
	case 1:
		return found[0], true
	}
	return credentials{}, false
}

func (p *Provider) proves(c Client, shown credentials) bool {
	method := shown.method
	if method == "client_secret_post" && c.AuthMethod == "client_secret_basic" {
		method = c.AuthMethod // both ways of showing a secret
	}
	if method != c.AuthMethod {
		return false
	}
	switch method {
	case "none":
		return true
	case "private_key_jwt":
		return p.asserts(c, shown.assertion)
	default:
		return c.Secret != "" && subtle.ConstantTimeCompare([]byte(shown.secret), []byte(c.Secret)) == 1
	}
}

var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

// asserts checks a client assertion: REV-04, RFC 7523 3. Its audience is the issuer or, as servers once wanted, the token
// endpoint, and nothing else beside it.
func (p *Provider) asserts(c Client, assertion string) bool {
	parsed, err := jose.ParseSigned(assertion, assertionAlgorithms)
	if err != nil || c.Key == nil {
		return false
	}
	payload, err := parsed.Verify(c.Key)
	if err != nil {
		return false
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience any    `json:"aud"`
		ID       string `json:"jti"`
		Expires  int64  `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Issuer != c.ID || claims.Subject != c.ID || claims.ID == "" {
		return false
	}
	if list, ok := claims.Audience.([]any); ok && len(list) == 1 {
		claims.Audience = list[0]
	}
	if claims.Audience != p.Issuer() && claims.Audience != p.endpoint("/token") {
		return false
	}
	expires, now := time.Unix(claims.Expires, 0), p.now()
	if !now.Before(expires) || expires.After(now.Add(65*time.Second)) { // a minute, and clocks that differ a little
		return false
	}
	id := c.ID + "\x00" + claims.ID
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(p.jtis, id) {
		return false
	}
	p.jtis = keep(p.jtis, id)
	return true
}

// unverifiedSubject only says whose key to try.
func unverifiedSubject(assertion string) string {
	parsed, err := jose.ParseSigned(assertion, assertionAlgorithms)
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	_ = json.Unmarshal(parsed.UnsafePayloadWithoutVerification(), &claims) // then there is no subject
	return claims.Subject
}

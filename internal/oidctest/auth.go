package oidctest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const codeLifetime = time.Minute

// code is an authorization code that waits for the client.
type code struct {
	value, client, redirectURI string
	nonce, challenge           string
	user, sid                  string
	authTime                   time.Time
	offline                    bool
	expires                    time.Time
}

// authRequest is an authorization request that may be answered by a redirect.
type authRequest struct {
	client, redirectURI, state string
	params                     url.Values
}

// serveAuth is the authorization endpoint: the code flow with PKCE, and nothing else.
func (p *Provider) serveAuth(w http.ResponseWriter, r *http.Request) {
	if p.is(Circle) {
		redirect(w, r, p.endpoint("/auth")+"?"+r.URL.RawQuery)
		return
	}
	req, ok := p.authRequest(w, r, params(r))
	if !ok {
		return
	}
	prompts := strings.Fields(req.params.Get("prompt"))
	s, signedIn := p.sessionOf(r)
	if slices.Contains(prompts, "login") {
		signedIn = false
	}
	silent := slices.Contains(prompts, "none")
	switch {
	case silent && len(prompts) > 1: // OpenID Connect Core 3.1.2.1
		p.authError(w, r, req, "invalid_request")
	case silent && !signedIn:
		p.authError(w, r, req, "login_required")
	case silent && p.is(ConsentRequired):
		p.authError(w, r, req, "consent_required")
	case silent && p.is(InteractionRequired):
		p.authError(w, r, req, "interaction_required")
	case !signedIn:
		p.loginPage(w, r, req, http.StatusOK)
	default:
		p.sendCode(w, r, req, s)
	}
}

// serveLogin takes the sign-in form. The authorization request is in its address, and is checked anew.
func (p *Provider) serveLogin(w http.ResponseWriter, r *http.Request) {
	req, ok := p.authRequest(w, r, r.URL.Query())
	if !ok {
		return
	}
	if !fromOurForm(r) {
		p.problem(w, r, http.StatusForbidden, "This form was not sent from our page, or your browser keeps no cookies.")
		return
	}
	name := strings.TrimSpace(r.PostForm.Get("name"))
	if !p.knows(name, r.PostForm.Get("password")) {
		p.loginPage(w, r, req, http.StatusUnauthorized)
		return
	}
	if old, ok := p.sessionOf(r); ok { // prompt=login
		p.end(old.sid)
	}
	c := p.SignIn(name)
	p.setSession(w, c)
	s, _ := p.find(func(s *session) bool { return s.id == c.Value })
	p.sendCode(w, r, req, s)
}

func (p *Provider) loginPage(w http.ResponseWriter, r *http.Request, req authRequest, status int) {
	p.show(w, r, Page{
		Name:   "login",
		Status: status,
		Client: req.client,
		Action: p.endpoint("/login") + "?" + req.params.Encode(),
		CSRF:   p.csrf(w, r),
	})
}

// authRequest checks a request. Whatever is wrong with the client or its address is told on a page, because a redirect
// would go to somebody unknown (RFC 6749 4.1.2.1).
func (p *Provider) authRequest(w http.ResponseWriter, r *http.Request, params url.Values) (authRequest, bool) {
	req := authRequest{
		client:      params.Get("client_id"),
		redirectURI: params.Get("redirect_uri"),
		state:       params.Get("state"),
		params:      params,
	}
	client, known := p.client(req.client)
	switch {
	case repeated(params): // RFC 6749 3.1
		p.problem(w, r, http.StatusBadRequest, "A parameter is given twice.")
	case !known:
		p.problem(w, r, http.StatusBadRequest, "This client is not known here.")
	case !slices.Contains(client.RedirectURIs, req.redirectURI):
		p.problem(w, r, http.StatusBadRequest, "This redirect_uri is not registered for the client.")
	case params.Get("response_type") != "code":
		p.authError(w, r, req, "unsupported_response_type")
	case !slices.Contains(strings.Fields(params.Get("scope")), "openid"):
		p.authError(w, r, req, "invalid_scope")
	case params.Get("code_challenge_method") != "S256" || len(params.Get("code_challenge")) != 43: // RFC 7636 4.2
		p.authError(w, r, req, "invalid_request")
	default:
		return req, true
	}
	return req, false
}

func (p *Provider) sendCode(w http.ResponseWriter, r *http.Request, req authRequest, s *session) {
	now := p.now()
	c := &code{
		value:       rand.Text(),
		client:      req.client,
		redirectURI: req.redirectURI,
		nonce:       req.params.Get("nonce"),
		challenge:   req.params.Get("code_challenge"),
		user:        s.user,
		sid:         s.sid,
		authTime:    s.authTime,
		offline:     slices.Contains(strings.Fields(req.params.Get("scope")), "offline_access"),
		expires:     now.Add(codeLifetime),
	}
	p.mu.Lock()
	p.codes = slices.DeleteFunc(p.codes, func(c *code) bool { return !now.Before(c.expires) })
	p.codes = keep(p.codes, c)
	p.mu.Unlock()
	p.sendBack(w, r, req.redirectURI, req.state, url.Values{"code": {c.value}, "iss": {p.Issuer()}})
}

func (p *Provider) authError(w http.ResponseWriter, r *http.Request, req authRequest, code string) {
	p.sendBack(w, r, req.redirectURI, req.state, url.Values{"error": {code}, "iss": {p.Issuer()}}) // RFC 9207 2
}

// sendBack redirects to a registered address of a client. RPI-47
func (p *Provider) sendBack(w http.ResponseWriter, r *http.Request, uri, state string, add url.Values) {
	if state != "" && !p.is(NoState) {
		if p.is(WrongState) {
			state += "_INVALID"
		}
		add.Set("state", state)
	}
	if len(add) > 0 {
		sep := "?"
		if strings.Contains(uri, "?") {
			sep = "&"
		}
		uri += sep + add.Encode()
	}
	redirect(w, r, uri)
}

// redirect makes a GET of whatever the request was.
func redirect(w http.ResponseWriter, r *http.Request, uri string) {
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	hdr := w.Header()
	hdr.Set("Cache-Control", "no-store")
	hdr.Set("Referrer-Policy", "no-referrer")
	hdr.Set("Location", uri)
	w.WriteHeader(status)
}

// params are the query's or the body's, never both.
func params(r *http.Request) url.Values {
	if r.Method == http.MethodPost {
		return r.PostForm
	}
	return r.URL.Query()
}

func repeated(params url.Values) bool {
	for _, v := range params {
		if len(v) > 1 {
			return true
		}
	}
	return false
}

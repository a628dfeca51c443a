package oidctest

import (
	"net/http"
	"net/url"
	"slices"
)

// logoutRequest is a checked request to the end_session_endpoint.
type logoutRequest struct {
	client Client // empty: not known
	uri    string // post_logout_redirect_uri, registered for the client
	state  string
	hint   map[string]any // claims of the ID token, nil without
}

// serveLogout is the end_session_endpoint: OpenID Connect RP-Initiated Logout 1.0, RPI-40 to RPI-47.
func (p *Provider) serveLogout(w http.ResponseWriter, r *http.Request) {
	switch {
	case p.is(Refuses):
		p.problem(w, r, http.StatusBadRequest, "This logout was refused.")
		return
	case p.is(Circle):
		redirect(w, r, p.endpoint("/logout")+"?"+r.URL.RawQuery)
		return
	}
	values := params(r)
	req, ok := p.logoutRequest(w, r, values)
	if !ok {
		return
	}
	s, signedIn := p.sessionOf(r)
	switch {
	case signedIn && (p.is(Asks) || !fits(req.hint, s)): // RPI-43
		p.confirmPage(w, r, req)
	case signedIn:
		p.end(s.sid)
		p.setSession(w, nil)
		p.loggedOut(w, r, req)
	default:
		// No session in this browser. A hint proves which one is meant; Keycloak ends that one too.
		if sid, _ := req.hint["sid"].(string); sid != "" {
			p.end(sid)
		}
		p.loggedOut(w, r, req)
	}
}

// serveConfirmed takes the form of the confirmation page.
func (p *Provider) serveConfirmed(w http.ResponseWriter, r *http.Request) {
	if !fromOurForm(r) {
		p.problem(w, r, http.StatusForbidden, "This form was not sent from our page, or your browser keeps no cookies.")
		return
	}
	req, ok := p.logoutRequest(w, r, r.URL.Query())
	if !ok {
		return
	}
	// Who answers no is sent back all the same, as other providers do it.
	if s, ok := p.sessionOf(r); ok && r.PostForm.Get("logout") == "yes" {
		p.end(s.sid)
		p.setSession(w, nil)
	}
	p.loggedOut(w, r, req)
}

// logoutRequest checks a request, or answers it with a page: on any error there is no redirect (RPI-46).
func (p *Provider) logoutRequest(w http.ResponseWriter, r *http.Request, params url.Values) (logoutRequest, bool) {
	req := logoutRequest{uri: params.Get("post_logout_redirect_uri"), state: params.Get("state")}
	bad := func(why string) (logoutRequest, bool) {
		p.problem(w, r, http.StatusBadRequest, why)
		return logoutRequest{}, false
	}
	if repeated(params) {
		return bad("A parameter is given twice.")
	}
	id := params.Get("client_id")
	if hint := params.Get("id_token_hint"); hint != "" {
		claims, ours := p.claimsOf(hint)
		if !ours { // RPI-41
			return bad("The id_token_hint is not ours.")
		}
		aud := audience(claims)
		if id != "" && id != aud { // RPI-42
			return bad("The client_id is not the one of the id_token_hint.")
		}
		req.hint, id = claims, aud
	}
	if id != "" {
		client, known := p.client(id)
		if !known {
			return bad("This client is not known here.")
		}
		req.client = client
	}
	if req.uri != "" && !slices.Contains(req.client.PostLogoutRedirectURIs, req.uri) { // RPI-45; without a client there is none
		return bad("This post_logout_redirect_uri is not registered for the client.")
	}
	return req, true
}

// fits reports whether a hint is for this very session. RPI-43, RPI-44
func fits(hint map[string]any, s *session) bool {
	if sid, ok := hint["sid"]; ok {
		return sid == s.sid
	}
	return hint["sub"] == s.user
}

// audience is the client that an ID token is for.
func audience(claims map[string]any) string {
	switch aud := claims["aud"].(type) {
	case string:
		return aud
	case []any:
		if len(aud) == 1 {
			only, _ := aud[0].(string)
			return only
		}
	}
	azp, _ := claims["azp"].(string)
	return azp
}

// confirmPage asks. What was checked travels in the form's address, and is checked anew.
func (p *Provider) confirmPage(w http.ResponseWriter, r *http.Request, req logoutRequest) {
	params := url.Values{}
	for name, v := range map[string]string{"client_id": req.client.ID, "post_logout_redirect_uri": req.uri, "state": req.state} {
		if v != "" {
			params.Set(name, v)
		}
	}
	p.show(w, r, Page{
		Name:   "confirm",
		Status: http.StatusOK,
		Client: req.client.ID,
		Action: p.endpoint("/logout/confirm") + "?" + params.Encode(),
		CSRF:   p.csrf(w, r),
	})
}

func (p *Provider) loggedOut(w http.ResponseWriter, r *http.Request, req logoutRequest) {
	if req.uri == "" {
		p.show(w, r, Page{Name: "signed-out", Status: http.StatusOK, Client: req.client.ID})
		return
	}
	p.sendBack(w, r, req.uri, req.state, url.Values{})
}

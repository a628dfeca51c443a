package provider

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// EndsSignOn reports whether a request for u, which a site of this very edge got,
// is a logout's own: its question to, or its way out of, this provider. It has to
// know whose session it ends, and the logout may just have had its cookie
// refused. What such a request can do is bounded by its parameters: somebody with
// a copied cookie can end the sign-on with it, and no more.
//
// isOwn says that own is a site of the provider's people, so that a logout_url
// without host is on it. asked reports whether a question is one of ours, by its
// state, its mark and its redirect URI.
func (p *Provider) EndsSignOn(method string, u *url.URL, own origin.Origin, isOwn bool, asked func(Question) bool) bool {
	at := func(endpoint string) (query string, is bool) {
		endpoint, query, _ = strings.Cut(endpoint, "?")
		return query, endpoint != "" && strings.TrimPrefix(endpoint, own.String()) == u.EscapedPath()
	}
	if p.IsPortal() {
		query, is := at(p.LogoutURL)
		// Where only the query makes a logout, everything is at the same path.
		return is && (isOwn || strings.Contains(p.LogoutURL, "://")) && (query == "" || method == http.MethodGet && hasOnly(u.RawQuery, query))
	}
	m := p.known()
	if query, is := at(m.EndSession); is && (query == "" || method == http.MethodGet && hasAll(u.Query(), query)) {
		return true
	}
	// In a body there could be another question (OIDC Core 3.1.2.1).
	if query, is := at(m.Authorization); is && method == http.MethodGet {
		q, silent := readQuestion(u.RawQuery, query)
		return silent && asked(q)
	}
	return false
}

// hasAll reports whether q has the pairs of a query, once each. Values with a
// placeholder may be any.
func hasAll(q url.Values, query string) bool {
	want, err := url.ParseQuery(query)
	for name, values := range want {
		if len(q[name]) != len(values) || !strings.Contains(values[0], "{") && !slices.Equal(q[name], values) {
			return false
		}
	}
	return err == nil
}

// hasOnly is hasAll, and there is nothing else: some read ; like &.
func hasOnly(raw, query string) bool {
	q, err := url.ParseQuery(raw)
	want, _ := url.ParseQuery(query)
	for name := range q {
		if !want.Has(name) {
			return false
		}
	}
	return err == nil && !strings.Contains(raw, ";") && hasAll(q, query)
}

// silentParameters are those of our question. With others it is another one:
// what a request object says counts more than they do (OIDC Core 6.1).
var silentParameters = []string{
	"client_id", "code_challenge", "code_challenge_method", "nonce", "prompt", "redirect_uri", "response_type", "scope", "state",
}

// readQuestion reads the silent question: one that shows no page, and asks for
// nothing but an ID token. Nobody but who has its verifier can redeem the code.
// query is the endpoint's own.
func readQuestion(raw, query string) (question Question, silent bool) {
	q, err := url.ParseQuery(raw)
	if err != nil || strings.Contains(raw, ";") || !hasAll(q, query) {
		return Question{}, false
	}
	own, _ := url.ParseQuery(query)
	for name := range q {
		if !own.Has(name) && (len(q[name]) != 1 || !slices.Contains(silentParameters, name)) {
			return Question{}, false
		}
	}
	question = Question{
		Client: q.Get("client_id"), RedirectURI: q.Get("redirect_uri"),
		State: q.Get("state"), Nonce: q.Get("nonce"), challenge: q.Get("code_challenge"),
	}
	return question, question.challenge != "" && q.Get("code_challenge_method") == "S256" &&
		q.Get("prompt") == "none" && q.Get("response_type") == "code" && q.Get("scope") == "openid"
}

package universallogout

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"

	"github.com/universal-logout/caddy-universal-logout/internal/inbound"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// endsSignOn reports whether a request is a logout's own question to, or way
// out of, a portal or provider behind this very edge: it has to know whose
// session it ends, and the logout may just have had its cookie refused. What
// such a request can do is bounded by its parameters: somebody with a copied
// cookie can end the sign-on with it, and no more.
func (h *Handler) endsSignOn(r *http.Request) bool {
	own, u := inbound.Origin(r), inbound.URL(r)
	at := func(endpoint string) (query string, is bool) {
		endpoint, query, _ = strings.Cut(endpoint, "?")
		return query, endpoint != "" && strings.TrimPrefix(endpoint, own.String()) == u.EscapedPath()
	}
	// Where only the query makes a logout, everything is at the same path.
	ends := func(endpoint string) bool {
		query, is := at(endpoint)
		return is && (query == "" || r.Method == http.MethodGet && hasOnly(u.RawQuery, query))
	}
	if p := h.provider; p != nil && p.IsPortal() && ends(p.LogoutURL) {
		return true
	}
	for _, p := range h.app.providers {
		if p.IsPortal() {
			if strings.Contains(p.LogoutURL, "://") && ends(p.LogoutURL) {
				return true
			}
			continue
		}
		m := p.Known()
		if query, is := at(m.EndSession); is && (query == "" || r.Method == http.MethodGet && hasAll(u.Query(), query)) {
			return true
		}
		// In a body there could be another question (OIDC Core 3.1.2.1).
		if query, is := at(m.Authorization); is && r.Method == http.MethodGet && h.app.isSilentQuestion(u, query) {
			return true
		}
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

// isSilentQuestion: it shows no page, and its answer comes to us, who ask for
// nothing but an ID token. Nobody else can redeem the code: we alone have the
// verifier. query is the endpoint's own.
func (a *App) isSilentQuestion(u *url.URL, query string) bool {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || strings.Contains(u.RawQuery, ";") || !hasAll(q, query) {
		return false
	}
	own, _ := url.ParseQuery(query)
	for name := range q {
		if !own.Has(name) && (len(q[name]) != 1 || !slices.Contains(silentParameters, name)) {
			return false
		}
	}
	to, path := q.Get("redirect_uri"), a.Prefix+"/callback"
	st, ours := a.seals.OpenState(q.Get("state"))
	return ours && q.Get("prompt") == "none" && q.Get("response_type") == "code" && q.Get("scope") == "openid" &&
		st.Question != "" && q.Get("code_challenge_method") == "S256" && provider.QuestionOf(q.Get("code_challenge")) == st.Question &&
		strings.HasSuffix(to, path) && a.serves(origin.Parse(strings.TrimSuffix(to, path)))
}

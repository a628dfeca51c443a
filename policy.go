package universallogout

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// newEnforcing is what the policies of all apps share.
func (a *App) newEnforcing() enforce.Edge {
	return enforce.Edge{
		List: &a.process.revocations.list, Await: a.awaitList, Streams: &a.process.streams,
		Work: a.work, Now: a.clock, Refused: func(kind string) { a.teller.Refused(kind) },
	}
}

func (h *Handler) newPolicy() enforce.Policy {
	return enforce.Policy{
		Sessions: h.run.sessions, CookiePaths: h.run.cookiePaths, NamesKept: len(h.KeepCookies) > 0, ReadsJWT: h.Identify != nil && h.Identify.JWT,
		AddressesOnly: h.Role == roleAddresses, InBlock: h.Role == roleApp, EndsSignOn: h.endsSignOn,
		Edge: &h.edge.enforcing, Logger: func() *zap.Logger { return h.logger },
	}
}

// compilePolicy is what the app wants of sessions that are over. It needs the
// paths and the prefix.
func (h *Handler) compilePolicy() (err error) {
	h.run.policy = h.newPolicy()
	if h.run.policy.Headers, err = compileSessionHeaders(h.SessionHeaders); err != nil {
		return err
	}
	return h.compileOnRevoked()
}

// compileSessionHeaders reads the names of headers.
func compileSessionHeaders(configured []string) (headers []string, err error) {
	names, err := placeholders.ResolveAll("session_headers", configured)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := checkSessionHeader(name); err != nil {
			return nil, err
		}
		name = http.CanonicalHeaderKey(name)
		if slices.Contains(headers, name) {
			return nil, fmt.Errorf("session_headers: %s is there twice", name)
		}
		headers = append(headers, name)
	}
	return headers, nil
}

// Headers that are no credentials: what stands in them many people send alike,
// and one's logout must not be another's.
var (
	noSessionHeaders = append([]string{
		"User-Agent", "Origin", "Referer", "Forwarded", "Via", "Date", "From", "Cache-Control", "Pragma", "Priority", "Dnt", "Purpose", "Set-Cookie",
	}, refusedHeaders...)
	noSessionHeaderPrefixes = []string{"Sec-", "Proxy-", "Content-", "Accept", "If-", "X-Forwarded-", "Access-Control-"}
)

func checkSessionHeader(name string) error {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("session_headers: %q has characters that no header's name has", name)
	case canonical == "Cookie":
		return fmt.Errorf("session_headers: cookies are looked at anyway; session_cookies names those that hold sessions")
	case slices.Contains(noSessionHeaders, canonical) || slices.ContainsFunc(noSessionHeaderPrefixes, func(p string) bool { return strings.HasPrefix(canonical, p) }):
		return fmt.Errorf("session_headers: %s holds no session; name the header that the app takes a credential from, like Authorization or X-Api-Token", canonical)
	}
	return nil
}

func (h *Handler) compileOnRevoked() (err error) {
	what, target, found := strings.Cut(h.OnRevoked, " ")
	switch what {
	case "", enforce.Strip, enforce.Reject:
		if found {
			return fmt.Errorf("on_revoked: %q: only redirect has an address behind it", h.OnRevoked)
		}
	case enforce.Redirect:
		if h.run.policy.RedirectTo, err = h.compileTarget("on_revoked", strings.TrimSpace(target)); err != nil {
			return err
		}
		if h.run.policy.RedirectTo == "" {
			return errors.New("on_revoked: redirect where? write a path like /login or a URL like https://www.example.com/ behind it")
		}
	default:
		return fmt.Errorf("on_revoked: %q is none of strip, reject, redirect <url>", what)
	}
	h.run.policy.OnRevoked = what
	return nil
}

// endsSignOn reports whether a request is a logout's own question to, or way
// out of, a portal or provider behind this very edge: it has to know whose
// session it ends, and the logout may just have had its cookie refused. What
// such a request can do is bounded by its parameters: somebody with a copied
// cookie can end the sign-on with it, and no more.
func (h *Handler) endsSignOn(r *http.Request) bool {
	own, u := inbound.Origin(r), inbound.URL(r)
	for _, p := range h.edge.run.providers {
		if p.EndsSignOn(r.Method, u, own, p == h.run.provider, h.edge.isOurQuestion) {
			return true
		}
	}
	return false
}

// isOurQuestion reports whether the answer to a question comes to us. Nobody else
// can redeem its code: we alone have the verifier.
func (a *App) isOurQuestion(q provider.Question) bool {
	st, ours := a.seals.OpenState(q.State)
	path := a.Prefix + "/callback"
	return ours && st.Question != "" && q.Mark() == st.Question &&
		strings.HasSuffix(q.RedirectURI, path) && a.serves(origin.Parse(strings.TrimSuffix(q.RedirectURI, path)))
}

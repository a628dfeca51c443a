package provider

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// maxEndSessionURL: longer ones meet servers and firewalls that refuse them
// (RPI-20, RPI-21). Providers may allow less.
const maxEndSessionURL = 4096

// EndSession is what a request to a provider's end_session_endpoint says.
type EndSession struct {
	Hint      string // an ID token, "": none
	Client    string // client_id
	ReturnURI string // post_logout_redirect_uri
	State     string
}

// url builds the address, by what is known. ok is false
// when there is nothing that the provider could act on without asking; then
// the user goes there by a click, to the bare endpoint.
func (e EndSession) url(endpoint string, q Quirks) (address string, ok bool) {
	if q.NoHint || len(e.Hint) > maxEndSessionURL {
		e.Hint = ""
	}
	for {
		if e.Client == "" && e.Hint == "" || q.HintRequired && e.Hint == "" {
			return endpoint, false
		}
		address = withQuery(endpoint, e.parameters(q))
		if len(address) <= q.longestURL() || e.Hint == "" {
			return address, true
		}
		e.Hint = "" // never cut it (RPI-21)
	}
}

func (e EndSession) parameters(q Quirks) url.Values {
	values := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("id_token_hint", e.Hint)
	set("client_id", e.Client)
	if e.ReturnURI != "" {
		set(q.ReturnParameter(), e.ReturnURI)
		if !q.NoState {
			set("state", e.State)
		}
	}
	return values
}

// withQuery keeps the endpoint's own query and appends ours (RPI-02).
func withQuery(endpoint string, values url.Values) string {
	query := values.Encode()
	switch {
	case query == "":
		return endpoint
	case !strings.Contains(endpoint, "?"):
		return endpoint + "?" + query
	case strings.HasSuffix(endpoint, "?") || strings.HasSuffix(endpoint, "&"):
		return endpoint + query
	}
	return endpoint + "&" + query
}

// EndSessionURL is where the browser goes to end its session, and what of e is
// sent with it: the state only if it comes back. If there is nothing that the
// provider could act on, ok is false, and address is where a click leads, for
// later: the bare endpoint, or "" if that is of no use.
func (p *Provider) EndSessionURL(ctx context.Context, m Metadata, e EndSession) (address string, sent EndSession, ok bool) {
	sent, ok = p.accepts(ctx, m, e)
	if ok {
		address, ok = sent.url(m.EndSession, m.Quirks)
	}
	if !ok {
		return p.bareEndpoint(ctx, m), EndSession{}, false
	}
	if sent.ReturnURI == "" || m.Quirks.NoState {
		sent.State = ""
	}
	return address, sent, true
}

func (p *Provider) bareEndpoint(ctx context.Context, m Metadata) string {
	if p.probe(ctx, m.EndSession, "the provider's logout refuses everybody who comes without an ID token").verdict == probeRefused {
		return ""
	}
	return m.EndSession
}

// accepts finds out what of a request the provider accepts: all of it,
// only without the return address, or nothing.
func (p *Provider) accepts(ctx context.Context, m Metadata, e EndSession) (accepted EndSession, ok bool) {
	if m.Quirks.HintRequired || e.Client == "" {
		// There is nothing more to learn without a hint, and one would end the
		// session: with the answer, not with the browser.
		alive := p.probe(ctx, m.EndSession, "the provider's logout is out of order")
		return e, alive.verdict != probeUnreachable && (alive.verdict != probeRefused || m.Quirks.HintRequired)
	}
	full := p.tryLogout(ctx, m, e)
	if full != probeRefused {
		return e, full != probeUnreachable
	}
	bare := e
	bare.ReturnURI = ""
	return bare, p.tryLogout(ctx, m, bare) == probeFine
}

// tryLogout asks for a logout of nobody.
func (p *Provider) tryLogout(ctx context.Context, m Metadata, e EndSession) verdict {
	e.Hint, e.State = "", ""
	address, _ := e.url(m.EndSession, m.Quirks)
	answer := p.probe(ctx, address,
		"the provider refuses a logout with this address to return to: is it registered as a post-logout redirect URI of the client? Until then people stay on the provider's page",
		zap.String("client_id", e.Client), zap.String("post_logout_redirect_uri", e.ReturnURI))
	if answer.verdict == probeFine && isErrorRedirect(answer.location, e.ReturnURI) {
		return probeRefused
	}
	return answer.verdict
}

// isErrorRedirect: some providers redirect to an error page of theirs.
func isErrorRedirect(location, returnURI string) bool {
	u, err := url.Parse(location)
	return err == nil && location != "" && !origin.SameEndpoint(location, returnURI) &&
		(u.Query().Has("error") || strings.Contains(strings.ToLower(u.Path), "/error"))
}

// Carries reports whether an address of the provider's logout has room for an ID
// token as hint. One of our own is mostly shorter.
func (m Metadata) Carries(token IDToken) bool {
	return len(token.Raw) <= m.Quirks.longestURL()-roomBesideHint
}

// roomBesideHint is what the other parameters take.
const roomBesideHint = 600

// ReadAppLogout reads an address where an app itself would send the browser. If
// that is the provider's logout, the app may do it for a client that we know
// nothing of. Then what it says stays as it is, for we could only mix clients
// (RPI-13): next is the address, and returnURI is where it leads back to. Else
// the hint is ours, if there is one in it.
func (p *Provider) ReadAppLogout(ctx context.Context, m Metadata, address string, clients []string) (hint, next, returnURI string) {
	if address == "" || !origin.SameEndpoint(address, m.EndSession) {
		return "", "", ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", ""
	}
	q := u.Query()
	given, named := q.Get("id_token_hint"), q.Get("client_id")
	ours := slices.Contains(clients, named)
	if given != "" && (named == "" || ours) && len(clients) > 0 {
		if _, err := p.verify(ctx, given, clients); err == nil {
			return given, "", ""
		}
	}
	if ours || given == "" && named == "" {
		return "", "", ""
	}
	endpoint, _, _ := strings.Cut(m.EndSession, "?") // its own query is among the app's
	return "", withQuery(endpoint, q), q.Get("post_logout_redirect_uri")
}

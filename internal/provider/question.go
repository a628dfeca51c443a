package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/oauth"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Question asks the provider silently who is signed in: with prompt=none it shows
// no page, and sends the browser back to us with a code for an ID token.
type Question struct {
	Client, RedirectURI    string
	State, Nonce, Verifier string

	challenge string // of one that came by; else it is the verifier's
}

// URL is where the browser takes the question; endpoint is the provider's
// authorization_endpoint.
func (q Question) URL(endpoint string) string {
	return withQuery(endpoint, url.Values{
		"response_type": {"code"}, "scope": {"openid"}, "prompt": {"none"},
		"client_id": {q.Client}, "redirect_uri": {q.RedirectURI},
		"state": {q.State}, "nonce": {q.Nonce},
		"code_challenge": {challengeOf(q.Verifier)}, "code_challenge_method": {"S256"},
	})
}

// Mark is enough of a question's challenge to tell it from all others.
func (q Question) Mark() string {
	challenge := q.challenge
	if challenge == "" {
		challenge = challengeOf(q.Verifier)
	}
	return challenge[:min(len(challenge), 22)]
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// TakesQuestion reports whether there is any use in asking: the provider is to be
// asked, knows hints, redeems codes of the client, and redirects back to us
// instead of showing a page. The question needs no state, nonce or verifier yet.
func (p *Provider) TakesQuestion(ctx context.Context, m Metadata, q Question) bool {
	return !m.Quirks.NoHint && p.JustInTime(q.Client) && m.Authorization != "" && m.Token != "" && m.JWKS != "" &&
		p.redeems(q.Client) && p.answersSilently(ctx, m, q)
}

// JustInTime reports whether a hint may be fetched for a client of ours.
func (p *Provider) JustInTime(client string) bool {
	if p.JustInTimeHint != nil && !*p.JustInTimeHint {
		return false
	}
	return client != ""
}

// answersSilently reports whether the provider redirects a silent question for
// who is signed in back to us, as it must, instead of showing a page.
func (p *Provider) answersSilently(ctx context.Context, m Metadata, q Question) bool {
	q.State, q.Nonce, q.Verifier = probeVerifier, probeVerifier, probeVerifier
	answer := p.probe(ctx, q.URL(m.Authorization),
		"the provider does not answer prompt=none at our redirect URI: register it for the client, or write just_in_time_hint off; until then it may ask people whether they want to log out",
		zap.String("client_id", q.Client), zap.String("redirect_uri", q.RedirectURI))
	if answer.verdict != probeFine || !origin.SameEndpoint(answer.location, q.RedirectURI) {
		return false
	}
	u, err := url.Parse(answer.location)
	if err != nil {
		return false
	}
	switch u.Query().Get("error") {
	case "unauthorized_client", "invalid_request", "unsupported_response_type", "invalid_scope", "access_denied":
		return false
	}
	return true
}

// probeVerifier is as long as RFC 7636 wants it, and long enough for providers
// that refuse a short state.
const probeVerifier = "probe-probe-probe-probe-probe-probe-probe-probe"

// Answer is what the provider said to a question. The zero one says nothing.
type Answer struct {
	Hint        IDToken // of who is signed in
	Nobody      bool    // is signed in
	Unreachable bool    // the provider is gone, so no browser goes there
}

// maxCode: no provider's is longer.
const maxCode = 4 << 10

// ReadAnswer reads the query that the browser brings back, and redeems the code
// in it. Whether its state is the one that went there is up to the caller.
func (p *Provider) ReadAnswer(ctx context.Context, m Metadata, query url.Values, q Question) Answer {
	if query.Has("iss") && query.Get("iss") != p.Issuer || m.ResponseHasIssuer && !query.Has("iss") {
		return Answer{} // RFC 9207: somebody else's
	}
	code := query.Get("code")
	switch {
	case query.Get("error") == "login_required":
		return Answer{Nobody: true}
	case code == "", len(code) > maxCode, query.Has("error"):
		return Answer{}
	}
	var hint IDToken
	err := p.env.Work.Caught("redeeming a code", func() (err error) {
		hint, err = p.redeem(ctx, code, q)
		return err
	})
	if err == nil {
		return Answer{Hint: hint}
	}
	p.env.Logger().Warn("the provider gave no ID token for its code; its session is ended without one", zap.String("provider", p.Name), zap.Error(err))
	if isUnreachable(err) {
		return Answer{Unreachable: true}
	}
	if refused, ok := errors.AsType[*oauth.RefusedError](err); ok && (refused.Code == "invalid_client" || refused.Code == "unauthorized_client") {
		p.refuse(q.Client)
	}
	return Answer{}
}

// redeem exchanges the code that the provider answered with for an ID token
// of our own client. All other tokens are dropped.
func (p *Provider) redeem(ctx context.Context, code string, q Question) (IDToken, error) {
	m, err := p.Endpoints(ctx)
	if m.Token == "" {
		return IDToken{}, errors.Join(errors.New("the provider has no token_endpoint"), err)
	}
	client, err := p.httpClient(ctx, "token")
	if err != nil {
		return IDToken{}, err
	}
	raw, err := p.clientFor(q.Client, m).Exchange(ctx, client, m.Token, m.TokenAuth, code, q.RedirectURI, q.Verifier)
	if err != nil {
		return IDToken{}, err
	}
	token, err := p.verify(ctx, raw, []string{q.Client})
	if err != nil {
		return IDToken{}, err
	}
	if subtle.ConstantTimeCompare([]byte(token.Claims.String("nonce")), []byte(q.Nonce)) != 1 {
		return IDToken{}, errors.New("the ID token's nonce is not ours")
	}
	// This one is fresh, so it must be (OIDC Core 3.1.3.7); clocks may differ.
	if exp, ok := token.Claims.Time("exp"); !ok || p.env.Now().Sub(exp) > maxClockSkew {
		return IDToken{}, errors.New("the ID token has expired")
	}
	return token, nil
}

// maxClockSkew between us and a provider (JWT-09).
const maxClockSkew = 5 * time.Minute

const refusedClientFor = 5 * time.Minute

// refuse remembers that the provider redeems no code of a client: asking
// again would only cost everybody two redirects.
func (p *Provider) refuse(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused[client] = p.env.Now()
}

func (p *Provider) redeems(client string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, refused := p.refused[client]
	return !refused || p.env.Now().Sub(at) > refusedClientFor
}

package provider

import (
	"context"
	"net/url"
	"time"

	"go.uber.org/zap"
)

// What the root package still asks for by its old name. All of this file goes
// with the changes there.

type (
	IdToken     = IDToken
	AuthRequest = Question
)

const (
	DiscoveryTimeout     = discoveryTimeout
	MaxEndSessionURL     = maxEndSessionURL
	ReturnURLPlaceholder = returnURLPlaceholder
	SidPlaceholder       = sidPlaceholder
	SubPlaceholder       = subPlaceholder
	ProbeRefused         = probeRefused
	ProbeUnreachable     = probeUnreachable
)

var IdTokenNames, AccessTokenNames, RefreshTokenNames = idTokenNames, accessTokenNames, refreshTokenNames

func IsTokenName(name string) bool                       { return isTokenName(name) }
func AddToken(tokens *[]string, token string)            { addToken(tokens, token) }
func IsUnreachable(err error) bool                       { return isUnreachable(err) }
func WithQuery(endpoint string, v url.Values) string     { return withQuery(endpoint, v) }
func ExpandReturnURL(template, u string) (string, error) { return expandReturnURL(template, u) }
func ChallengeOf(verifier string) string                 { return challengeOf(verifier) }
func QuestionOf(challenge string) string                 { return challenge[:min(len(challenge), 22)] }
func CheckSuccess(statuses []int) error                  { return CheckCall(statuses, time.Second) }
func CheckCallTimeout(d time.Duration) error             { return CheckCall(nil, d) }

type Probe struct{ Verdict verdict }

func (p *Provider) Probe(ctx context.Context, address, advice string, fields ...zap.Field) Probe {
	return Probe{p.probe(ctx, address, advice, fields...).verdict}
}
func (p *Provider) Verify(ctx context.Context, raw string, clients []string) (IDToken, error) {
	return p.verify(ctx, raw, clients)
}
func (p *Provider) Redeem(ctx context.Context, code string, q Question) (IDToken, error) {
	return p.redeem(ctx, code, q)
}
func (p *Provider) CannotEnd(m Metadata, err error) bool {
	return m.EndSession == "" || isUnreachable(err) && p.EndSessionEndpoint == ""
}
func (p *Provider) EndsSessions(ctx context.Context, m Metadata, e EndSession) (EndSession, bool) {
	return p.accepts(ctx, m, e)
}
func (p *Provider) AnswersSilently(ctx context.Context, m Metadata, q Question) bool {
	return p.answersSilently(ctx, m, q)
}
func (p *Provider) Revoke(ctx context.Context, clients []string, t Tokens) { p.revoke(ctx, clients, t) }
func (p *Provider) Refuse(client string)                                   { p.refuse(client) }
func (p *Provider) Redeems(client string) bool                             { return p.redeems(client) }
func (p *Provider) Known() Metadata                                        { return p.known() }
func (c *Config) Single() []*string                                        { return c.singles() }
func (e EndSession) Url(endpoint string, q Ways) (string, bool)            { return e.url(endpoint, q) }
func (q Question) Url(endpoint string) string                              { return q.URL(endpoint) }
func (q Ways) LongestURL() int                                             { return q.longestURL() }
func (q Ways) ReturnName() string                                          { return q.ReturnParameter() }

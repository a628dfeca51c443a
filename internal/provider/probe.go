package provider

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

type verdictOfProbe int

const (
	probeFine        verdictOfProbe = iota
	ProbeRefused                    // an error page: the parameters are wrong
	ProbeUnreachable                // nothing, a 5xx, or a circle: no browser goes there
	probeUnknown                    // a name that only browsers may know; whoever wrote it down will know why
)

type probe struct {
	Verdict  verdictOfProbe
	location string // where the answer leads
	at       time.Time
}

const (
	probeTimeout   = 5 * time.Second
	fineProbeFor   = 5 * time.Minute
	failedProbeFor = 30 * time.Second
	MaxProbes      = 256
)

// probe asks for an address as a browser without cookies would. A refusal is
// news for the log, with what to do about it, but not at every logout.
func (p *Provider) Probe(ctx context.Context, address, advice string, fields ...zap.Field) probe {
	p.mu.Lock()
	known, ok := p.Probed[address]
	// A provider that has been in trouble since may be so here, too.
	outdated := p.failure != nil && known.at.Before(p.asked)
	p.mu.Unlock()
	if ok && !outdated && p.env.Now().Sub(known.at) < known.lifetime() {
		return known
	}
	if !p.probes.Allow() {
		return probe{Verdict: probeFine} // a site without a name of its own, and somebody who invents some
	}
	flight := p.flights.DoChan("probe "+address, func() (any, error) {
		own, stop := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer stop()
		fresh := probe{ProbeUnreachable, "", p.env.Now()}
		p.env.Work.Guarded("asking the provider", func() { fresh = p.ask(own, address) })
		if fresh.Verdict != probeFine {
			p.env.Logger().Warn(advice, append(fields, zap.String("provider", p.Name))...)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for known := range p.Probed {
			if len(p.Probed) < MaxProbes {
				break
			}
			delete(p.Probed, known)
		}
		p.Probed[address] = fresh
		return fresh, nil
	})
	select {
	case result := <-flight:
		if fresh, ok := result.Val.(probe); ok {
			return fresh
		}
	case <-ctx.Done():
	}
	return probe{Verdict: ProbeUnreachable}
}

func (b probe) lifetime() time.Duration {
	if b.Verdict == probeFine {
		return fineProbeFor
	}
	return failedProbeFor
}

func (p *Provider) ask(ctx context.Context, address string) probe {
	at := p.env.Now()
	client, err := p.httpClient(ctx, "probe")
	if err != nil {
		return probe{ProbeUnreachable, "", at}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) //nolint:gosec // an endpoint of the configured issuer
	if err != nil {
		return probe{ProbeUnreachable, "", at}
	}
	req.Header.Set("Accept", "text/html")
	res, err := client.Do(req) //nolint:gosec // see above
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return probe{probeUnknown, "", at}
	}
	if err != nil {
		return probe{ProbeUnreachable, "", at}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxDiscarded)) // so that the connection can be used again
	location, err := res.Location()
	switch {
	case res.StatusCode >= 500:
		return probe{ProbeUnreachable, "", at}
	case slices.Contains(notAboutParameters, res.StatusCode):
		return probe{probeFine, "", at}
	case res.StatusCode >= 400:
		return probe{ProbeRefused, "", at}
	case res.StatusCode < 300:
		return probe{probeFine, "", at}
	case err != nil:
		return probe{ProbeRefused, "", at}
	case origin.SameEndpoint(location.String(), address) && len(res.Header["Set-Cookie"]) == 0:
		return probe{ProbeUnreachable, "", at} // a circle; with a cookie it may only try whether we keep one
	}
	return probe{probeFine, location.String(), at}
}

// notAboutParameters are refusals of us who ask, by what protects the provider
// from programs. Browsers may fare better.
var notAboutParameters = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusTooManyRequests}

// endsSessions finds out what of a request the provider accepts: all of it,
// only without the return address, or nothing.
func (p *Provider) EndsSessions(ctx context.Context, m Metadata, e EndSession) (accepted EndSession, ok bool) {
	if m.Ways.HintRequired || e.Client == "" {
		// There is nothing more to learn without a hint, and one would end the
		// session: with the answer, not with the browser.
		alive := p.Probe(ctx, m.EndSession, "the provider's logout is out of order")
		return e, alive.Verdict != ProbeUnreachable && (alive.Verdict != ProbeRefused || m.Ways.HintRequired)
	}
	full := p.tryLogout(ctx, m, e)
	if full != ProbeRefused {
		return e, full != ProbeUnreachable
	}
	bare := e
	bare.ReturnURI = ""
	return bare, p.tryLogout(ctx, m, bare) == probeFine
}

// tryLogout asks for a logout of nobody.
func (p *Provider) tryLogout(ctx context.Context, m Metadata, e EndSession) verdictOfProbe {
	e.Hint, e.State = "", ""
	address, _ := e.Url(m.EndSession, m.Ways)
	answer := p.Probe(ctx, address,
		"the provider refuses a logout with this address to return to: is it registered as a post-logout redirect URI of the client? Until then people stay on the provider's page",
		zap.String("client_id", e.Client), zap.String("post_logout_redirect_uri", e.ReturnURI))
	if answer.Verdict == probeFine && isErrorRedirect(answer.location, e.ReturnURI) {
		return ProbeRefused
	}
	return answer.Verdict
}

// isErrorRedirect: some providers redirect to an error page of theirs.
func isErrorRedirect(location, returnURI string) bool {
	u, err := url.Parse(location)
	return err == nil && location != "" && !origin.SameEndpoint(location, returnURI) &&
		(u.Query().Has("error") || strings.Contains(strings.ToLower(u.Path), "/error"))
}

// answersSilently reports whether the provider redirects a silent question for
// who is signed in back to us, as it must, instead of showing a page.
func (p *Provider) AnswersSilently(ctx context.Context, m Metadata, question AuthRequest) bool {
	question.State, question.Nonce, question.Verifier = probeVerifier, probeVerifier, probeVerifier
	answer := p.Probe(ctx, question.Url(m.Authorization),
		"the provider does not answer prompt=none at our redirect URI: register it for the client, or write just_in_time_hint off; until then it may ask people whether they want to log out",
		zap.String("client_id", question.Client), zap.String("redirect_uri", question.RedirectURI))
	if answer.Verdict != probeFine || !origin.SameEndpoint(answer.location, question.RedirectURI) {
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

package provider

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// verdict of a probe.
type verdict int

const (
	probeFine        verdict = iota
	probeRefused             // an error page: the parameters are wrong
	probeUnreachable         // nothing, a 5xx, or a circle: no browser goes there
	probeUnknown             // a name that only browsers may know; whoever wrote it down will know why
)

// probe is what came of one.
type probe struct {
	verdict  verdict
	location string // where the answer leads
	at       time.Time
}

const (
	probeTimeout   = 5 * time.Second
	fineProbeFor   = 5 * time.Minute
	failedProbeFor = 30 * time.Second
	maxProbes      = 256
)

// probe asks for an address as a browser without cookies would. A refusal is
// news for the log, with what to do about it, but not at every logout.
func (p *Provider) probe(ctx context.Context, address, advice string, fields ...zap.Field) probe {
	if known, ok := p.knownProbe(address); ok {
		return known
	}
	if !p.probes.Allow() {
		return probe{verdict: probeFine} // a site without a name of its own, and somebody who invents some
	}
	answer, ok := once(ctx, &p.flights, "probe "+address, probeTimeout, func(ctx context.Context) any {
		if known, ok := p.knownProbe(address); ok {
			return known // by a flight that ended while we came to this one
		}
		fresh := probe{probeUnreachable, "", p.env.Now()}
		p.env.Work.Guarded("asking the provider", func() { fresh = p.ask(ctx, address) })
		if fresh.verdict != probeFine {
			p.env.Logger().Warn(advice, append(fields, zap.String("provider", p.Name))...)
		}
		p.probed.Put(address, fresh, fresh.at)
		return fresh
	}).(probe)
	if !ok {
		return probe{verdict: probeUnreachable}
	}
	return answer
}

// knownProbe is an answer that still counts.
func (p *Provider) knownProbe(address string) (known probe, ok bool) {
	before, _ := p.probed.Get(address)
	known, ok = before.(probe)
	return known, ok && !p.failedSince(known.at) && p.env.Now().Sub(known.at) < known.lifetime()
}

// failedSince: a provider that has been in trouble since may be so here, too.
func (p *Provider) failedSince(at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure != nil && at.Before(p.asked)
}

func (b probe) lifetime() time.Duration {
	if b.verdict == probeFine {
		return fineProbeFor
	}
	return failedProbeFor
}

func (p *Provider) ask(ctx context.Context, address string) probe {
	at := p.env.Now()
	client, err := p.httpClient(ctx, "probe")
	if err != nil {
		return probe{probeUnreachable, "", at}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) //nolint:gosec // an endpoint of the configured issuer
	if err != nil {
		return probe{probeUnreachable, "", at}
	}
	req.Header.Set("Accept", "text/html")
	res, err := client.Do(req) //nolint:gosec // see above
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return probe{probeUnknown, "", at}
	}
	if err != nil {
		return probe{probeUnreachable, "", at}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxDiscarded)) // so that the connection can be used again
	location, err := res.Location()
	switch {
	case res.StatusCode >= 500:
		return probe{probeUnreachable, "", at}
	case slices.Contains(notAboutParameters, res.StatusCode):
		return probe{probeFine, "", at}
	case res.StatusCode >= 400:
		return probe{probeRefused, "", at}
	case res.StatusCode < 300:
		return probe{probeFine, "", at}
	case err != nil:
		return probe{probeRefused, "", at}
	case origin.SameEndpoint(location.String(), address) && len(res.Header["Set-Cookie"]) == 0:
		return probe{probeUnreachable, "", at} // a circle; with a cookie it may only try whether we keep one
	}
	return probe{probeFine, location.String(), at}
}

// notAboutParameters are refusals of us who ask, by what protects the provider
// from programs. Browsers may fare better.
var notAboutParameters = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusTooManyRequests}

package provider

import (
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Status is what operators may know of a provider: nothing secret.
type Status struct {
	Name      string            `json:"name"`
	Issuer    string            `json:"issuer,omitempty"`
	Portal    string            `json:"portal,omitempty"` // where it is, for one without issuer
	Asked     *time.Time        `json:"asked,omitempty"`  // when its metadata was last asked for
	Endpoints map[string]string `json:"endpoints,omitempty"`
	LastError string            `json:"last_error,omitempty"`
}

// Status asks nobody.
func (p *Provider) Status() Status {
	if p.IsPortal() {
		return Status{Name: p.Name, Portal: p.Host(origin.Origin{})}
	}
	p.mu.Lock()
	known, asked, failure := p.metadata, p.asked, p.failure
	p.mu.Unlock()
	if known.Issuer == "" {
		known = p.env.Seen().of(p.Issuer)
	}
	s := Status{Name: p.Name, Issuer: p.Issuer, Endpoints: make(map[string]string)}
	m := p.override(known)
	for name, address := range map[string]string{
		"end_session": m.EndSession, "revocation": m.Revocation, "jwks": m.JWKS, "authorization": m.Authorization, "token": m.Token,
	} {
		if address != "" {
			s.Endpoints[name], _, _ = strings.Cut(address, "?")
		}
	}
	if !asked.IsZero() {
		s.Asked = &asked
	}
	if failure != nil {
		s.LastError = shorten(failure.Error())
	}
	return s
}

func shorten(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

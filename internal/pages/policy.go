package pages

import (
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Referrer is the page's Referrer-Policy. no-referrer would make the Origin of a
// form null (BR-07), and null is nobody we log out for.
func (p Page) Referrer() string {
	switch {
	case p.Form != nil && p.Form.Origin != "":
		return "strict-origin" // the next site must see where the form was
	case p.Form != nil:
		return "same-origin"
	}
	return "no-referrer"
}

// policy is the page's Content-Security-Policy.
func (p Page) policy() string {
	nonce := "'nonce-" + p.Nonce + "'"
	forms := []string{"'none'"}
	switch {
	case p.Form != nil && p.Form.Origin != "":
		forms[0] = p.Form.Origin
		for _, s := range p.Stops {
			if to := s.Origin.String(); !slices.Contains(forms, to) {
				forms = append(forms, to)
			}
		}
	case p.Form != nil:
		forms[0] = "'self'"
	}
	policy := "default-src 'none'; style-src " + nonce + "; script-src " + nonce + "; base-uri 'none'; frame-ancestors 'none'; form-action " + strings.Join(forms, " ")
	if connect := p.connects(); connect != "" {
		policy += "; connect-src " + connect
	}
	return policy
}

// maxConnects is how many bytes of origins stand in the policy. Many proxies in
// front of us buffer 4 KB of header; beyond, registrable domains do.
const maxConnects = 1200

// connects are the sources that the page's script may fetch from.
func (p Page) connects() string {
	var sources []string
	add := func(source string) {
		if !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
	if p.EvictFrom != "" {
		add("'self'")
	}
	addresses := slices.Clone(p.Calls)
	if p.Over != "" {
		addresses = append(addresses, p.Over)
	}
	for _, a := range p.Asks {
		addresses = append(addresses, a.URL)
	}
	for _, s := range p.Stops {
		addresses = append(addresses, s.Site)
	}
	for _, address := range addresses {
		add(origin.Parse(address).String())
	}
	exact := strings.Join(sources, " ")
	if len(exact) <= maxConnects {
		return exact
	}
	sources = nil
	for _, address := range addresses {
		o := origin.Parse(address)
		domain := origin.Registrable(o.Hostname())
		if domain == "" {
			add(o.String())
			continue
		}
		add(o.Scheme + "://" + domain + origin.PortSuffix(o))
		add(o.Scheme + "://*." + domain + origin.PortSuffix(o))
	}
	return strings.Join(sources, " ")
}

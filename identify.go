package universallogout

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/universal-logout/caddy-universal-logout/internal/identify"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// Identify is how the edge learns whose session a cookie is. An administrator
// or the provider can then have all sessions of a person refused, wherever
// they are. One of the three can be chosen.
type Identify struct {
	// The session cookies are JWTs and say it themselves, in their claims
	// `iss`, `sid`, `sub` and `iat`. Nothing is stored.
	JWT bool `json:"jwt,omitempty"`

	// The request header in which an auth layer on this site, behind
	// universal_logout, names the user: `Remote-User` for `forward_auth` with
	// `copy_headers Remote-User`. What clients send in it is deleted first, so
	// it cannot be one that a proxy in front of Caddy sets.
	Header string `json:"header,omitempty"`

	// The placeholder that has the user's name when the request was answered:
	// `{http.auth.user.id}` of `basic_auth` and other authentication modules,
	// or one of `{http.auth.user.*}` and `{http.vars.*}`. If a proxy in front
	// of Caddy authenticates: `{http.request.header.X-Forwarded-User}`, which
	// counts in requests from `trusted_proxies` only.
	//
	// The user's name is the `sub` to revoke, for this and for `header`. The
	// `issuer` is that of the site's provider; without one it is `group:` and
	// the name of the site's group, as in `group:default`.
	Placeholder string `json:"placeholder,omitempty"`
}

// Everything else is what clients, apps or nobody says, or like
// http.auth.candidate.* who somebody claims to be.
var identityPlaceholders = []string{"http.auth.user.", "http.vars.", identify.HeaderPlaceholder}

func (h *Handler) compileIdentify() error {
	if h.run.identity = nil; h.Identify == nil {
		return nil
	}
	id, err := h.Identify.compile()
	if err != nil {
		return fmt.Errorf("identify: %w", err)
	}
	if id != nil && id.Header != "" && !id.InFront && h.Role == roleApp {
		return errors.New("identify header: in a block it comes too late, for the auth layer may stand before the block and what it has set would be deleted; write it at the top level of the site")
	}
	if id != nil {
		id.Sessions, id.Issuer, id.Now = h.run.sessions, h.issuerOfUsers, h.edge.clock
		id.List = func() *revocation.List { return h.edge.process.revocations.list.Load() }
		id.Logger = func() *zap.Logger { return h.logger }
	}
	h.run.identity = id
	return nil
}

// compile returns nil for JWTs: they are read when something is refused.
func (i *Identify) compile() (*identify.Source, error) {
	switch {
	case i.Header != "" && i.Placeholder != "", i.JWT && i.Header+i.Placeholder != "":
		return nil, errors.New("jwt, header and placeholder are three ways to the same; write one of them")
	case i.JWT:
		return nil, nil
	case i.Header != "":
		name, err := identityHeader(i.Header)
		return &identify.Source{Header: name}, err
	case i.Placeholder != "":
		return compilePlaceholder(i.Placeholder)
	}
	return nil, errors.New("write jwt, or the name of a header or placeholder")
}

func compilePlaceholder(placeholder string) (id *identify.Source, err error) {
	name := strings.TrimSuffix(strings.TrimPrefix(placeholder, "{"), "}")
	known := slices.ContainsFunc(identityPlaceholders, func(p string) bool { return strings.HasPrefix(name, p) && len(name) > len(p) })
	if !known || len(placeholder)-len(name) == 1 || strings.ContainsAny(name, "{} ") {
		return nil, fmt.Errorf("placeholder %q is none that an auth layer sets; write one like {http.auth.user.id}, or {http.vars.user}", placeholder)
	}
	id = &identify.Source{Placeholder: name}
	if header, is := strings.CutPrefix(name, identify.HeaderPlaceholder); is {
		id.InFront = true
		id.Header, err = identityHeader(header)
	}
	return id, err
}

func identityHeader(name string) (string, error) {
	canonical := http.CanonicalHeaderKey(name)
	if !httpguts.ValidHeaderFieldName(name) {
		return "", fmt.Errorf("header %q: the name has characters that no header can carry", name)
	}
	if slices.Contains(refusedHeaders, canonical) || slices.Contains(headersOfClients, canonical) || strings.HasPrefix(canonical, "Sec-") || strings.HasPrefix(canonical, "Proxy-") {
		return "", fmt.Errorf("header %s: is never what an auth layer says about the user; write one like Remote-User", canonical)
	}
	return canonical, nil
}

// headersOfClients are what apps need as clients wrote them.
var headersOfClients = []string{
	"Authorization", "Accept", "Accept-Language", "Content-Type", "Content-Encoding", "Origin", "Referer", "User-Agent",
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Requested-With",
}

// issuerOfUsers is whose users the auth layer names. No issuer's URL begins like a
// group's.
func (h *Handler) issuerOfUsers() string {
	if p := h.run.provider; p != nil && p.Issuer != "" {
		return p.Issuer
	}
	return "group:" + h.edge.groupOf(h)
}

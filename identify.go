package universallogout

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/universal-logout/caddy-universal-logout/internal/inbound"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddyserver/caddy/v2"
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

// identity is what an auth layer says about the user of a request.
type identity struct {
	h           *Handler
	header      string // canonical; "": it is in the placeholder
	inFront     bool   // the header is set by a trusted proxy
	placeholder string // without braces

	budget  bindingBudget
	deleted sync.Once // told that a trusted proxy sets the header
	failed  sync.Once // told that a cookie was not bound
}

const headerPlaceholder = "http.request.header."

// Everything else is what clients, apps or nobody says, or like
// http.auth.candidate.* who somebody claims to be.
var identityPlaceholders = []string{"http.auth.user.", "http.vars.", headerPlaceholder}

func (h *Handler) compileIdentify() error {
	if h.identity = nil; h.Identify == nil {
		return nil
	}
	id, err := h.Identify.compile()
	if err != nil {
		return fmt.Errorf("identify: %w", err)
	}
	if id != nil && id.header != "" && !id.inFront && h.Role == roleApp {
		return errors.New("identify header: in a block it comes too late, for the auth layer may stand before the block and what it has set would be deleted; write it at the top level of the site")
	}
	if id != nil {
		id.h = h
	}
	h.identity = id
	return nil
}

// compile returns nil for JWTs: they are read when something is refused.
func (i *Identify) compile() (*identity, error) {
	switch {
	case i.Header != "" && i.Placeholder != "", i.JWT && i.Header+i.Placeholder != "":
		return nil, errors.New("jwt, header and placeholder are three ways to the same; write one of them")
	case i.JWT:
		return nil, nil
	case i.Header != "":
		name, err := identityHeader(i.Header)
		return &identity{header: name}, err
	case i.Placeholder != "":
		return compilePlaceholder(i.Placeholder)
	}
	return nil, errors.New("write jwt, or the name of a header or placeholder")
}

func compilePlaceholder(placeholder string) (id *identity, err error) {
	name := strings.TrimSuffix(strings.TrimPrefix(placeholder, "{"), "}")
	known := slices.ContainsFunc(identityPlaceholders, func(p string) bool { return strings.HasPrefix(name, p) && len(name) > len(p) })
	if !known || len(placeholder)-len(name) == 1 || strings.ContainsAny(name, "{} ") {
		return nil, fmt.Errorf("placeholder %q is none that an auth layer sets; write one like {http.auth.user.id}, or {http.vars.user}", placeholder)
	}
	id = &identity{placeholder: name}
	if header, is := strings.CutPrefix(name, headerPlaceholder); is {
		id.inFront = true
		id.header, err = identityHeader(header)
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

// forget deletes what the client says about itself: an auth layer that denies
// would leave it there, and so would a path without one.
func (id *identity) forget(r *http.Request) {
	if id.header == "" || id.inFront || r.Header[id.header] == nil {
		return
	}
	delete(r.Header, id.header)
	if inbound.IsFromTrustedProxy(r) {
		id.deleted.Do(func() {
			id.h.logger.Warn("identify header is about an auth layer behind universal_logout: what a trusted proxy sends in it is deleted; "+
				"if that one authenticates, write identify placeholder {"+headerPlaceholder+id.header+"}", zap.String("header", id.header))
		})
	}
}

// subjectOf is the user whom the auth layer has named by now, or "".
func (id *identity) subjectOf(r *http.Request) (sub string) {
	switch {
	case id.inFront && !inbound.IsFromTrustedProxy(r):
	case id.header != "":
		if values := r.Header[id.header]; len(values) == 1 { // of two, each could be the client's
			sub = values[0]
		}
	default:
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			sub, _ = repl.GetString(id.placeholder)
		}
	}
	if !isSubject(sub) {
		return ""
	}
	return sub
}

func isSubject(sub string) bool {
	return sub != "" && len(sub) <= maxClaim && utf8.ValidString(sub) && !strings.ContainsFunc(sub, func(c rune) bool { return !unicode.IsPrint(c) })
}

// issuer is whose users the auth layer names. No issuer's URL begins like a
// group's.
func (id *identity) issuer() string {
	if p := id.h.provider; p != nil && p.Issuer != "" {
		return p.Issuer
	}
	return "group:" + id.h.app.groupOf(id.h)
}

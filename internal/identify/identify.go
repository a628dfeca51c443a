// Package identify learns from an auth layer whose session a cookie is, so that
// all sessions of a person can be refused.
package identify

import (
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// Source is what an auth layer says about the user of a request.
type Source struct {
	Header      string // canonical; "": it is in the placeholder
	InFront     bool   // the header is set by a trusted proxy
	Placeholder string // without braces

	Sessions *cookie.Rules
	Issuer   func() string           // whose users the auth layer names
	List     func() *revocation.List // nil until it is open
	Now      func() time.Time
	Logger   func() *zap.Logger

	budget  bindingBudget
	deleted sync.Once // told that a trusted proxy sets the header
	failed  sync.Once // told that a cookie was not bound
}

// HeaderPlaceholder begins a placeholder that stands for a header.
const HeaderPlaceholder = "http.request.header."

// MaxClaim: what is longer is no sub (OpenID Core 2), and no sid.
const MaxClaim = 255

// Forget deletes what the client says about itself: an auth layer that denies
// would leave it there, and so would a path without one.
func (id *Source) Forget(r *http.Request) {
	if id.Header == "" || id.InFront || r.Header[id.Header] == nil {
		return
	}
	delete(r.Header, id.Header)
	if inbound.IsFromTrustedProxy(r) {
		id.deleted.Do(func() {
			id.Logger().Warn("identify header is about an auth layer behind universal_logout: what a trusted proxy sends in it is deleted; "+
				"if that one authenticates, write identify placeholder {"+HeaderPlaceholder+id.Header+"}", zap.String("header", id.Header))
		})
	}
}

// subjectOf is the user whom the auth layer has named by now, or "".
func (id *Source) subjectOf(r *http.Request) (sub string) {
	switch {
	case id.InFront && !inbound.IsFromTrustedProxy(r):
	case id.Header != "":
		if values := r.Header[id.Header]; len(values) == 1 { // of two, each could be the client's
			sub = values[0]
		}
	default:
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			sub, _ = repl.GetString(id.Placeholder)
		}
	}
	if !isSubject(sub) {
		return ""
	}
	return sub
}

func isSubject(sub string) bool {
	return sub != "" && len(sub) <= MaxClaim && utf8.ValidString(sub) && !strings.ContainsFunc(sub, func(c rune) bool { return !unicode.IsPrint(c) })
}

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

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// Source is where an auth layer says who the user of a request is. What is a
// function may change while the source is in use.
type Source struct {
	Header      string // canonical; "": the user stands in the placeholder
	InFront     bool   // a trusted proxy sets the header
	Placeholder string // without braces

	Sessions *cookie.Rules           // which cookies are sessions
	Issuer   func() string           // whose users the auth layer names
	List     func() *revocation.List // gets the bindings; nil until it is open
	Now      func() time.Time
	Logger   func() *zap.Logger

	budget  bindingBudget
	deleted sync.Once // told that a trusted proxy sets the header
	failed  sync.Once // told that a cookie was not bound
}

// HeaderPlaceholder begins a placeholder that stands for a header.
const HeaderPlaceholder = "http.request.header."

// MaxClaim is the most bytes of a sub (OpenID Core 2), and of a sid.
const MaxClaim = 255

// Forget deletes what the client says about itself: an auth layer that denies
// would leave it there, and so would a path without one.
func (src *Source) Forget(r *http.Request) {
	if src.Header == "" || src.InFront || r.Header[src.Header] == nil {
		return
	}
	delete(r.Header, src.Header)
	if inbound.IsFromTrustedProxy(r) {
		src.deleted.Do(func() {
			src.Logger().Warn("identify header is about an auth layer behind universal_logout: what a trusted proxy sends in it is deleted; "+
				"if that one authenticates, write identify placeholder {"+HeaderPlaceholder+src.Header+"}", zap.String("header", src.Header))
		})
	}
}

// subjectOf is the user whom the auth layer has named by now, or "".
func (src *Source) subjectOf(r *http.Request) (sub string) {
	switch {
	case src.InFront && !inbound.IsFromTrustedProxy(r):
	case src.Header != "":
		if values := r.Header[src.Header]; len(values) == 1 { // of two, each could be the client's
			sub = values[0]
		}
	default:
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			sub, _ = repl.GetString(src.Placeholder)
		}
	}
	if !isSubject(sub) {
		return ""
	}
	return sub
}

// isSubject reports whether a text may be the name of a user.
func isSubject(sub string) bool {
	return sub != "" && len(sub) <= MaxClaim && utf8.ValidString(sub) && !strings.ContainsFunc(sub, func(c rune) bool { return !unicode.IsPrint(c) })
}

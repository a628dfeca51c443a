package universallogout

import (
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"
)

// answerVerdict answers a request that the guard does not let through.
func (h *Handler) answerVerdict(w http.ResponseWriter, r *http.Request, verdict guard.Verdict, own origin.Origin) error {
	switch verdict {
	case guard.Speculative:
		return pages.WriteComeAgain(w)
	case guard.Ask:
		return pages.Write(w, http.StatusOK, pages.Confirmation(r, own, ""))
	case guard.NotAllowed:
		w.Header().Set("Allow", strings.Join(append([]string{http.MethodHead, http.MethodOptions}, guard.LogoutMethods...), ", "))
		return h.refuse(w, r, http.StatusMethodNotAllowed)
	case guard.RefuseAsk:
		if !guard.CallerOf(r).Navigation {
			return h.refuse(w, r, http.StatusForbidden)
		}
		h.logRefused(r, http.StatusForbidden)
		if guard.WithholdsReferrer(r) {
			return h.answerAgain(w, r, http.StatusForbidden)
		}
		return pages.Write(w, http.StatusForbidden, pages.Confirmation(r, own, ""))
	case guard.Refuse, guard.Logout, guard.Pass:
	}
	return h.refuse(w, r, http.StatusForbidden)
}

// mayHaveSession reports whether anything in the request could be a session
// that only the app knows: those logouts are never counted.
func (l *logout) mayHaveSession(r *http.Request) bool {
	return len(l.presented) > 0 || r.Header.Get("Authorization") != "" || l.h.run.sessions.MayBeIn(r.Header["Cookie"])
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, status int) error {
	h.logRefused(r, status)
	return pages.WriteError(w, r, status)
}

// logRefused names nothing of the request that may hold a credential: no
// header, no query, no ;parameter of the path.
func (h *Handler) logRefused(r *http.Request, status int) {
	shown, _, _ := strings.Cut(r.URL.Path, ";")
	h.logger.Warn("refused a request",
		zap.String("host", r.Host), zap.String("method", r.Method), zap.String("path", shown),
		zap.Int("status", status), zap.String("client_ip", inbound.ClientIP(r)),
		zap.String("sec_fetch_site", guard.SoleValue(r.Header, "Sec-Fetch-Site")),
		zap.String("sec_fetch_dest", guard.SoleValue(r.Header, "Sec-Fetch-Dest")))
}

// againCookie is set by the page that repeats a request by itself: see
// internal/pages/script.html.
const againCookie = cookie.BrowserCookie + "-again"

// answerAgain lets a page of ours repeat the request, fields and all, because
// the browser left something out that we need: cookies, which SameSite keeps
// back when another site starts a logout that it may start (BR-06), or
// the origin, on pages that withhold their referrer (BR-07).
//
// It does so by itself once in a while only: whoever takes the Referrer-Policy
// from our page too would have it repeated for ever.
func (h *Handler) answerAgain(w http.ResponseWriter, r *http.Request, status int) error {
	fields := ""
	if !guard.IsSafe(r.Method) {
		body, _ := appcall.BufferBody(w, r, time.Duration(h.edge.Timeout))
		contentType := r.Header.Get("Content-Type")
		if fields = string(body); !strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
			fields = returnurl.BodyValues(contentType, body).Encode()
		}
	}
	if cookie.Value(r.Header["Cookie"], againCookie) != "" {
		return pages.Write(w, status, pages.Confirmation(r, inbound.Origin(r), fields))
	}
	return pages.Write(w, status, pages.Again(r, fields))
}

// Apps take more for a logout than paths names: what follows a script's name
// (PATH_INFO), a format at the end of a path (/logout.json), the same query at
// another path (front controllers) or in a form, another method that a form
// field makes the right one. Such requests go on to the app as they are, if they
// come from a page that may log out; from elsewhere they are refused like the
// logout itself. A guard that can be passed by is none.

// bodyIsLookalike looks into a form from elsewhere. One that is too long to be read
// is taken for the worst.
func (h *Handler) bodyIsLookalike(w http.ResponseWriter, r *http.Request) bool {
	contentType := r.Header.Get("Content-Type")
	if _, isForm := returnurl.FormFields(contentType, nil); !isForm {
		return false
	}
	body, whole, _ := appcall.PeekBody(w, r, time.Duration(h.edge.Timeout))
	fields, _ := returnurl.FormFields(contentType, body)
	return !whole || h.run.rules.BodyMakesLogout(r, fields)
}

// serveLookalike refuses what comes from elsewhere. It reports whether it did.
func (h *Handler) serveLookalike(w http.ResponseWriter, r *http.Request) (refused bool, err error) {
	near, inBody := h.run.rules.Lookalike(r)
	if !near && !inBody || nested.IsOwnCall(r) {
		return false, nil
	}
	if !near && guard.IsOwnForm(r) || guard.IsOwnResource(r) {
		return false, nil
	}
	own := inbound.Origin(r)
	verdict := guard.Check(r, own, h.edge.friends(r, own, h), h.AllowCrossSite)
	if verdict == guard.Logout || verdict == guard.Pass || verdict == guard.NotAllowed {
		return false, nil
	}
	if !near && !h.bodyIsLookalike(w, r) {
		return false, nil
	}
	return true, h.answerVerdict(w, r, verdict, own)
}

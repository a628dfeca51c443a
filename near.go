package universallogout

import (
	"net/http"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"

	"github.com/universal-logout/caddy-universal-logout/internal/inbound"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
)

// Apps take more for a logout than paths names: what follows a script's name
// (PATH_INFO), a format at the end of a path (/logout.json), the same query at
// another path (front controllers) or in a form, another method that a form
// field makes the right one. Such requests go on to the app as they are, if they
// come from a page that may log out; from elsewhere they are refused like the
// logout itself. A guard that can be passed by is none.

// bodyIsNear looks into a form from elsewhere. One that is too long to be read
// is taken for the worst.
func (h *Handler) bodyIsNear(w http.ResponseWriter, r *http.Request) bool {
	contentType := r.Header.Get("Content-Type")
	if _, isForm := returnurl.FormFields(contentType, nil); !isForm {
		return false
	}
	body, whole, _ := appcall.PeekBody(w, r, time.Duration(h.app.Timeout))
	fields, _ := returnurl.FormFields(contentType, body)
	return !whole || h.rules.BodyMakesLogout(r, fields)
}

// serveNear refuses what comes from elsewhere. It reports whether it did.
func (h *Handler) serveNear(w http.ResponseWriter, r *http.Request) (refused bool, err error) {
	near, inBody := h.rules.Near(r)
	if !near && !inBody || nested.IsOwnCall(r) {
		return false, nil
	}
	if !near && guard.IsOwnForm(r) || guard.IsOwnResource(r) {
		return false, nil
	}
	own := inbound.Origin(r)
	verdict := guard.Check(r, own, h.app.friends(r, own, h), h.AllowCrossSite)
	if verdict == guard.Logout || verdict == guard.Pass || verdict == guard.NotAllowed {
		return false, nil
	}
	if !near && !h.bodyIsNear(w, r) {
		return false, nil
	}
	return true, h.answerVerdict(w, r, verdict, own)
}

package universallogout

import (
	"net/http"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// One answer has room for some expirations only. What is left goes with
// further answers at the logout's own path, because only there the browser
// shows cookies that are limited to the app's path. Each looks at what is still
// presented: what the lines so far have deleted needs no more of them.

// asksForSweep is the cheap question whether r may be a sweep.
func asksForSweep(r *http.Request) bool {
	return strings.HasPrefix(r.URL.RawQuery, logoutpath.OwnParameter+"=")
}

// answerSweep gives the next expirations. It never reaches the app.
func (a *App) answerSweep(w http.ResponseWriter, r *http.Request, own origin.Origin, sweep journey.Sweep) error {
	if guard.IsSpeculative(r.Header) {
		return pages.WriteComeAgain(w)
	}
	lines, left := sweep.Rest.Expire(r.Header["Cookie"], own)
	for _, line := range lines {
		w.Header().Add("Set-Cookie", line)
	}
	next := a.seals.AfterSweeps(sweep)
	if sweep.Rest = left; left != nil {
		next = a.seals.SweepURL(sweep)
	} else if sweep.Landing == nil {
		w.Header().Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, "", 0))
	}
	if left != nil && left.NeedsPage() {
		return pages.Write(w, http.StatusOK, pages.Going(next))
	}
	return pages.Redirect(w, next)
}

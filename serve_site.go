package universallogout

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

const (
	// siteLimit is what one site may cost a tour. Our own answer needs the rest
	// of the two seconds.
	siteLimit = 1800 * time.Millisecond

	maxTourBody = 64 << 10
)

// serveThisSite ends the app at the root of the site. Apps below a path are
// asked for below it: see asksForSite.
func (h *Handler) serveThisSite(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return h.serveSite(w, r, next, "")
}

// serveSite is one site's part of a tour, asked for by the script of a hop page
// on this site or one that is same-site with it.
func (h *Handler) serveSite(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, base string) error {
	if guard.IsSpeculative(r.Header) {
		return pages.WriteComeAgain(w)
	}
	if r.Method != http.MethodPost {
		if page := origin.Parse(guard.SoleValue(r.Header, "Origin")); r.Method == http.MethodGet && h.edge.serves(page) {
			// That it is us who answer is all that the page before wants to know.
			pages.SetHeaders(w.Header())
			w.Header().Set("Access-Control-Allow-Origin", page.String())
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		w.Header().Set("Allow", http.MethodPost)
		return h.answerError(w, r, http.StatusMethodNotAllowed)
	}
	token, said, _ := strings.Cut(readTourBody(w, r), "\n")
	own := inbound.Origin(r)
	t, it, ok := h.edge.openTour(token)
	at := -1
	if ok {
		at = it.At(own)
	}
	// Not by a preflight: WebKit sends none behind a service worker.
	if at < 0 || !guard.MayAsk(r, it.Stops[t.At].Origin) || it.Stops[at].Domain != it.Stops[t.At].Domain {
		return h.answerError(w, r, http.StatusForbidden)
	}
	s := &it.Stops[at]
	hdr := w.Header()
	pages.SetHeaders(hdr)
	hdr.Set("Access-Control-Allow-Origin", it.Stops[t.At].Origin.String())
	hdr.Set("Access-Control-Allow-Credentials", "true")
	hdr.Set("Cross-Origin-Resource-Policy", "same-site")
	hdr.Set("Content-Type", "text/plain; charset=utf-8")
	if at == t.At {
		hdr.Add("Set-Cookie", cookie.Own(own, hopCookie, "", 0))
	}
	if said == tour.SaidOver {
		if at == it.Hub {
			hdr.Add("Set-Cookie", journey.ForgetTour(own))
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	i := slices.Index(s.Bases, base)
	if i < 0 {
		return h.answerError(w, r, http.StatusNotFound)
	}
	if at == it.Hub && at > 0 && base == s.Bases[0] && !t.Cookies && t.GoesOn(&it) {
		hdr.Add("Set-Cookie", h.edge.seals.RememberTour(own, &t))
	}
	h.edge.forgetOlder(hdr, r, own, &t)
	turn := h.turnsAt(r, own, t, &it, s)[i]
	var report tour.Report
	switch {
	case t.Cookies:
		report = turn.passCookies(hdr)
	case said != "":
		report = turn.expireMore(hdr, said)
	default:
		report = turn.report(hdr, turn.begin(next)())
	}
	status := http.StatusOK
	if report.Leftover != nil {
		status = http.StatusAccepted // there is more to expire: ask again, with this report
	}
	body := h.edge.seals.SealReport(report)
	w.WriteHeader(status)
	_, err := io.WriteString(w, body)
	return pages.IgnoreGone(err)
}

// asksForSite reads the address of an app's part below its own path, which
// cookies are sent to that are limited to it.
func asksForSite(r *http.Request) (base string, ok bool) {
	u := inbound.URL(r)
	if u.RawQuery != logoutpath.OwnParameter+"=site" || r.Method != http.MethodPost || !origin.IsPlainPath(u.Path) {
		return "", false
	}
	return strings.TrimSuffix(u.Path, "/"), true
}

// readTourBody reads what a page of a tour sends. Whoever sends slowly waits for
// nobody but itself.
func readTourBody(w http.ResponseWriter, r *http.Request) string {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(siteLimit)) // not all writers can
	body, err := io.ReadAll(io.LimitReader(r.Body, maxTourBody+1))
	_ = rc.SetReadDeadline(time.Time{})
	if err != nil || len(body) > maxTourBody {
		return ""
	}
	return string(body)
}

package universallogout

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/finalheader"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"
)

// marker is the cookie left with a browser whose logout was answered to a
// script while something is still to be done: the next page it opens goes on
// with it.
func (l *logout) marker(j journey.Journey) string {
	line, ok := l.h.edge.seals.SealMarker(l.own, j, journey.MarkerLifetime)
	if !ok {
		return journey.DropMarker(l.own)
	}
	return line
}

// serveMarked continues a logout, or drops the marker and lets the page be.
func (h *Handler) serveMarked(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	own := inbound.Origin(r)
	q := r.URL.Query()
	loginReturns := q.Has("code") && q.Has("state")
	if nested.IsContinued(r) {
		return next.ServeHTTP(w, r) // the site's handler in front of us has decided
	}
	nested.SetContinued(r)
	if loginReturns || guard.IsSpeculative(r.Header) || guard.SoleValue(r.Header, "Sec-Fetch-Dest") != "document" {
		return next.ServeHTTP(w, r)
	}
	drop := journey.DropMarker(own)
	page, err := returnurl.Target(inbound.URL(r).RequestURI(), own, nil)
	if err != nil {
		return next.ServeHTTP(w, r) // no address to come back to: the next page continues
	}
	j, ok := h.edge.seals.OpenMarker(r, own)
	if ok && j.IsAway(inbound.URL(r).Path) {
		if h.edge.seals.IsRecent(j.Sweep.Made, journey.MarkerLifetime) || j.Sweep.IsLast() {
			return next.ServeHTTP(w, r) // another tab, while the first is at the provider
		}
		// It may never come back: what is left to expire is due (RPI-31).
		j.Visit, j.Tour, j.Sweep.Landing = nil, nil, nil
	}
	if !ok || h.signedInAgain(j, r) {
		return next.ServeHTTP(finalheader.New(w, func(hdr http.Header) { hdr.Add("Set-Cookie", drop) }), r)
	}
	if j.Visit == nil && j.Tour == nil {
		sweep := j.Sweep
		sweep.Page, sweep.Browser = page, rand.Text()
		w.Header().Add("Set-Cookie", drop)
		w.Header().Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, sweep.Browser, journey.MarkerLifetime))
		return pages.Redirect(w, h.edge.seals.SweepURL(sweep))
	}
	done := *j.Sweep.Landing
	done.Target, done.GoesOn = page, done.Outcome != outcome.Failed
	j.Sweep.Landing = &done
	if j.Tour != nil {
		return h.beginTour(w, r, own, j)
	}
	if j.Visit.Stage == "" {
		return h.serveDeparture(w, r, own, j)
	}
	// Back from the provider at an address of the app's own.
	if j.Visit.HasState {
		st, sealed := h.edge.seals.OpenState(q.Get("state"))
		if !sealed || !j.IsAbout(st, own) {
			return next.ServeHTTP(w, r) // RPI-33: the same page, in another tab
		}
		done.Target = withoutState(page)
	} else {
		switch guard.SoleValue(r.Header, "Sec-Fetch-Site") {
		case "cross-site", "same-site":
			j = j.Unproven()
		default:
			return next.ServeHTTP(w, r) // a click here is no way back from there
		}
	}
	return pages.Redirect(w, h.edge.endVisit(w.Header(), own, j, journey.VisitEnd{SignOn: journey.SignOnEnded}))
}

// withoutState takes our own parameter out of an address of the app.
func withoutState(page string) string {
	u, err := url.Parse(page)
	if err != nil {
		return page
	}
	q := u.Query()
	q.Del("state")
	u.RawQuery = q.Encode()
	return u.String()
}

// signedInAgain reports whether a session is presented that was not there at
// the logout: a fresh login is never touched.
func (h *Handler) signedInAgain(j journey.Journey, r *http.Request) bool {
	if j.Sweep.Leftover == nil {
		return false
	}
	return slices.ContainsFunc(j.Sweep.Leftover.Since(r.Header["Cookie"], j.Seen), func(c cookie.Cookie) bool {
		return h.run.sessions.Is(c.Name, c.Value)
	})
}

// serveDeparture begins a visit from a page that the browser opened.
func (h *Handler) serveDeparture(w http.ResponseWriter, r *http.Request, own origin.Origin, j journey.Journey) error {
	ctx, stop := h.edge.within(r)
	defer stop()
	w.Header().Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, j.Sweep.Browser, journey.LandingLifetime))
	next := h.edge.toProvider(ctx, w.Header(), own, j)
	return pages.RedirectSecret(w, r, next)
}

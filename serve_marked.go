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
func (l *logout) marker(rest journey.Journey) string {
	line, ok := l.h.app.seals.Marker(l.own, rest, journey.MarkerLifetime)
	if !ok {
		return cookie.Own(l.own, journey.MarkerCookie, "", 0)
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
	drop := cookie.Own(own, journey.MarkerCookie, "", 0)
	page, err := returnurl.Target(inbound.URL(r).RequestURI(), own, nil)
	if err != nil {
		return next.ServeHTTP(w, r) // no address to come back to: the next page continues
	}
	rest, ok := h.app.seals.OpenMarker(r, own)
	if ok && rest.IsAway(inbound.URL(r).Path) {
		if h.app.seals.IsRecent(rest.Sweep.Made, journey.MarkerLifetime) || rest.Sweep.IsLast() {
			return next.ServeHTTP(w, r) // another tab, while the first is at the provider
		}
		// It may never come back: what is left to expire is due (RPI-31).
		rest.Visit, rest.Tour, rest.Sweep.Landing = nil, nil, nil
	}
	if !ok || h.signedInAgain(rest, r) {
		return next.ServeHTTP(finalheader.New(w, func(_ int, hdr http.Header) { hdr.Add("Set-Cookie", drop) }), r)
	}
	if rest.Visit == nil && rest.Tour == nil {
		rd := rest.Sweep
		rd.Page, rd.Browser = page, rand.Text()
		w.Header().Add("Set-Cookie", drop)
		w.Header().Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, rd.Browser, journey.MarkerLifetime))
		return pages.Redirect(w, h.app.seals.SweepURL(rd))
	}
	done := *rest.Sweep.Landing
	done.Target, done.GoOn = page, done.Outcome != outcome.Failed
	rest.Sweep.Landing = &done
	if rest.Tour != nil {
		return h.beginTour(w, r, own, rest)
	}
	if rest.Visit.Stage == "" {
		return h.leave(w, r, own, rest)
	}
	// Back from the provider at an address of the app's own.
	if rest.Visit.Stateful {
		st, sealed := h.app.seals.OpenState(q.Get("state"))
		if !sealed || !rest.IsAbout(st, own) {
			return next.ServeHTTP(w, r) // RPI-33: the same page, in another tab
		}
		done.Target = withoutState(page)
	} else {
		switch guard.SoleValue(r.Header, "Sec-Fetch-Site") {
		case "cross-site", "same-site":
			rest = unproven(rest)
		default:
			return next.ServeHTTP(w, r) // a click here is no way back from there
		}
	}
	return pages.Redirect(w, h.app.arrive(w.Header(), own, rest, journey.VisitEnd{Outcome: journey.ProviderEnded}))
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
func (h *Handler) signedInAgain(rest journey.Journey, r *http.Request) bool {
	if rest.Sweep.Rest == nil {
		return false
	}
	return slices.ContainsFunc(rest.Sweep.Rest.Since(r.Header["Cookie"], rest.Seen), func(c cookie.Cookie) bool {
		return h.sessions.Is(c.Name, c.Value)
	})
}

// leave begins a visit from a page that the browser opened.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, own origin.Origin, rest journey.Journey) error {
	ctx, stop := h.app.within(r)
	defer stop()
	w.Header().Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, rest.Sweep.Browser, journey.LandingLifetime))
	next := h.app.depart(ctx, w.Header(), own, rest)
	return pages.RedirectSecret(w, r, next)
}

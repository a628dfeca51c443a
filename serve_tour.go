package universallogout

import (
	"net/http"
	"slices"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// Where a tour begins, it ends: this file is about that site.

// newTour is the way to the other sites of the app's group, nil if there are
// none, or the app's logout is its own business.
func (l *logout) newTour(r *http.Request) *tour.Tour {
	if l.h.Fanout == fanoutOff {
		return nil
	}
	t, it := l.h.edge.newTour(r, l.own, l.h.edge.groupOf(l.h), l.id)
	_, l.appNo = l.ownApp(r)
	if t == nil || l.appNo >= 0 && (it.Apps == 1 || it.Apps == 2 && l.h.edge.hasBareHub(&it)) {
		return nil
	}
	return t
}

// ownApp is the app that this logout is about, and its number in a tour.
func (l *logout) ownApp(r *http.Request) (app siteApp, number int) {
	for i, app := range l.h.edge.appsAt(l.h.edge.serverOf(r), l.own.Hostname(), l.h.edge.groupOf(l.h)) {
		if slices.ContainsFunc(app.handlers, l.h.isSame) {
			return app, i
		}
	}
	return siteApp{base: l.h.Base, handlers: []*Handler{l.h}}, -1
}

// answerTour sends the browser to the other sites.
func (l *logout) answerTour(w http.ResponseWriter, r *http.Request, sweep journey.Sweep) error {
	hdr := w.Header()
	if l.caller.ViaWorker {
		// Not a word of Clear-Site-Data through a worker, it can hang the tab
		// (BR-04: Chromium); the page dismisses the worker and goes on.
		return pages.Write(w, http.StatusOK, pages.Going(l.resumeURL(hdr, sweep)))
	}
	// "cookies" waits for the cookie pass: in Chromium it would take from
	// other sites what they still need (CSD-06).
	l.setClearSiteData(hdr, cookie.Without(sweep.Landing.Clear, cookie.ClearCookies))
	return l.h.beginTour(w, r, l.own, l.journey(sweep))
}

// newTour begins one, if there is anywhere to go.
func (a *App) newTour(r *http.Request, own origin.Origin, group, id string) (*tour.Tour, tour.Itinerary) {
	srv := a.serverOf(r)
	if srv == nil || !own.Trustworthy() {
		return nil, tour.Itinerary{}
	}
	it := a.tourFrom(srv, own, group)
	if it.Apps == 0 {
		return nil, it
	}
	return &tour.Tour{
		ID: id, Group: group, Server: srv.Name, Start: own.String(), Digest: it.Digest,
		Made: a.now().Unix(), Results: make([]byte, it.Apps),
	}, it
}

// openTour reads a token, and finds the way that it is about.
func (a *App) openTour(token string) (t tour.Tour, it tour.Itinerary, ok bool) {
	t, ok = a.seals.OpenTour(token)
	if t.ID == "" {
		return tour.Tour{}, tour.Itinerary{}, false
	}
	it, known := a.itineraryOf(t)
	return t, it, ok && known // a t that was ours, if it is too old or the configuration has changed
}

// itineraryOf is the way of a tour. If the configuration has changed, the
// tour's numbers mean nothing any more.
func (a *App) itineraryOf(t tour.Tour) (it tour.Itinerary, ok bool) {
	for _, srv := range a.registry().servers {
		if srv.Name != t.Server {
			continue
		}
		it = a.tourFrom(srv, origin.Parse(t.Start), t.Group)
		if string(it.Digest) == string(t.Digest) && len(t.Results) == it.Apps && t.At >= 0 && t.At < len(it.Stops) {
			return it, true
		}
		break
	}
	return tour.Itinerary{}, false
}

// siteURL is where a script asks for an app. Cookies that are limited to the
// app's path are sent nowhere else.
func (a *App) siteURL(s *tour.Stop, base string) string {
	if base == "" {
		return s.Origin.String() + a.Prefix + "/site"
	}
	return s.Origin.String() + base + "/?" + logoutpath.OwnParameter + "=site"
}

// beginTour shows the first page of a tour.
func (h *Handler) beginTour(w http.ResponseWriter, r *http.Request, own origin.Origin, j journey.Journey) error {
	w.Header().Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, j.Sweep.Browser, journey.LandingLifetime))
	it, ok := h.edge.itineraryOf(*j.Tour)
	if !ok { // the configuration has changed meanwhile
		j.Tour = nil
		return h.afterTour(w, r, own, j)
	}
	j.Touring = true
	line, ok := h.edge.seals.SealMarker(own, j, tour.Lifetime)
	if !ok {
		h.edge.logger.Error("no room for the cookie of a tour; the logout ends without the other sites", zap.String("host", own.Host))
		j.Tour, j.Touring = nil, false
		return h.afterTour(w, r, own, j)
	}
	w.Header().Add("Set-Cookie", line)
	return pages.Write(w, http.StatusOK, h.edge.hopPage(j.Tour, &it))
}

// finishTour takes the browser back where the tour began, or sends it on if
// there is more to do.
func (h *Handler) finishTour(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, own origin.Origin, t *tour.Tour, it *tour.Itinerary, byScript bool) error {
	j, ok := h.edge.seals.OpenMarker(r, own)
	if !ok && origin.Parse(guard.SoleValue(r.Header, "Origin")) != own {
		// Our cookie is not sent with another site's form. From our own page it is.
		return pages.Write(w, http.StatusOK, h.edge.hopPage(t, it))
	}
	if !ok || !j.IsOn(*t) {
		return h.answerForgotten(w, own, t, it)
	}
	if h.signedInAgain(j, r) {
		j = j.Untouched()
	} else if !t.Cookies {
		h.endOwnApps(w, r, next, own, t, it)
	}
	if t.Next(it) >= 0 {
		p := h.edge.hopPage(t, it)
		if !byScript {
			p = h.edge.plainPage(t, it)
		}
		return pages.Write(w, http.StatusOK, p)
	}
	if st, mine := h.edge.process.steps.Begin(tour.FinishedKey(t.ID), h.edge.now()); mine {
		st.Finish(tour.None, nil)
	}
	if it.Hub == 0 {
		w.Header().Add("Set-Cookie", journey.ForgetTour(own)) // of one before that was not finished
	}
	t.Log(h.edge.logger, it)
	done := *j.Sweep.Landing
	if done.CookiesPassed = t.Cookies; !t.Cookies {
		done.Tour, done.GoesOn = t, done.GoesOn && !t.Failed()
	}
	j.Sweep.Landing, j.Sweep.Made = &done, h.edge.now().Unix()
	j.Tour, j.Touring = nil, false
	if j.Visit != nil && j.Visit.Unsure && !t.Found() {
		j.Visit = nil // the provider would ask for a login
	}
	if j.Visit != nil && j.Visit.Silent && t.Found() {
		v := *j.Visit
		v.Silent = false
		j.Visit = &v
	}
	return h.afterTour(w, r, own, j)
}

// answerForgotten tells what became of a tour that the site where it began has
// forgotten: it is over already, or another one came by since.
func (h *Handler) answerForgotten(w http.ResponseWriter, own origin.Origin, t *tour.Tour, it *tour.Itinerary) error {
	if t.Next(it) >= 0 {
		return pages.Write(w, http.StatusOK, h.edge.overPage())
	}
	done := journey.Landing{ID: t.ID, Host: own.Host, Began: t.Made, Outcome: outcome.Cleared, Tour: t}
	return pages.Write(w, http.StatusOK, h.edge.landingPage(done, ""))
}

// forgetOlder drops what a site remembers of a tour that began here and never
// came back, when a later one passes by.
func (a *App) forgetOlder(hdr http.Header, r *http.Request, own origin.Origin, t *tour.Tour) {
	j, ok := a.seals.OpenMarker(r, own)
	if ok && j.Touring && j.Tour != nil && j.Tour.ID != t.ID && j.Tour.Made <= t.Made {
		hdr.Add("Set-Cookie", journey.DropMarker(own))
		hdr.Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, "", 0))
	}
}

// endOwnApps ends the other apps of the site where the tour began, unless a
// script has asked for it.
func (h *Handler) endOwnApps(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, own origin.Origin, t *tour.Tour, it *tour.Itinerary) {
	turns := h.turnsAt(r, own, *t, it, &it.Stops[0])
	for i, s := range endApps(turns, next) {
		if s.step != nil {
			t.SetResult(turns[i].no, turns[i].report(w.Header(), s).Result)
		}
	}
	w.Header().Del("Clear-Site-Data") // the landing page's business
}

// afterTour goes on to the provider or to the landing page.
func (h *Handler) afterTour(w http.ResponseWriter, r *http.Request, own origin.Origin, j journey.Journey) error {
	hdr := w.Header()
	if j.Visit != nil && j.Sweep.Landing != nil {
		// A page that took a form must not redirect to another site (BR-09:
		// form-action in Chromium, WebKit).
		line, address := h.edge.seals.ResumeURL(own, &j)
		hdr.Add("Set-Cookie", line)
		return pages.Write(w, http.StatusOK, pages.Going(address))
	}
	hdr.Add("Set-Cookie", journey.DropMarker(own))
	if !j.Sweep.IsLast() || j.Sweep.Landing == nil {
		return pages.Write(w, http.StatusOK, pages.Going(h.edge.seals.NextURL(j.Sweep)))
	}
	done := *j.Sweep.Landing
	return h.writeLanding(w, r, own, done)
}

// isUnfinished reports whether a tour of this browser did not come to its end,
// as far as this site knows: the hub, or the site where it began.
func (a *App) isUnfinished(r *http.Request, own origin.Origin) bool {
	if j, ok := a.seals.OpenMarker(r, own); ok && j.Tour != nil {
		return true
	}
	id := a.seals.RememberedTour(r, own)
	return id != "" && a.process.steps.Find(tour.FinishedKey(id)) == nil
}

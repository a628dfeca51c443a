package universallogout

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

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
	t, it := l.h.app.newTour(r, l.own, l.h.app.groupOf(l.h), l.id)
	_, l.app = l.ownApp(r)
	if t == nil || l.app >= 0 && (it.Apps == 1 || it.Apps == 2 && l.h.app.hasBareHub(&it)) {
		return nil
	}
	return t
}

// ownApp is the app that this logout is about, and its number in a tour.
func (l *logout) ownApp(r *http.Request) (app siteApp, number int) {
	for i, app := range l.h.app.appsAt(l.h.app.listenerFor(r), l.own.Hostname(), l.h.app.groupOf(l.h)) {
		if slices.ContainsFunc(app.handlers, func(h *Handler) bool { return h.rules == l.h.rules }) { // the hub's is a copy
			return app, i
		}
	}
	return siteApp{base: l.h.Base, handlers: []*Handler{l.h}}, -1
}

// answerTour sends the browser to the other sites.
func (l *logout) answerTour(w http.ResponseWriter, r *http.Request, rd journey.Sweep) error {
	h := w.Header()
	if l.caller.ViaWorker {
		// Not a word of Clear-Site-Data through a worker, it can hang the tab
		// (BR-04: Chromium); the page dismisses the worker and goes on.
		return pages.Write(w, http.StatusOK, pages.Going(l.hop(h, rd)))
	}
	// "cookies" waits for the second round: in Chromium it would take from
	// other sites what they still need (CSD-06).
	l.setClearSiteData(h, cookie.Without(rd.Landing.Clear, cookie.ClearCookies))
	return l.h.beginTour(w, r, l.own, l.pending(rd))
}

// newTour begins one, if there is anywhere to go.
func (a *App) newTour(r *http.Request, own origin.Origin, group, id string) (*tour.Tour, tour.Itinerary) {
	l := a.listenerFor(r)
	if l == nil || !own.Trustworthy() {
		return nil, tour.Itinerary{}
	}
	it := a.tourFrom(l, own, group)
	if it.Apps == 0 {
		return nil, it
	}
	return &tour.Tour{
		ID: id, Group: group, Server: l.Name, Start: own.String(), Digest: it.Digest,
		Made: a.now().Unix(), Apps: make([]byte, it.Apps),
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
	for _, l := range a.registry().listeners {
		if l.Name != t.Server {
			continue
		}
		it = a.tourFrom(l, origin.Parse(t.Start), t.Group)
		if string(it.Digest) == string(t.Digest) && len(t.Apps) == it.Apps && t.At >= 0 && t.At < len(it.Stops) {
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

// merge takes the words that a page's script has collected. Without any, no
// script ran, and nobody was asked. Who was asked and has no word has failed.
func (a *App) merge(t *tour.Tour, it *tour.Itinerary, said string) {
	if said == "" {
		return
	}
	asked := t.Asks(it)
	if it.Hub > 0 && !t.Cookies && t.GoesOn(it) && slices.Contains(asked, it.Stops[it.Hub].First) {
		t.Open = true
	}
	for token := range strings.FieldsSeq(said) {
		if token == tour.ReportOver {
			t.Open = false
		}
		if n, isSkip := strings.CutPrefix(token, tour.ReportSkip); isSkip {
			t.Skip(it, n)
		}
		if w, ok := a.seals.OpenReport(token); ok && w.ID == t.ID && slices.Contains(asked, w.App) {
			t.Set(w.App, w.Result)
		}
	}
	for _, app := range asked {
		switch {
		case t.Cookies:
			t.Set(app, t.Result(app)&^tour.NeedsCookies)
		case !t.Finished(app):
			t.Set(app, tour.Unreached)
		}
	}
}

// beginTour shows the first page of a tour.
func (h *Handler) beginTour(w http.ResponseWriter, r *http.Request, own origin.Origin, rest journey.Journey) error {
	w.Header().Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, rest.Sweep.Browser, journey.LandingLifetime))
	it, ok := h.app.itineraryOf(*rest.Tour)
	if !ok { // the configuration has changed meanwhile
		rest.Tour = nil
		return h.afterTour(w, r, own, rest)
	}
	rest.Touring = true
	line, ok := h.app.seals.Marker(own, rest, tour.Lifetime)
	if !ok {
		h.app.logger.Error("no room for the cookie of a tour; the logout ends without the other sites", zap.String("host", own.Host))
		rest.Tour, rest.Touring = nil, false
		return h.afterTour(w, r, own, rest)
	}
	w.Header().Add("Set-Cookie", line)
	return pages.Write(w, http.StatusOK, h.app.hopPage(rest.Tour, &it))
}

// finishTour takes the browser back where the tour began, or sends it on if
// there is more to do.
func (h *Handler) finishTour(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, own origin.Origin, t *tour.Tour, it *tour.Itinerary, byScript bool) error {
	rest, ok := h.app.seals.OpenMarker(r, own)
	if !ok && origin.Parse(guard.SoleValue(r.Header, "Origin")) != own {
		// Our cookie is not sent with another site's form. From our own page it is.
		return pages.Write(w, http.StatusOK, h.app.hopPage(t, it))
	}
	if !ok || !rest.IsOn(*t) {
		return h.answerForgotten(w, own, t, it)
	}
	if h.signedInAgain(rest, r) {
		rest = untouched(rest)
	} else if !t.Cookies {
		h.endOwnParts(w, r, next, own, t, it)
	}
	if t.Next(it) >= 0 {
		p := h.app.hopPage(t, it)
		if !byScript {
			p = h.app.plainPage(t, it)
		}
		return pages.Write(w, http.StatusOK, p)
	}
	if st, mine := h.app.shared.steps.Begin(tour.FinishedKey(t.ID), h.app.now()); mine {
		st.Finish(tour.None, nil)
	}
	if it.Hub == 0 {
		w.Header().Add("Set-Cookie", cookie.Own(own, journey.TourCookie, "", 0)) // of one before that was not finished
	}
	t.Log(h.app.logger, it)
	done := *rest.Sweep.Landing
	if done.Second = t.Cookies; !t.Cookies {
		done.Tour, done.GoOn = t, done.GoOn && !t.Failed()
	}
	rest.Sweep.Landing, rest.Sweep.Made = &done, h.app.now().Unix()
	rest.Tour, rest.Touring = nil, false
	if rest.Visit != nil && rest.Visit.Unsure && !t.Found() {
		rest.Visit = nil // the provider would ask for a login
	}
	if rest.Visit != nil && rest.Visit.Silent && t.Found() {
		v := *rest.Visit
		v.Silent = false
		rest.Visit = &v
	}
	return h.afterTour(w, r, own, rest)
}

// answerForgotten tells what became of a tour that the site where it began has
// forgotten: it is over already, or another one came by since.
func (h *Handler) answerForgotten(w http.ResponseWriter, own origin.Origin, t *tour.Tour, it *tour.Itinerary) error {
	if t.Next(it) >= 0 {
		return pages.Write(w, http.StatusOK, h.app.overPage())
	}
	l := journey.Landing{ID: t.ID, Host: own.Host, Began: t.Made, Outcome: outcome.Cleared, Tour: t}
	return pages.Write(w, http.StatusOK, h.app.landingPage(l, ""))
}

// forgetOlder drops what a site remembers of a tour that began here and never
// came back, when a later one passes by.
func (a *App) forgetOlder(hdr http.Header, r *http.Request, own origin.Origin, t *tour.Tour) {
	rest, ok := a.seals.OpenMarker(r, own)
	if ok && rest.Touring && rest.Tour != nil && rest.Tour.ID != t.ID && rest.Tour.Made <= t.Made {
		hdr.Add("Set-Cookie", cookie.Own(own, journey.MarkerCookie, "", 0))
		hdr.Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, "", 0))
	}
}

// endOwnParts ends the other apps of the site where the tour began, unless a
// script has asked for it.
func (h *Handler) endOwnParts(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, own origin.Origin, t *tour.Tour, it *tour.Itinerary) {
	s := &it.Stops[0]
	apps := h.app.appsOf(it, s)
	for i, p := range h.runParts(r, next, own, *t, it, s) {
		if p.step != nil {
			t.Set(s.First+i, h.tellPart(w.Header(), r, own, *t, s, i, &apps[i], p).Result)
		}
	}
	w.Header().Del("Clear-Site-Data") // the landing page's business
}

// afterTour goes on to the provider or to the landing page.
func (h *Handler) afterTour(w http.ResponseWriter, r *http.Request, own origin.Origin, rest journey.Journey) error {
	hdr := w.Header()
	if rest.Visit != nil && rest.Sweep.Landing != nil {
		// A page that took a form must not redirect to another site (BR-09:
		// form-action in Chromium, WebKit).
		line, address := h.app.seals.ResumeURL(own, &rest)
		hdr.Add("Set-Cookie", line)
		return pages.Write(w, http.StatusOK, pages.Going(address))
	}
	hdr.Add("Set-Cookie", cookie.Own(own, journey.MarkerCookie, "", 0))
	if !rest.Sweep.IsLast() || rest.Sweep.Landing == nil {
		return pages.Write(w, http.StatusOK, pages.Going(h.app.seals.NextURL(rest.Sweep)))
	}
	l := *rest.Sweep.Landing
	return h.land(w, r, own, l)
}

// isUnfinished reports whether a tour of this browser did not come to its end,
// as far as this site knows: the hub, or the site where it began.
func (a *App) isUnfinished(r *http.Request, own origin.Origin) bool {
	if rest, ok := a.seals.OpenMarker(r, own); ok && rest.Tour != nil {
		return true
	}
	id := a.seals.RememberedTour(r, own)
	return id != "" && a.shared.steps.Find(tour.FinishedKey(id)) == nil
}

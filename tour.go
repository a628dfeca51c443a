package universallogout

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"

	"github.com/universal-logout/caddy-universal-logout/internal/tour"

	"github.com/universal-logout/caddy-universal-logout/internal/pages"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
		return pages.Write(w, http.StatusOK, goOn(l.hop(h, rd)))
	}
	// "cookies" waits for the second round: in Chromium it would take from
	// other sites what they still need (CSD-06).
	l.setClearSiteData(h, cookie.Without(rd.Landing.Clear, cookie.ClearCookies))
	return l.h.beginTour(w, r, l.own, l.pending(rd))
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
	p := h.app.landingPage(journey.Landing{ID: t.ID, Host: own.Host, Began: t.Made, Outcome: outcome.Cleared, Tour: t})
	p.Forget = false
	return pages.Write(w, http.StatusOK, p)
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
		return pages.Write(w, http.StatusOK, goOn(address))
	}
	hdr.Add("Set-Cookie", cookie.Own(own, journey.MarkerCookie, "", 0))
	if !rest.Sweep.IsLast() || rest.Sweep.Landing == nil {
		return pages.Write(w, http.StatusOK, goOn(h.app.seals.NextURL(rest.Sweep)))
	}
	l := *rest.Sweep.Landing
	return h.land(w, r, own, l)
}

// land is the end: the landing page, after the second round.
func (h *Handler) land(w http.ResponseWriter, r *http.Request, own origin.Origin, l journey.Landing) error {
	a := h.app
	p := a.landingPage(l)
	p.Forget, p.Self = true, a.seals.DoneURL(l)
	if l.Tour == nil {
		return a.finish(w, r, own, l, p)
	}
	it, ok := a.itineraryOf(*l.Tour)
	if !ok {
		return a.finish(w, r, own, l, p)
	}
	if away := l.Tour.SecondRound(&it, false); !l.Second && away.Next(&it) >= 0 {
		rest := journey.Journey{Tour: away, Touring: true, Sweep: journey.Sweep{Host: own.Host, Made: a.now().Unix(), Browser: l.Browser, Landing: &l}}
		if line, ok := a.seals.Marker(own, rest, tour.Lifetime); ok {
			w.Header().Add("Set-Cookie", line)
			return pages.Write(w, http.StatusOK, a.hopPage(away, &it))
		}
	}
	// Siblings come last: in Chromium they take our own cookies along.
	near := l.Tour.SecondRound(&it, true)
	for _, app := range near.Asks(&it) {
		s, at := it.Find(app)
		p.Asks = append(p.Asks, pages.Ask{URL: a.siteURL(s, at)})
	}
	p.Token = a.seals.Tour(*near)
	return a.finish(w, r, own, l, p)
}

// landingPage tells what became of every app.
func (a *App) landingPage(l journey.Landing) pages.Page {
	p := pageOf(l)
	a.addAlso(&p, l)
	if l.Tour == nil {
		return p
	}
	p.OnTour = true
	it, ok := a.itineraryOf(*l.Tour)
	if !ok {
		return p.Says(pages.TextNotAll)
	}
	none := a.addApps(&p, l.Tour, &it)
	for _, host := range it.Plain {
		p.Left = append(p.Left, pages.AppLine{Name: host, Text: pages.TextPlainHTTP, Link: "http://" + host + "/"})
	}
	switch {
	case l.Tour.Failed():
		p = p.Says(pages.TextNotAll)
	case l.ProviderOutcome == journey.ProviderAlive:
		p.Text = pages.TextAll.Text
	case !l.Tour.Found():
		return p.Says(pages.TextNobody)
	case len(it.Plain) > 0:
		p = p.Says(pages.TextAllSecure)
	case len(p.Also) > 0:
		p = p.Says(pages.TextAllHere)
	default:
		p = p.Says(pages.TextAll)
	}
	if len(p.Left)+len(p.Also) > 0 {
		p.AppsTitle = pages.TextOthers
	}
	switch {
	case none == 1:
		p.Note = pages.TextNoneThere
	case none > 1:
		p.Note = fmt.Sprintf(pages.TextNoneAtOthers, none)
	}
	return p
}

// addApps lists what became of the apps, and counts those without a session.
func (a *App) addApps(p *pages.Page, t *tour.Tour, it *tour.Itinerary) (none int) {
	p.AppsCount = pages.TextSignedOutOf
	for i := range it.Stops {
		s := &it.Stops[i]
		for n, base := range s.Bases {
			r := t.Result(s.First + n).Plain()
			line := pages.AppLine{Name: s.Origin.Host + base, Text: textApp[r]}
			switch {
			case r == tour.None && i == it.Hub && a.hasBareHub(it):
			case r == tour.None:
				none++
			case r == tour.Unvisited || tour.Outcomes[r] == outcome.Failed:
				line.Link = s.Origin.String() + base + "/"
				p.Left = append(p.Left, line)
			default:
				p.Apps = append(p.Apps, line)
			}
		}
	}
	return none
}

// addAlso names the apps that are not behind this Caddy. Those that browsers
// call same-site with the page can be asked; what they answer nobody knows.
func (a *App) addAlso(p *pages.Page, l journey.Landing) {
	for _, also := range a.also {
		p.Also = append(p.Also, pages.Link{fmt.Sprintf(pages.TextSignOutAt, also.Name), also.URL})
		if o := origin.Parse(also.URL); l.Browser != "" && origin.SameSite(o) == origin.SameSite(origin.Origin{Scheme: "https", Host: l.Host}) {
			p.Calls = append(p.Calls, also.URL)
		}
	}
}

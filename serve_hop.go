package universallogout

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

const (
	// hopCookie lets the page of a hop come back by GET: behind a service
	// worker that sends requests on, and without script.
	hopCookie         = cookie.BrowserCookie + "-hop"
	hopCookieLifetime = journey.MarkerLifetime

	plainParameter = "plain" // of a hop that comes back without script
)

// serveHop is one site's part in the browser's way: of a tour through the
// sites, and of a logout that a script began, where our JSON says so.
func (h *Handler) serveHop(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodPost || !guard.IsTopLevel(r) {
		w.Header().Set("Allow", "GET, POST")
		return h.answerError(w, r, http.StatusMethodNotAllowed)
	}
	switch q := r.URL.Query(); {
	case q.Has("t"):
		return h.continueLogout(w, r, next, q.Get("t"))
	case r.Method == http.MethodPost:
		return h.enterHop(w, r, next)
	default:
		return h.reloadHop(w, r, next, q.Has(plainParameter))
	}
}

// continueLogout goes on with a logout that a script began, or that had to show
// a page in between.
func (h *Handler) continueLogout(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, token string) error {
	a, own := h.edge, inbound.Origin(r)
	st, sealed := a.seals.OpenState(token)
	j, ok := a.seals.OpenMarker(r, own)
	if t, it, isTour := a.openTour(token); isTour && t.At == 0 && it.Stops[0].Origin == own {
		if !j.IsOn(t) { // anybody could have made this link
			return pages.Write(w, http.StatusOK, a.overPage())
		}
		return h.finishTour(w, r, next, own, &t, &it, false)
	}
	// Not a tour: a visit is to begin, by the state that is the token.
	known := sealed && ok && j.IsAbout(st, own) && (j.Visit == nil || j.Visit.Stage == "") && j.Sweep.Landing != nil
	lost := sealed && !ok && st.Site == own.String()
	switch {
	case lost && st.IsTour && a.process.steps.Find(tour.FinishedKey(st.ID)) == nil:
		return pages.Write(w, http.StatusOK, h.everywherePage(r, own, pages.AskForgotten))
	case lost && st.Provider != "":
		return h.answerLost(w, r, st)
	case !known:
		return answerBare(w)
	case h.signedInAgain(j, r):
		ctx, stop := a.within(r)
		defer stop()
		return pages.Redirect(w, a.endVisit(w.Header(), own, j.Untouched(), h.stillAlive(ctx, j)))
	case j.Tour != nil:
		return h.beginTour(w, r, own, j)
	}
	return h.serveDeparture(w, r, own, j)
}

// enterHop takes the form of the page before. It acts only if the browser says
// that this form was on the page that the token was given to.
func (h *Handler) enterHop(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	form, _ := url.ParseQuery(readTourBody(w, r)) // what is readable of it
	own := inbound.Origin(r)
	t, it, ok := h.edge.openTour(form.Get("t"))
	if !ok {
		if t.ID != "" {
			return pages.Write(w, http.StatusForbidden, h.everywherePage(r, own, pages.AskOutdated))
		}
		return h.answerForeign(w, r)
	}
	at, page := it.At(own), it.Stops[t.At].Origin
	switch source := guard.FormSource(r, own); {
	case at < 0 || source != page:
		return h.answerForeign(w, r)
	case at != 0 && page == own:
		return h.answerOver(w, &t, &it) // the Back button: there is nothing to do but to go on
	}
	t.Merge(&it, form.Get("o"), h.edge.seals.OpenReport)
	t.Hops++
	t.At = at
	if at == 0 {
		return h.finishTour(w, r, next, own, &t, &it, form.Get("o") != "")
	}
	return h.answerHop(w, r, own, &t, &it)
}

// answerHop is the page of a hop. It clears the site's storage; its script asks
// the site itself and its siblings.
func (h *Handler) answerHop(w http.ResponseWriter, r *http.Request, own origin.Origin, t *tour.Tour, it *tour.Itinerary) error {
	s, hdr := &it.Stops[t.At], w.Header()
	step, mine := h.edge.process.steps.Begin(t.HopKey(own), h.edge.now())
	if mine {
		step.Finish(tour.None, nil) // of a hop it counts only that there was one
	}
	closes := t.Open && t.At == it.Hub && t.Next(it) < 0
	fresh, due := step.IsFresh(h.edge.now()), t.IsDue(s)
	if !fresh && !due && !closes {
		return h.answerOver(w, t, it)
	}
	if closes {
		t.Open = false
		hdr.Add("Set-Cookie", journey.ForgetTour(own))
	}
	byWorker := guard.MayBeByWorker(r) // then Clear-Site-Data could hang the tab (BR-04: Chromium)
	if byWorker && r.Method == http.MethodPost {
		// The page dismisses the worker, and comes back without it.
		hdr.Add("Set-Cookie", cookie.Own(own, hopCookie, h.edge.seals.SealTour(*t), hopCookieLifetime))
		return pages.Write(w, http.StatusOK, pages.Going(h.edge.Prefix+"/hop"))
	}
	var types []string
	for i, app := range h.edge.appsOf(it, s) {
		if part := h.edge.process.steps.Find(t.AppKey(own, app.base)); part != nil && part.IsOver() && fresh {
			expireAgain(hdr, r, own, part.Rest) // BR-11: WebKit drops what some siblings answer
		}
		t.SetResult(s.FirstApp+i, t.Result(s.FirstApp+i)&^tour.NeedsStorage)
		types = cookie.Union(types, app.clears())
	}
	if fresh && !closes && !t.Cookies && !byWorker {
		setTypes(hdr, own, types)
	}
	switch {
	case t.IsDue(s): // asked again: its storage is cleared by now
		hdr.Add("Set-Cookie", cookie.Own(own, hopCookie, h.edge.seals.SealTour(*t), hopCookieLifetime))
	case cookie.Value(r.Header["Cookie"], cookie.OwnName(own, hopCookie)) != "":
		hdr.Add("Set-Cookie", cookie.Own(own, hopCookie, "", 0)) // nothing here asks for the part that would
	}
	return pages.Write(w, http.StatusOK, h.edge.hopPage(t, it))
}

// clearedBy are the types that an answer clears already.
func clearedBy(hdr http.Header) []string { return cookie.ParseClearSiteData(hdr["Clear-Site-Data"]) }

// reloadHop is the page of a hop once more: without the worker that was in the
// way, or without script, and then it does itself what the script would do.
func (h *Handler) reloadHop(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, plain bool) error {
	own := inbound.Origin(r)
	t, it, ok := h.edge.openTour(cookie.Value(r.Header["Cookie"], cookie.OwnName(own, hopCookie)))
	switch site := guard.SoleValue(r.Header, "Sec-Fetch-Site"); {
	case !ok || it.Stops[t.At].Origin != own:
		return pages.Write(w, http.StatusOK, h.edge.overPage())
	case site != "" && site != "same-origin" && site != "none":
		return pages.Write(w, http.StatusOK, h.edge.overPage()) // nobody else's page decides how it goes on
	case !plain:
		return h.answerHop(w, r, own, &t, &it)
	}
	hdr, turns := w.Header(), h.turnsAt(r, own, t, &it, &it.Stops[t.At])
	h.edge.forgetOlder(hdr, r, own, &t)
	var types []string
	var steps []appStep
	if !t.Cookies {
		steps = endApps(turns, next)
	}
	for i, turn := range turns {
		switch {
		case t.Cookies:
			t.SetResult(turn.no, turn.passCookies(hdr).Result)
			types = cookie.Union(types, clearedBy(hdr))
			continue
		case t.Finished(turn.no):
			continue
		}
		report := turn.report(hdr, steps[i])
		types = cookie.Union(types, clearedBy(hdr))
		t.SetResult(turn.no, report.Result&^tour.NeedsStorage)
		for report.Leftover != nil && cookie.LinesBytes(hdr["Set-Cookie"]) < maxPlainExpirations {
			report.Leftover = expireAgain(hdr, r, own, report.Leftover)
		}
		if t.At == it.Hub {
			t.Open = true
			hdr.Add("Set-Cookie", h.edge.seals.RememberTour(own, &t))
		}
	}
	hdr.Add("Set-Cookie", cookie.Own(own, hopCookie, "", 0))
	if value := cookie.ClearSiteData(types); value != "" {
		hdr.Set("Clear-Site-Data", value)
	}
	return pages.Write(w, http.StatusOK, h.edge.plainPage(&t, &it))
}

// maxPlainExpirations is for the one answer that a hop without script has.
const maxPlainExpirations = 6 << 10

// answerOver shows what became of a step that is over, and the way on.
func (h *Handler) answerOver(w http.ResponseWriter, t *tour.Tour, it *tour.Itinerary) error {
	s := &it.Stops[t.At]
	for i, base := range s.Bases {
		st := h.edge.process.steps.Find(t.AppKey(s.Origin, base))
		if st != nil && st.IsOver() && !t.Finished(s.FirstApp+i) {
			t.SetResult(s.FirstApp+i, st.Result)
		}
	}
	return pages.Write(w, http.StatusOK, h.edge.hop(t, it, t.Next(it)).DonePage())
}

// answerForeign: nobody knows that the user meant it. The button asks.
func (h *Handler) answerForeign(w http.ResponseWriter, r *http.Request) error {
	h.logRefused(r, http.StatusForbidden)
	return pages.Write(w, http.StatusForbidden, h.everywherePage(r, inbound.Origin(r), pages.AskForeign))
}

// hopPage asks the sites of one registrable domain, and then goes on.
func (a *App) hopPage(t *tour.Tour, it *tour.Itinerary) pages.Page {
	after := t.AfterAsking(it)
	here := it.Stops[t.At].Domain
	n := after.Next(it)
	if n < 0 && t.At != 0 {
		n = 0
	}
	tellsHub := t.Open && n <= 0 && it.Hub > 0 && it.Stops[it.Hub].Domain == here
	if !tellsHub && after.Open && n == 0 && t.At != it.Hub {
		n = it.Hub
	}
	hop := a.hop(t, it, n)
	for _, app := range t.Asks(it) {
		s, at := it.Find(app)
		hop.Asks = append(hop.Asks, pages.Ask{URL: a.siteURL(s, at), Name: s.Origin.Host + at})
	}
	if tellsHub {
		hop.Hub = it.Stops[it.Hub].Origin
	}
	if n > 0 && it.Stops[n].Domain != here {
		hop.Stops = nextStops(after, it)
	}
	switch {
	case t.At > 0 && t.IsDue(&it.Stops[t.At]):
		hop.Plain = hop.Path + "?" + plainParameter
	case t.At == 0 && n < 0 && len(hop.Asks) == 0:
		hop.Plain = hop.Path + "?t=" + hop.Token
	}
	return hop.Page()
}

// hop is what every page of this tour shows, with the way to stop n, -1 for
// none: then back to the start.
func (a *App) hop(t *tour.Tour, it *tour.Itinerary, n int) pages.Hop {
	done, all := t.Progress(it)
	return pages.Hop{
		Done: done, Steps: all, Clears: t.Cookies, Last: n < 0, AtStart: t.At == 0,
		Path: a.Prefix + "/hop", SitePath: a.Prefix + "/site",
		Next: it.Stops[max(n, 0)].Origin, Token: a.seals.SealTour(*t),
	}
}

// maxNextStops is how many sites a page looks at, for one that it can go to.
const maxNextStops = 3

// nextStops are where the page may go on, the start at the end. Names that are
// known inside a network only would lead the person to the browser's own error
// page.
func nextStops(after *tour.Tour, it *tour.Itinerary) (stops []pages.NextStop) {
	for range maxNextStops {
		n := after.Next(it)
		if n < 0 {
			break
		}
		stops = append(stops, pages.NextStop{Number: n, Origin: it.Stops[n].Origin})
		after.Skip(it, strconv.Itoa(n))
	}
	if len(stops) > 0 {
		stops = append(stops, pages.NextStop{Number: 0, Origin: it.Stops[0].Origin})
	}
	return stops
}

// plainPage has nothing but the button that leads to the next site.
func (a *App) plainPage(t *tour.Tour, it *tour.Itinerary) pages.Page {
	return a.hop(t, it, t.Next(it)).PlainPage()
}

// overPage is for a step that nobody knows anything of.
func (a *App) overPage() pages.Page {
	return pages.Over(a.Prefix+"/", a.Prefix+"/hop")
}

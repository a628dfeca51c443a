package universallogout

import (
	"net/http"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/tour"

	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// A tour takes the browser to the other sites of a group. What it needs to
// know travels with the browser, sealed: any node can take any hop.
//
// The page of each hop has a token. It is worth something in two places only:
// at the address that its form leads to, if the browser says that the form was
// on that very page (Origin), and at /site of the page's own site and of those
// that are same-site with it, if a script of that page asks.

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

package universallogout

import (
	"net/http"
	"net/url"
	"slices"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// serveDone is the landing page. Without a token of ours it is a bare "signed
// out"; without the cookie that the logout gave this browser it tells the
// outcome and touches nothing.
func (h *Handler) serveDone(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		return h.answerError(w, r, http.StatusMethodNotAllowed)
	}
	own, c := inbound.Origin(r), guard.CallerOf(r)
	token := r.URL.Query().Get("t")
	done, ok := h.edge.seals.OpenLanding(token, own)
	if !ok {
		if token != "" {
			h.logger.Info("a landing page with a token that is not ours, of another host, or too old",
				zap.String("host", own.Host), zap.String("client_ip", inbound.ClientIP(r)))
		}
		return answerBare(w)
	}
	if !c.Navigation && r.Method == http.MethodPost {
		return h.serveEviction(w, r, done)
	}
	bound := journey.IsFrom(r, own, done.Browser) && c.Navigation && guard.IsTopLevel(r) && r.Method != http.MethodHead
	if bound && c.ViaWorker && !r.URL.Query().Has("again") {
		// The page dismisses the worker; then the same address is ours alone.
		return pages.Write(w, http.StatusOK, pages.Going(h.edge.Prefix+"/done?t="+url.QueryEscape(token)+"&again"))
	}
	if !bound {
		return pages.Write(w, http.StatusOK, h.edge.landingPage(done, ""))
	}
	return h.writeLanding(w, r, own, done)
}

// writeLanding is the end: the landing page, after the cookie pass.
func (h *Handler) writeLanding(w http.ResponseWriter, r *http.Request, own origin.Origin, done journey.Landing) error {
	a := h.edge
	p := a.landingPage(done, a.seals.DoneURL(done))
	if done.Tour == nil {
		return a.finishLanding(w, r, own, done, p)
	}
	it, ok := a.itineraryOf(*done.Tour)
	if !ok {
		return a.finishLanding(w, r, own, done, p)
	}
	if away := done.Tour.CookiePass(&it, false); !done.CookiesPassed && away.Next(&it) >= 0 {
		j := journey.Journey{Tour: away, Touring: true, Sweep: journey.Sweep{Host: own.Host, Made: a.now().Unix(), Browser: done.Browser, Landing: &done}}
		if line, ok := a.seals.SealMarker(own, j, tour.Lifetime); ok {
			w.Header().Add("Set-Cookie", line)
			return pages.Write(w, http.StatusOK, a.hopPage(away, &it))
		}
	}
	// Siblings come last: in Chromium they take our own cookies along.
	siblings := done.Tour.CookiePass(&it, true)
	for _, app := range siblings.Asks(&it) {
		s, at := it.Find(app)
		p.Asks = append(p.Asks, pages.Ask{URL: a.siteURL(s, at)})
	}
	p.Token = a.seals.SealTour(*siblings)
	return a.finishLanding(w, r, own, done, p)
}

// finishLanding clears what the first answer of the logout could not.
func (a *App) finishLanding(w http.ResponseWriter, r *http.Request, own origin.Origin, done journey.Landing, p pages.Page) error {
	hdr := w.Header()
	hdr.Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, "", 0))
	if own.Trustworthy() && !guard.CallerOf(r).ViaWorker && len(done.Clear) > 0 {
		hdr.Set("Clear-Site-Data", cookie.ClearSiteData(done.Clear))
		if slices.Contains(done.Clear, cookie.ClearCache) {
			p.EvictFrom = p.Self
		}
	}
	return pages.Write(w, http.StatusOK, p)
}

// serveEviction is what the landing page fetches: a second answer with "cache"
// throws the app's pages out of the back/forward cache (BR-08).
func (h *Handler) serveEviction(w http.ResponseWriter, r *http.Request, done journey.Landing) error {
	if r.Method != http.MethodPost || guard.SoleValue(r.Header, "Sec-Fetch-Site") != "same-origin" || !slices.Contains(done.Clear, cookie.ClearCache) {
		return h.answerError(w, r, http.StatusForbidden)
	}
	pages.SetHeaders(w.Header())
	w.Header().Set("Clear-Site-Data", cookie.ClearSiteData([]string{cookie.ClearCache}))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// landingPage tells what became of every app. self is its own address if this
// is the browser that logged out, else "": then it only tells.
func (a *App) landingPage(done journey.Landing, self string) pages.Page {
	says := landingOf(done)
	says.Self = self
	for _, also := range a.run.also {
		says.Also = append(says.Also, pages.Link(also))
	}
	if done.Tour != nil {
		says.Tour = a.tourOf(done.Tour)
	}
	return says.Page()
}

// landingOf is what the landing page tells of the logout itself.
func landingOf(done journey.Landing) pages.Landing {
	return pages.Landing{
		Host: done.Host, Outcome: done.Outcome, Target: done.Target, GoesOn: done.GoesOn,
		SignOn: pages.SignOn(done.SignOn), Provider: done.Provider, ProviderLink: done.ProviderLink,
	}
}

// tourOf is what it tells of the apps of a tour.
func (a *App) tourOf(t *tour.Tour) *pages.Tour {
	it, ok := a.itineraryOf(*t)
	if !ok {
		return &pages.Tour{Forgotten: true}
	}
	all := pages.Tour{Found: t.Found(), Failed: t.Failed(), Plain: it.Plain}
	for i := range it.Stops {
		s := &it.Stops[i]
		for n, base := range s.Bases {
			r := t.Result(s.FirstApp + n).Plain()
			if r == tour.None && i == it.Hub && a.hasBareHub(&it) {
				continue
			}
			app := pages.App{Name: s.Origin.Host + base, URL: s.Origin.String() + base + "/", Outcome: tour.Outcomes[r]}
			if r == tour.Unreached {
				app.Outcome = ""
			}
			all.Apps = append(all.Apps, app)
		}
	}
	return &all
}

// answerBare is the landing page of nobody's logout.
func answerBare(w http.ResponseWriter) error {
	return pages.Write(w, http.StatusOK, pages.Landing{}.Page())
}

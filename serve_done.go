package universallogout

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

const (

	// againCookie is set by the page that repeats a request by itself: see
	// internal/pages/script.html.
	againCookie = cookie.BrowserCookie + "-again"
)

// serveDone is the landing page. Without a token of ours it is a bare "signed
// out"; without the cookie that the logout gave this browser it tells the
// outcome and touches nothing.
func (h *Handler) serveDone(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		return h.refuse(w, r, http.StatusMethodNotAllowed)
	}
	own, c := inbound.Origin(r), guard.CallerOf(r)
	token := r.URL.Query().Get("t")
	l, ok := h.app.seals.OpenLanding(token, own)
	if !ok {
		if token != "" {
			h.logger.Info("a landing page with a token that is not ours, of another host, or too old",
				zap.String("host", own.Host), zap.String("client_ip", inbound.ClientIP(r)))
		}
		return answerBare(w)
	}
	if !c.Navigation && r.Method == http.MethodPost {
		return h.serveEviction(w, r, l)
	}
	bound := journey.IsFrom(r, own, l.Browser) && c.Navigation && guard.IsTopLevel(r) && r.Method != http.MethodHead
	if bound && c.ViaWorker && !r.URL.Query().Has("again") {
		// The page dismisses the worker; then the same address is ours alone.
		return pages.Write(w, http.StatusOK, goOn(h.app.Prefix+"/done?t="+url.QueryEscape(token)+"&again"))
	}
	if !bound {
		p := h.app.landingPage(l)
		p.Forget, p.Calls = false, nil
		return pages.Write(w, http.StatusOK, p)
	}
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

// finish clears what the first answer of the logout could not.
func (a *App) finish(w http.ResponseWriter, r *http.Request, own origin.Origin, l journey.Landing, p pages.Page) error {
	h := w.Header()
	h.Add("Set-Cookie", cookie.Own(own, cookie.BrowserCookie, "", 0))
	if own.Trustworthy() && !guard.CallerOf(r).ViaWorker && len(l.Clear) > 0 {
		h.Set("Clear-Site-Data", cookie.ClearSiteData(l.Clear))
		if slices.Contains(l.Clear, cookie.ClearCache) {
			p.EvictFrom = p.Self
		}
	}
	return pages.Write(w, http.StatusOK, p)
}

// serveEviction is what the landing page fetches: a second answer with "cache"
// throws the app's pages out of the back/forward cache (BR-08).
func (h *Handler) serveEviction(w http.ResponseWriter, r *http.Request, l journey.Landing) error {
	if r.Method != http.MethodPost || guard.SoleValue(r.Header, "Sec-Fetch-Site") != "same-origin" || !slices.Contains(l.Clear, cookie.ClearCache) {
		return h.refuse(w, r, http.StatusForbidden)
	}
	pages.Headers(w.Header())
	w.Header().Set("Clear-Site-Data", cookie.ClearSiteData([]string{cookie.ClearCache}))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// pageOf is what a person reads of a landing.
func pageOf(l journey.Landing) pages.Page {
	p := pages.TextOutcome[l.Outcome].About(l.Host)
	p.Kind, p.Forget = "landing", true
	if text, ok := textProvider[l.ProviderOutcome]; ok {
		p.Provider = strings.Replace(text, "%s", l.Provider, 1)
	}
	if l.ProviderOutcome == journey.ProviderAlive && p.Mood != pages.MoodBad {
		p.Mood, p.Title = pages.TextNotAll.Mood, pages.TextNotAll.Title
	}
	if l.ProviderOutcome == journey.ProviderAlive && l.ProviderLink != "" {
		p.ProviderLink, p.ProviderLinkText = l.ProviderLink, fmt.Sprintf(pages.TextEndProvider, l.Provider)
	}
	switch {
	case l.Target != "":
		p.Link, p.LinkText = l.Target, fmt.Sprintf(pages.TextContinueTo, cmp.Or(origin.Parse(l.Target).Host, l.Host))
		if l.GoOn {
			p.Next = l.Target
		}
	case l.Outcome != "":
		p.Link, p.LinkText = "/", fmt.Sprintf(pages.TextBack, l.Host)
	}
	return p
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

// Every sentence that a person can read on our pages or in our JSON.
var (
	textProvider = map[journey.Outcome]string{
		journey.ProviderEnded: "Your session at %s, which signs you in to your apps, has ended, too.",
		journey.ProviderNone:  "There was no session at %s, which signs you in to your apps.",
		journey.ProviderAlive: "You may still be signed in at %s, which signs you in to your apps. Then the next sign-in may ask for no password.",
	}

	// What became of the apps of a tour.
	textApp = map[tour.Result]string{
		tour.Ended:     "signed out",
		tour.Revoked:   "signed out; the session is refused from now on",
		tour.Cleared:   "signed out in this browser; the app did not say that it ended the session",
		tour.Failed:    "could not be ended",
		tour.Unreached: "not reached",
		tour.Unvisited: "not reached",
	}
)

// goOn is a page that does nothing but lead to the next.
func goOn(next string) pages.Page {
	p := pages.TextGoingOn
	p.Forget = true
	p.Next, p.Link, p.LinkText = next, next, pages.TextContinue
	return p
}

// answerBare is the landing page of nobody's logout.
func answerBare(w http.ResponseWriter) error {
	p := pageOf(journey.Landing{})
	p.Forget = false
	return pages.Write(w, http.StatusOK, p)
}

package universallogout

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
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
		return h.refuse(w, r, http.StatusMethodNotAllowed)
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
		return h.refuse(w, r, http.StatusForbidden)
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
			hdr.Add("Set-Cookie", cookie.Own(own, journey.TourCookie, "", 0))
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	i := slices.Index(s.Bases, base)
	if i < 0 {
		return h.refuse(w, r, http.StatusNotFound)
	}
	if at == it.Hub && at > 0 && base == s.Bases[0] && !t.Cookies && t.GoesOn(&it) {
		hdr.Add("Set-Cookie", h.edge.seals.RememberTour(own, &t))
	}
	h.edge.forgetOlder(hdr, r, own, &t)
	var v tour.Report
	if t.Cookies {
		v = h.passCookies(hdr, own, t, s, i)
	} else {
		v = h.endApp(hdr, r, next, own, t, s, i, &h.edge.appsOf(&it, s)[i], said)
	}
	status := http.StatusOK
	if v.Rest != nil {
		status = http.StatusAccepted // there is more to expire: ask again, with this word
	}
	body := h.edge.seals.SealReport(v)
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

// readTourBody: whoever sends slowly waits for nobody but itself.
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

// endApp ends one app of this site, once. Who asks once more gets the same
// word; what it presented the first time is expired again, in case that the
// answer was lost.
func (h *Handler) endApp(hdr http.Header, r *http.Request, next caddyhttp.Handler, own origin.Origin, t tour.Tour, s *tour.Stop, i int, app *siteApp, said string) tour.Report {
	if said != "" {
		return h.expireMore(hdr, r, own, tour.Report{ID: t.ID, AppNo: s.FirstApp + i}, said)
	}
	return h.reportApp(hdr, r, own, t, s, i, app, h.beginApp(r, next, own, t, app)())
}

// beginApp reads what the app's end needs of the request. What it returns asks
// the app, or waits for the request that does.
func (h *Handler) beginApp(r *http.Request, next caddyhttp.Handler, own origin.Origin, t tour.Tour, app *siteApp) (run func() appStep) {
	st, mine := h.edge.process.steps.Begin(t.AppKey(own, app.base), h.edge.now())
	if !mine {
		return func() appStep { return appStep{step: st, late: !st.Wait(siteLimit)} }
	}
	end := app.beginEnd(r, next, own, t.ID, time.Now().Add(siteLimit))
	return func() appStep { return appStep{step: st, mine: true, end: end()} }
}

// endApps asks all apps of a site that the tour has not finished, at once: one
// that hangs makes nobody wait longer.
func (h *Handler) endApps(r *http.Request, next caddyhttp.Handler, own origin.Origin, t tour.Tour, it *tour.Itinerary, s *tour.Stop) []appStep {
	apps := h.edge.appsOf(it, s)
	runs, parts := make([]func() appStep, len(apps)), make([]appStep, len(apps))
	for i := range apps {
		if !t.Finished(s.FirstApp + i) {
			runs[i] = h.beginApp(r, next, own, t, &apps[i])
		}
	}
	var wg sync.WaitGroup
	for i, run := range runs {
		if run != nil {
			wg.Go(func() { parts[i] = run() })
		}
	}
	wg.Wait()
	return parts
}

// appStep is the end of one app of this site, by this request or another.
type appStep struct {
	step *tour.Step
	mine bool
	late bool   // the other one takes too long
	end  appEnd // if it is ours
}

// reportApp puts what became of an app into the answer. The step is over
// whatever happens.
func (h *Handler) reportApp(hdr http.Header, r *http.Request, own origin.Origin, t tour.Tour, s *tour.Stop, i int, app *siteApp, p appStep) tour.Report {
	v := tour.Report{ID: t.ID, AppNo: s.FirstApp + i, Result: tour.Failed}
	switch {
	case p.mine:
		var presented *cookie.Leftover
		defer func() { p.step.Finish(v.Result, presented) }()
		for _, line := range p.end.lines {
			hdr.Add("Set-Cookie", line)
		}
		presented, v.Rest = p.end.expire(hdr)
		v.Result = p.end.result(r, own, s, app)
		setTypes(hdr, own, app.clears())
	case !p.late:
		v.Result = p.step.Result
		if p.step.IsFresh(h.edge.now()) {
			v.Rest = expireAgain(hdr, r, own, p.step.Rest)
			setTypes(hdr, own, app.clears())
		}
	}
	return v
}

// passCookies is a site's part in the second round.
func (h *Handler) passCookies(hdr http.Header, own origin.Origin, t tour.Tour, s *tour.Stop, i int) tour.Report {
	app := s.FirstApp + i
	st, mine := h.edge.process.steps.Begin(t.AppCookiesKey(own, s.Bases[i]), h.edge.now())
	if t.Result(app)&tour.NeedsCookies != 0 && own.Trustworthy() && (mine || st.IsFresh(h.edge.now())) {
		hdr.Set("Clear-Site-Data", cookie.ClearSiteData([]string{cookie.ClearCookies}))
	}
	return tour.Report{ID: t.ID, AppNo: app, Result: t.Result(app) &^ tour.NeedsCookies}
}

// expireMore goes on with expirations that found no room in the last answer.
func (h *Handler) expireMore(hdr http.Header, r *http.Request, own origin.Origin, v tour.Report, said string) tour.Report {
	before, ok := h.edge.seals.OpenReport(said)
	if !ok || before.ID != v.ID || before.AppNo != v.AppNo {
		v.Result = tour.Failed
		return v
	}
	before.Rest = expireAgain(hdr, r, own, before.Rest)
	return before
}

package universallogout

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// turn is one app's turn in a tour that has come to its site.
type turn struct {
	h    *Handler
	r    *http.Request
	own  origin.Origin
	tour tour.Tour
	stop *tour.Stop
	no   int // of the app, in the whole tour
	app  siteApp
}

// turnsAt are those of the apps at a stop, in the order of its bases.
func (h *Handler) turnsAt(r *http.Request, own origin.Origin, t tour.Tour, it *tour.Itinerary, s *tour.Stop) (turns []turn) {
	for i, app := range h.edge.appsOf(it, s) {
		turns = append(turns, turn{h: h, r: r, own: own, tour: t, stop: s, no: s.FirstApp + i, app: app})
	}
	return turns
}

// appStep is the end of one app of this site, by this request or another.
type appStep struct {
	step *tour.Step
	mine bool
	late bool   // the other one takes too long
	end  appEnd // if it is ours
}

// begin reads what the app's end needs of the request. What it returns asks the
// app, or waits for the request that does: each app is ended once.
func (t turn) begin(next caddyhttp.Handler) (run func() appStep) {
	step, mine := t.h.edge.process.steps.Begin(t.tour.AppKey(t.own, t.app.base), t.h.edge.now())
	if !mine {
		return func() appStep { return appStep{step: step, late: !step.Wait(siteLimit)} }
	}
	end := t.app.beginEnd(t.r, next, t.own, t.tour.ID, time.Now().Add(siteLimit))
	return func() appStep { return appStep{step: step, mine: true, end: end()} }
}

// endApps asks all apps of a site that the tour has not finished, at once: one
// that hangs makes nobody wait longer. For a turn that the tour has finished the
// step is zero.
func endApps(turns []turn, next caddyhttp.Handler) []appStep {
	runs, steps := make([]func() appStep, len(turns)), make([]appStep, len(turns))
	for i, t := range turns {
		if !t.tour.Finished(t.no) {
			runs[i] = t.begin(next)
		}
	}
	var wg sync.WaitGroup
	for i, run := range runs {
		if run != nil {
			wg.Go(func() { steps[i] = run() })
		}
	}
	wg.Wait()
	return steps
}

// report puts what became of the app into the answer. The step is over whatever
// happens. Who asks once more gets the same report; what it presented the first
// time is expired again, in case that the answer was lost.
func (t turn) report(hdr http.Header, s appStep) tour.Report {
	report := tour.Report{ID: t.tour.ID, AppNo: t.no, Result: tour.Failed}
	switch {
	case s.mine:
		var presented *cookie.Leftover
		defer func() { s.step.Finish(report.Result, presented) }()
		for _, line := range s.end.lines {
			hdr.Add("Set-Cookie", line)
		}
		presented, report.Leftover = s.end.expire(hdr)
		report.Result = s.end.result(t)
		setTypes(hdr, t.own, t.app.clears())
	case !s.late:
		report.Result = s.step.Result
		if s.step.IsFresh(t.h.edge.now()) {
			report.Leftover = expireAgain(hdr, t.r, t.own, s.step.Rest)
			setTypes(hdr, t.own, t.app.clears())
		}
	}
	return report
}

// expireMore goes on with expirations that found no room in the last answer.
func (t turn) expireMore(hdr http.Header, said string) tour.Report {
	before, ok := t.h.edge.seals.OpenReport(said)
	if !ok || before.ID != t.tour.ID || before.AppNo != t.no {
		return tour.Report{ID: t.tour.ID, AppNo: t.no, Result: tour.Failed}
	}
	before.Leftover = expireAgain(hdr, t.r, t.own, before.Leftover)
	return before
}

// passCookies is the app's part in the cookie pass.
func (t turn) passCookies(hdr http.Header) tour.Report {
	now, result := t.h.edge.now(), t.tour.Result(t.no)
	step, mine := t.h.edge.process.steps.Begin(t.tour.AppCookiesKey(t.own, t.app.base), now)
	if result&tour.NeedsCookies != 0 && t.own.Trustworthy() && (mine || step.IsFresh(now)) {
		hdr.Set("Clear-Site-Data", cookie.ClearSiteData([]string{cookie.ClearCookies}))
	}
	return tour.Report{ID: t.tour.ID, AppNo: t.no, Result: result &^ tour.NeedsCookies}
}

// appEnd is the end of one app at one site of a tour.
type appEnd struct {
	outcome outcome.Outcome
	lines   []string // Set-Cookie lines of the app
	parts   []*logout
}

// result is the outcome, and what the site still needs.
func (e appEnd) result(t turn) tour.Result {
	done, clears := tour.ResultOf(e.outcome), t.app.clears()
	if done != tour.None && guard.IsWebKit(t.r) && t.own != (origin.Origin{}) && t.stop.Origin.String() != originHeader(t.r) && slices.Contains(clears, cookie.ClearStorage) {
		done |= tour.NeedsStorage
	}
	if len(t.r.Header["Cookie"]) > 0 && slices.Contains(clears, cookie.ClearCookies) {
		done |= tour.NeedsCookies
	}
	return done
}

func originHeader(r *http.Request) string {
	return origin.Parse(guard.SoleValue(r.Header, "Origin")).String()
}

// end lets each directive of the app do what its own logout would.
func (app *siteApp) end(r *http.Request, next caddyhttp.Handler, own origin.Origin, id string, deadline time.Time) appEnd {
	return app.beginEnd(r, next, own, id, deadline)()
}

// beginEnd reads what the calls to the app take from the request, and returns what
// does the rest. Several of those run at once, beside the handlers of each other.
func (app *siteApp) beginEnd(r *http.Request, next caddyhttp.Handler, own origin.Origin, id string, deadline time.Time) func() appEnd {
	from := appcall.BrowserOf(r, own)
	from.Deadline = deadline
	e := appEnd{parts: make([]*logout, len(app.handlers))}
	for i, h := range app.handlers {
		e.parts[i] = h.newAppEnd(r, own, app, id)
		e.parts[i].deadline = deadline
	}
	return func() appEnd {
		results := make([]appcall.EndResult, len(app.handlers))
		var wg sync.WaitGroup
		for i, l := range e.parts {
			wg.Go(func() {
				asked := time.Now()
				if results[i] = l.h.sessionEnder().End(from, next, own, app.cut, l.presented); results[i].Outcome != outcome.None {
					l.asked = time.Since(asked)
				}
				l.endTokens(false)
			})
		}
		wg.Wait()
		for i, res := range results {
			out := e.parts[i].conclude(r, res.Outcome)
			e.lines = append(e.lines, res.Cookies...)
			e.outcome = outcome.Worse(e.outcome, out)
			e.parts[i].logAppEnd(r, app, out)
		}
		return e
	}
}

// expire adds the expirations of all directives. It returns what they were
// about, and what found no room.
func (e appEnd) expire(hdr http.Header) (presented, rest *cookie.Leftover) {
	for _, l := range e.parts {
		next := l.expire(hdr)
		about := l.newLeftover(next)
		if presented == nil || len(about.Cookies) > len(presented.Cookies) {
			presented = about
		}
		if next >= 0 && rest == nil {
			rest = about
		}
	}
	if presented != nil {
		again := *presented
		again.Next = 0
		presented = &again
	}
	return presented, rest
}

// newAppEnd is what this app's part in a logout needs that began elsewhere.
func (h *Handler) newAppEnd(r *http.Request, own origin.Origin, app *siteApp, id string) *logout {
	l := h.readLogout(r, own, &url.URL{Path: app.base + "/logout"}) // cookies may lie in its folder
	l.id, l.sibling = id, true
	return l
}

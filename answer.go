package universallogout

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"
)

// What the caller of a logout gets: the table of the README.

// answerPerson sends the browser to the landing page, or shows it at once.
func (l *logout) answerPerson(w http.ResponseWriter, r *http.Request, res appcall.Result, out outcome.Outcome) error {
	hdr := w.Header()
	l.followApp(res)
	sweep := l.sweep(l.landing(res, out), l.expire(hdr))
	if l.tour != nil {
		return l.answerTour(w, r, sweep)
	}
	done, next := *sweep.Landing, l.h.edge.seals.NextURL(sweep)
	inPlace := !guard.IsSafe(l.method) || guard.IsWebKit(r)
	if l.visit == nil && sweep.IsLast() && inPlace && !l.caller.ViaWorker {
		// Here and now: the page with the form may forbid redirects to
		// elsewhere (BR-09: form-action in Chromium, WebKit), and WebKit
		// takes Clear-Site-Data from no redirect (BR-01), so that the app's service
		// worker could answer the one to the landing page.
		l.setClearSiteData(hdr, done.Clear)
		p := l.h.edge.landingPage(done, l.h.edge.seals.DoneURL(done))
		if slices.Contains(done.Clear, cookie.ClearCache) && l.secure {
			p.EvictFrom = p.Self
		}
		return pages.Write(w, http.StatusOK, p)
	}
	switch page := inPlace || l.caller.ViaWorker; {
	case l.visit != nil && page:
		next = l.resumeURL(hdr, sweep) // a page must not have the provider's address in it: that has the hint
	case l.visit != nil:
		ctx, stop := context.WithDeadline(r.Context(), l.visitDeadline())
		defer stop()
		next = l.h.edge.toProvider(ctx, hdr, l.own, l.journey(sweep))
	}
	hdr.Add("Set-Cookie", cookie.Own(l.own, cookie.BrowserCookie, done.Browser, journey.LandingLifetime))
	if l.caller.ViaWorker {
		// Not a word of Clear-Site-Data through a worker, it can hang the tab
		// (BR-04: Chromium); the page dismisses the worker and goes on.
		return pages.Write(w, http.StatusOK, pages.Going(next))
	}
	// "cookies" waits for the landing page: it would take cookie.BrowserCookie along,
	// and in Chromium the cookies of sites that are still needed (CSD-06).
	l.setClearSiteData(hdr, cookie.Without(done.Clear, cookie.ClearCookies))
	if !guard.IsSafe(l.method) || l.visit != nil && inPlace {
		return pages.Write(w, http.StatusOK, pages.Going(next))
	}
	if l.visit != nil {
		return pages.RedirectSecret(w, r, next)
	}
	return pages.Redirect(w, next)
}

// visitDeadline leaves the way to the provider what the app has left of the
// time, and a moment if that is nothing: mostly all is known by then.
func (l *logout) visitDeadline() time.Time {
	if soon := time.Now().Add(visitGrace); soon.After(l.deadline) {
		return soon
	}
	return l.deadline
}

const visitGrace = 200 * time.Millisecond

// answerScript gives our JSON in place of an answer that a script could not use.
func (l *logout) answerScript(w http.ResponseWriter, res appcall.Result, out outcome.Outcome) error {
	hdr := w.Header()
	l.followApp(res)
	sweep := l.sweep(l.landing(res, out), l.expire(hdr))
	types := sweep.Landing.Clear
	answer := pages.NewAnswer(l.id, pages.AppOutcome{Host: l.own.Host, App: l.h.appName(), Outcome: out})
	// A script may go anywhere from here: the next page continues too.
	switch {
	case l.visit != nil || l.tour != nil:
		types = cookie.Without(types, cookie.ClearCookies)
		hop := l.resumeURL(hdr, sweep)
		answer.FrontChannelLogoutURL = l.own.String() + hop
		// Who goes to the landing page at once reads what is true by then.
		if l.visit != nil {
			sweep = sweep.WithProvider(l.visit.Label, journey.VisitEnd{SignOn: journey.SignOnAlive, Link: hop})
		}
		sweep.Landing.Clear = types // "cookies" would take the marker that the link needs
	case !sweep.IsLast():
		types = cookie.Without(types, cookie.ClearCookies)
		hdr.Add("Set-Cookie", l.marker(l.journey(sweep.WithoutLanding())))
	}
	answer.RedirectURL = l.h.edge.seals.NextURL(sweep)
	if !slices.Contains(types, cookie.ClearCookies) {
		hdr.Add("Set-Cookie", cookie.Own(l.own, cookie.BrowserCookie, sweep.Browser, journey.LandingLifetime))
	}
	l.setClearSiteData(hdr, types)
	return pages.WriteJSON(w, http.StatusOK, answer)
}

// amend finishes the logout within the app's own answer to a script, when its
// header is about to go out.
func (l *logout) amend(hdr http.Header, r *http.Request) {
	res := appcall.Result{Status: http.StatusOK, Header: hdr.Clone()}
	hdr["Set-Cookie"] = l.appCookies(hdr["Set-Cookie"])
	hdr.Set("Cache-Control", "no-store")

	sweep := l.sweep(l.landing(res, l.conclude(r, l.outcome(res))), l.expire(hdr))
	types := sweep.Landing.Clear
	if l.visit == nil && l.tour == nil {
		sweep = sweep.WithoutLanding()
	}
	if l.visit != nil || l.tour != nil || !sweep.IsLast() {
		// "cookies" would take the marker with it (CSD-06).
		types = cookie.Without(types, cookie.ClearCookies)
		hdr.Add("Set-Cookie", l.marker(l.journey(sweep)))
	}
	if len(hdr["Set-Cookie"]) == 0 {
		hdr.Del("Set-Cookie")
	}
	l.setClearSiteData(hdr, types)
}

// landing sums up a logout, and notes the app's outcome in the tour.
func (l *logout) landing(res appcall.Result, out outcome.Outcome) journey.Landing {
	if out == outcome.None && l.before != "" {
		out = l.before
	}
	done := journey.Landing{
		ID: l.id, Host: l.own.Host, Began: l.began.Unix(), Outcome: out,
		Target: l.target, Browser: rand.Text(),
		Clear: cookie.Union(l.h.run.clear, cookie.ParseClearSiteData(res.Header["Clear-Site-Data"])),
	}
	if l.tour != nil {
		l.tour.Begin(l.appNo, out)
		done.Tour = l.tour
	}
	if done.Target == "" && !l.leadsBack(l.h.run.returnTo) {
		done.Target = l.h.run.returnTo
	}
	if done.Target == "" {
		done.Target = l.appTarget(res)
	}
	// An app that sends visitors without a session to its logout would lead
	// them round in circles: without a session, they go on by a click.
	onSite := strings.HasPrefix(l.onSite(done.Target), "/")
	done.GoesOn = out != outcome.Failed && (out != outcome.None || !onSite)
	return done
}

// leadsToProvider reports whether a target is at the provider. Only a visit goes
// there, for the address may have a hint in it.
func (l *logout) leadsToProvider(target string) bool {
	host := l.h.run.provider.Host(l.own)
	o := origin.Parse(target)
	return host != l.own.Hostname() && o.Hostname() == host
}

// appTarget is where the app's own answer leads, if that is allowed.
func (l *logout) appTarget(res appcall.Result) string {
	location := res.Header.Get("Location")
	if res.Status < 300 || res.Status > 399 || location == "" {
		return ""
	}
	if !strings.HasPrefix(location, "/") && !strings.Contains(location, "://") {
		// Relative to the logout's own address, which is our origin's.
		u, err := l.url.Parse(location)
		if err != nil || u.Opaque != "" {
			return ""
		}
		local := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery, Fragment: u.Fragment, RawFragment: u.RawFragment}
		location = local.String()
	}
	target, err := returnurl.Target(location, l.own, l.h.edge.run.returns)
	if err != nil || l.leadsBack(target) || l.visit != nil && l.leadsToProvider(target) {
		return ""
	}
	return target
}

// journey is what remains after this answer. Another app on the host has
// cookies of its own, and what one app takes for a session is none to another:
// so all that was there at the logout is known later.
func (l *logout) journey(sweep journey.Sweep) journey.Journey {
	if sweep.Landing != nil && l.tour != nil {
		done := *sweep.Landing
		done.Tour = nil // it comes back with the browser
		sweep.Landing = &done
	}
	j := journey.Journey{Visit: l.visit, Tour: l.tour, Sweep: sweep}
	if sweep.Leftover != nil {
		j.Seen = sweep.Leftover.DigestOthers(l.cookies)
	}
	return j
}

// sweep is what follows this answer, if only the landing page.
func (l *logout) sweep(done journey.Landing, rest int) journey.Sweep {
	sweep := journey.Sweep{Host: l.own.Host, Made: l.began.Unix(), Browser: done.Browser, Landing: &done}
	if rest >= 0 || l.visit != nil || l.tour != nil {
		sweep.Leftover = l.newLeftover(rest)
	}
	return sweep
}

// resumeURL is our address that goes on to other sites or to the provider. What it
// needs to know stays with the browser, in the marker.
func (l *logout) resumeURL(hdr http.Header, sweep journey.Sweep) string {
	j := l.journey(sweep)
	line, address := l.h.edge.seals.ResumeURL(l.own, &j)
	hdr.Add("Set-Cookie", line)
	return address
}

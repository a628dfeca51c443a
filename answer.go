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
	h := w.Header()
	l.followApp(res)
	rd := l.round(l.landing(res, out), l.expire(h))
	if l.tour != nil {
		return l.answerTour(w, r, rd)
	}
	done, next := *rd.Landing, l.h.app.seals.NextURL(rd)
	inPlace := !guard.IsSafe(l.method) || guard.IsWebKit(r)
	if l.visit == nil && rd.IsLast() && inPlace && !l.caller.ViaWorker {
		// Here and now: the page with the form may forbid redirects to
		// elsewhere (BR-09: form-action in Chromium, WebKit), and WebKit
		// takes Clear-Site-Data from no redirect (BR-01), so that the app's service
		// worker could answer the one to the landing page.
		l.setClearSiteData(h, done.Clear)
		p := l.h.app.landingPage(done, l.h.app.seals.DoneURL(done))
		if slices.Contains(done.Clear, cookie.ClearCache) && l.secure {
			p.EvictFrom = p.Self
		}
		return pages.Write(w, http.StatusOK, p)
	}
	switch page := inPlace || l.caller.ViaWorker; {
	case l.visit != nil && page:
		next = l.hop(h, rd) // a page must not have the provider's address in it: that has the hint
	case l.visit != nil:
		ctx, stop := context.WithDeadline(r.Context(), l.visitDeadline())
		defer stop()
		next = l.h.app.depart(ctx, h, l.own, l.pending(rd))
	}
	h.Add("Set-Cookie", cookie.Own(l.own, cookie.BrowserCookie, done.Browser, journey.LandingLifetime))
	if l.caller.ViaWorker {
		// Not a word of Clear-Site-Data through a worker, it can hang the tab
		// (BR-04: Chromium); the page dismisses the worker and goes on.
		return pages.Write(w, http.StatusOK, pages.Going(next))
	}
	// "cookies" waits for the landing page: it would take browserCookie along,
	// and in Chromium the cookies of sites that are still needed (CSD-06).
	l.setClearSiteData(h, cookie.Without(done.Clear, cookie.ClearCookies))
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
	h := w.Header()
	l.followApp(res)
	rd := l.round(l.landing(res, out), l.expire(h))
	types := rd.Landing.Clear
	answer := pages.NewAnswer(l.id, pages.AppOutcome{Host: l.own.Host, App: l.h.appName(), Outcome: out})
	// A script may go anywhere from here: the next page continues too.
	switch {
	case l.visit != nil || l.tour != nil:
		types = cookie.Without(types, cookie.ClearCookies)
		hop := l.hop(h, rd)
		answer.FrontChannelLogoutURL = l.own.String() + hop
		// Who goes to the landing page at once reads what is true by then.
		if l.visit != nil {
			rd = rd.WithProvider(l.visit.Label, journey.VisitEnd{journey.ProviderAlive, hop})
		}
		rd.Landing.Clear = types // "cookies" would take the marker that the link needs
	case !rd.IsLast():
		types = cookie.Without(types, cookie.ClearCookies)
		h.Add("Set-Cookie", l.marker(l.pending(rd.WithoutLanding())))
	}
	answer.RedirectURL = l.h.app.seals.NextURL(rd)
	if !slices.Contains(types, cookie.ClearCookies) {
		h.Add("Set-Cookie", cookie.Own(l.own, cookie.BrowserCookie, rd.Browser, journey.LandingLifetime))
	}
	l.setClearSiteData(h, types)
	return pages.WriteJSON(w, http.StatusOK, answer)
}

// amend changes an answer of the app that goes to a script.
func (l *logout) amend(h http.Header, r *http.Request) {
	res := appcall.Result{Status: http.StatusOK, Header: h.Clone()}
	h["Set-Cookie"] = l.appCookies(h["Set-Cookie"])
	h.Set("Cache-Control", "no-store")

	rd := l.round(l.landing(res, l.conclude(r, l.outcome(res))), l.expire(h))
	types := rd.Landing.Clear
	if l.visit == nil && l.tour == nil {
		rd = rd.WithoutLanding()
	}
	if l.visit != nil || l.tour != nil || !rd.IsLast() {
		// "cookies" would take the marker with it (CSD-06).
		types = cookie.Without(types, cookie.ClearCookies)
		h.Add("Set-Cookie", l.marker(l.pending(rd)))
	}
	if len(h["Set-Cookie"]) == 0 {
		h.Del("Set-Cookie")
	}
	l.setClearSiteData(h, types)
}

// landing sums up a logout.
func (l *logout) landing(res appcall.Result, out outcome.Outcome) journey.Landing {
	if out == outcome.None && l.before != "" {
		out = l.before
	}
	done := journey.Landing{
		ID: l.id, Host: l.own.Host, Began: l.began.Unix(), Outcome: out,
		Target: l.target, Browser: rand.Text(),
		Clear: cookie.Union(l.h.clear, cookie.AppClearSiteData(res.Header["Clear-Site-Data"])),
	}
	if l.tour != nil {
		l.tour.Begin(l.app, out)
		done.Tour = l.tour
	}
	if done.Target == "" && !l.leadsBack(l.h.returnTo) {
		done.Target = l.h.returnTo
	}
	if done.Target == "" {
		done.Target = l.appTarget(res)
	}
	// An app that sends visitors without a session to its logout would lead
	// them round in circles: without a session, they go on by a click.
	onSite := strings.HasPrefix(l.onSite(done.Target), "/")
	done.GoOn = out != outcome.Failed && (out != outcome.None || !onSite)
	return done
}

// leadsToProvider: that is the visit's business, and may have a hint in it.
func (l *logout) leadsToProvider(target string) bool {
	host := l.h.provider.Host(l.own)
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
	target, err := returnurl.Target(location, l.own, l.h.app.returns)
	if err != nil || l.leadsBack(target) || l.visit != nil && l.leadsToProvider(target) {
		return ""
	}
	return target
}

// pending is what remains after this answer. Another app on the host has
// cookies of its own, and what one app takes for a session is none to another:
// so all that was there at the logout is known later.
func (l *logout) pending(rd journey.Sweep) journey.Journey {
	if rd.Landing != nil && l.tour != nil {
		done := *rd.Landing
		done.Tour = nil // it comes back with the browser
		rd.Landing = &done
	}
	rest := journey.Journey{Visit: l.visit, Tour: l.tour, Sweep: rd}
	if rd.Rest != nil {
		rest.Seen = rd.Rest.DigestOthers(l.cookies)
	}
	return rest
}

// round is what follows this answer, if only the landing page.
func (l *logout) round(done journey.Landing, rest int) journey.Sweep {
	rd := journey.Sweep{Host: l.own.Host, Made: l.began.Unix(), Browser: done.Browser, Landing: &done}
	if rest >= 0 || l.visit != nil || l.tour != nil {
		rd.Rest = l.newLeftover(rest)
	}
	return rd
}

// hop is our address that goes on to other sites or to the provider. What it
// needs to know stays with the browser, in the marker.
func (l *logout) hop(h http.Header, rd journey.Sweep) string {
	rest := l.pending(rd)
	line, address := l.h.app.seals.ResumeURL(l.own, &rest)
	h.Add("Set-Cookie", line)
	return address
}

package universallogout

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
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
		p := l.h.app.landingPage(done)
		p.Self = l.h.app.seals.DoneURL(done)
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
		return pages.Write(w, http.StatusOK, goOn(next))
	}
	// "cookies" waits for the landing page: it would take browserCookie along,
	// and in Chromium the cookies of sites that are still needed (CSD-06).
	l.setClearSiteData(h, cookie.Without(done.Clear, cookie.ClearCookies))
	if !guard.IsSafe(l.method) || l.visit != nil && inPlace {
		return pages.Write(w, http.StatusOK, goOn(next))
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
	answer := pages.LogoutAnswer{
		Success: out != outcome.Failed, Message: pages.MessageLoggedOut, LogoutID: l.id,
		Apps: []pages.AppOutcome{{Host: l.own.Host, App: l.h.appName(), Outcome: out}},
	}
	if !answer.Success {
		answer.Message = pages.MessageFailed
	}
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

// expire adds the first expirations to a header of ours. It returns the number
// of the first that found no room, or -1. With a visit to come, it leaves alone
// what may be the provider's own: that goes when the browser is back.
func (l *logout) expire(h http.Header) (rest int) {
	budget, spared := cookie.ExpirationBudget, l.spared()
	if l.visit != nil || l.tour != nil {
		budget = visitBudget // the way to the provider needs room, too, and so does a tour
	}
	// A long return URL makes the address of the next answer long, twice sealed.
	budget -= cookie.LinesBytes(h["Set-Cookie"]) + max(0, len(l.target)-256)*2
	add := func(lines []string) {
		for _, line := range lines {
			h.Add("Set-Cookie", line)
		}
	}
	unseen, _ := cookie.Expirations(l.unseenNames(), l.unseenVariants(), l.own, 0, budget/2, spared)
	add(unseen)
	lines, rest := cookie.Expirations(l.names, l.variants, l.own, 0, budget-cookie.LinesBytes(unseen), spared)
	add(slices.DeleteFunc(lines, func(line string) bool { return slices.Contains(unseen, line) }))
	if rest < 0 && spared != nil && !l.sibling {
		rest = 0
	}
	return rest
}

// unseenNames are those that only the configuration knows. Further answers look
// at what is still presented, so the first one is all that these have.
func (l *logout) unseenNames() []string {
	return slices.DeleteFunc(slices.Clone(l.names), func(name string) bool {
		return slices.ContainsFunc(l.presented, func(c cookie.Cookie) bool { return c.Name == name })
	})
}

// unseenVariants are why a cookie is not presented: it is limited to a path.
func (l *logout) unseenVariants() (limited []cookie.Variant) {
	for _, v := range l.variants {
		if v.Path != "/" && v.Domain == "" && !v.Partitioned {
			limited = append(limited, v)
		}
	}
	return limited
}

// visitBudget is expirationBudget for an answer that sends the browser to the
// provider: its address and the cookie for the way back take the rest.
const visitBudget = 1300

// spared tells the cookies that the provider may need to know whose session to
// end, nil if there are none: on a registrable domain that it shares with the
// app it may have set them for all of it.
func (l *logout) spared() func(string, cookie.Variant) bool {
	if l.visit == nil && (!l.sibling || l.h.provider == nil) || !slices.ContainsFunc(l.names, l.h.sessions.MayBeProviders) {
		return nil
	}
	host := l.h.provider.Host(l.own)
	if host != l.own.Hostname() && (origin.Registrable(host) == "" || origin.Registrable(host) != origin.Registrable(l.own.Hostname())) {
		return nil
	}
	return func(name string, v cookie.Variant) bool {
		reaches := v.Domain == host || v.Domain != "" && strings.HasSuffix(host, "."+v.Domain) || v.Domain == "" && host == l.own.Hostname()
		return reaches && l.h.sessions.MayBeProviders(name)
	}
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

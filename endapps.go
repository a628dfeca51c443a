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

// appEnd is the end of one app at one site of a tour.
type appEnd struct {
	outcome outcome.Outcome
	lines   []string // Set-Cookie lines of the app
	parts   []*logout
}

// result is the outcome, and what the site still needs.
func (e appEnd) result(r *http.Request, own origin.Origin, s *tour.Stop, app *siteApp) tour.Result {
	done := tour.ResultOf(e.outcome)
	if done != tour.None && guard.IsWebKit(r) && own != (origin.Origin{}) && s.Origin.String() != originHeader(r) && slices.Contains(app.clears(), cookie.ClearStorage) {
		done |= tour.NeedsStorage
	}
	if len(r.Header["Cookie"]) > 0 && slices.Contains(app.clears(), cookie.ClearCookies) {
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

// beginEnd reads the request, before anything runs beside it, and returns what
// does the rest.
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
				if results[i] = l.h.ending().End(from, next, own, app.cut, l.presented); results[i].Outcome != outcome.None {
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
	l := h.newEnding(r, own, &url.URL{Path: app.base + "/logout"}) // cookies may lie in its folder
	l.id, l.sibling = id, true
	return l
}

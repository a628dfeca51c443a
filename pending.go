package universallogout

import (
	"net/http"
	"slices"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"
)

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
	if rd.Rest == nil {
		return rest
	}
	_, others := rd.Rest.StillPresented(l.cookies)
	for _, c := range others[:min(len(others), cookie.MaxSessionCookies)] {
		rest.Seen = append(rest.Seen, rd.Rest.Digest(c)...)
	}
	return rest
}

// signedInAgain reports whether a session is presented that was not there at
// the logout: a fresh login is never touched.
func (h *Handler) signedInAgain(rest journey.Journey, r *http.Request) bool {
	if rest.Sweep.Rest == nil {
		return false
	}
	_, others := rest.Sweep.Rest.StillPresented(r.Header["Cookie"])
	return slices.ContainsFunc(others, func(c cookie.Cookie) bool {
		return h.sessions.Is(c.Name, c.Value) && !rest.Knows(rest.Sweep.Rest.Digest(c))
	})
}

// arrive ends a visit that is over, or that never began.
func (a *App) arrive(h http.Header, own origin.Origin, rest journey.Journey, b journey.VisitEnd) (next string) {
	if rest.Visit != nil {
		rest.Sweep = rest.Sweep.WithProvider(rest.Visit.Label, b)
	}
	if l := rest.Sweep.Landing; l != nil && rest.Visit != nil {
		a.logger.Info("single sign-on", zap.String("logout_id", l.ID), zap.String("host", own.Host),
			zap.String("provider", rest.Visit.Provider), zap.String("outcome", string(b.Outcome)))
	}
	h.Add("Set-Cookie", cookie.Own(own, journey.MarkerCookie, "", 0))
	return a.seals.NextURL(rest.Sweep)
}

func (a *App) label(name string, own origin.Origin) string {
	if p := a.providers[name]; p != nil {
		return p.Host(own)
	}
	return ""
}

package universallogout

import (
	"crypto/subtle"
	"net/http"
	"slices"

	"github.com/universal-logout/caddy-universal-logout/internal/tour"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"
)

// pending is what remains of a logout whose browser is elsewhere: at other
// sites, at the provider, or on a page of the app. It travels sealed in the marker cookie.
type pending struct {
	Visit   *visit     `json:"v,omitempty"`
	Tour    *tour.Tour `json:"t,omitempty"` // before the visit, or for "cookies" after it
	Touring bool       `json:"w,omitempty"` // the browser is on its way
	Round   round      `json:"r"`
	Seen    []byte     `json:"s,omitempty"` // digests of the cookies that were no business of the logout
}

// pending is what remains after this answer. Another app on the host has
// cookies of its own, and what one app takes for a session is none to another:
// so all that was there at the logout is known later.
func (l *logout) pending(rd round) pending {
	if rd.Landing != nil && l.tour != nil {
		done := *rd.Landing
		done.Tour = nil // it comes back with the browser
		rd.Landing = &done
	}
	rest := pending{Visit: l.visit, Tour: l.tour, Round: rd}
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
func (h *Handler) signedInAgain(rest pending, r *http.Request) bool {
	if rest.Round.Rest == nil {
		return false
	}
	_, others := rest.Round.Rest.StillPresented(r.Header["Cookie"])
	return slices.ContainsFunc(others, func(c cookie.Cookie) bool {
		return h.sessions.Is(c.Name, c.Value) && !rest.knows(rest.Round.Rest.Digest(c))
	})
}

func (rest pending) knows(digest string) bool {
	for seen := range slices.Chunk(rest.Seen, cookie.DigestSize) {
		if string(seen) == digest {
			return true
		}
	}
	return false
}

const (
	statePurpose = "state"
	maxMarker    = 3900 // browsers drop cookies of more than 4096 bytes
)

// state is what the provider sends back. It names the site that sent the
// browser, because a hub receives it.
type state struct {
	ID       string `json:"i"`
	Site     string `json:"s"`
	Made     int64  `json:"m"`
	Provider string `json:"p"`
	Tour     bool   `json:"t,omitempty"` // there are other sites to go to
	Question string `json:"q,omitempty"` // of the silent question, by its challenge
}

// isAbout reports whether a state is the one that this logout left with.
func (rest pending) isAbout(st state, own origin.Origin) bool {
	id := ""
	switch {
	case rest.Tour != nil:
		id = rest.Tour.ID
	case rest.Visit != nil:
		id = rest.Visit.ID
	}
	return id != "" && st.Site == own.String() && subtle.ConstantTimeCompare([]byte(st.ID), []byte(id)) == 1
}

// isOn reports whether this is the browser of a tour.
func (rest pending) isOn(t tour.Tour) bool {
	return rest.Touring && rest.Tour != nil && rest.Round.Landing != nil && rest.Tour.ID == t.ID
}

// isAway reports whether the browser of a logout is at other sites or at the
// provider, and has not come back with a request for path.
func (rest pending) isAway(path string) bool {
	if rest.Tour != nil {
		return rest.Touring
	}
	v := rest.Visit
	return v != nil && v.Stage != "" && (v.Stage != stageEnd || v.Back == "" || v.Back != path)
}

// arrive ends a visit that is over, or that never began.
func (a *App) arrive(h http.Header, own origin.Origin, rest pending, b became) (next string) {
	if rest.Visit != nil {
		rest.Round = rest.Round.withProvider(rest.Visit.Label, b)
	}
	if l := rest.Round.Landing; l != nil && rest.Visit != nil {
		a.logger.Info("single sign-on", zap.String("logout_id", l.ID), zap.String("host", own.Host),
			zap.String("provider", rest.Visit.Provider), zap.String("outcome", string(b.outcome)))
	}
	h.Add("Set-Cookie", cookie.Own(own, markerCookie, "", 0))
	return a.seals.onward(rest.Round)
}

// withProvider tells the landing page what became of the single sign-on.
func (rd round) withProvider(label string, b became) round {
	if rd.Landing == nil {
		return rd
	}
	done := *rd.Landing
	done.Provider, done.ProviderOutcome = label, b.outcome
	if b.outcome == providerAlive {
		done.ProviderLink, done.GoOn = b.link, false
	}
	rd.Landing = &done
	return rd
}

func (a *App) label(name string, own origin.Origin) string {
	if p := a.providers[name]; p != nil {
		return p.Host(own)
	}
	return ""
}

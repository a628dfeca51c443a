package universallogout

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/tour"

	"github.com/universal-logout/caddy-universal-logout/internal/provider"

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

func (a *App) sealState(v *visit, own origin.Origin) string {
	s := state{ID: v.ID, Site: own.String(), Made: a.now().Unix(), Provider: v.Provider}
	if v.Stage == stageHint {
		s.Question = provider.QuestionOf(provider.ChallengeOf(v.Verifier))
	}
	return a.stateOf(s)
}

func (a *App) stateOf(s state) string {
	plain, err := json.Marshal(s)
	if err != nil { // strings and numbers only
		return ""
	}
	return a.shared.keys.Seal(statePurpose, plain)
}

func (a *App) openState(token string) (s state, ok bool) {
	plain, err := a.shared.keys.Open(statePurpose, token)
	if err != nil || json.Unmarshal(plain, &s) != nil {
		return state{}, false
	}
	return s, a.recent(s.Made, visitLifetime)
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

// markerOf seals what remains into the marker. What makes it too long for a
// cookie is left out, the least important first.
func (a *App) markerOf(own origin.Origin, rest pending, lifetime time.Duration) (line string, ok bool) {
	shorter := rest
	if rest.Visit != nil {
		v := *rest.Visit
		shorter.Visit = &v
	}
	if rest.Round.Landing != nil {
		l := *rest.Round.Landing
		shorter.Round.Landing = &l
	}
	for {
		token := a.sealPending(shorter)
		if len(token)+len("__Host-"+markerCookie) <= maxMarker {
			return cookie.Own(own, markerCookie, token, lifetime), token != ""
		}
		switch v, l := shorter.Visit, shorter.Round.Landing; {
		case v != nil && len(v.Hints) > 0:
			v.Hints = nil // there is the silent question
		case v != nil && v.AppURL != "":
			v.AppURL = ""
		case l != nil && l.Target != "":
			l.Target = ""
		case shorter.Round.Rest != nil:
			shorter.Round.Rest = nil
		default:
			return "", false
		}
	}
}

func (a *App) sealPending(rest pending) string {
	plain, err := json.Marshal(rest)
	if err != nil { // strings and numbers only
		return ""
	}
	return a.shared.keys.Seal(markerPurpose, plain)
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
	return a.onward(rest.Round)
}

// onward is where the browser goes when nothing is left to do at the provider.
func (a *App) onward(rd round) string {
	if rd.isLast() {
		return a.after(rd)
	}
	return a.roundURL(rd)
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

func (a *App) openMarker(r *http.Request, own origin.Origin) (rest pending, ok bool) {
	plain, err := a.shared.keys.Open(markerPurpose, cookie.Value(r.Header["Cookie"], cookie.OwnName(own, markerCookie)))
	if err != nil || json.Unmarshal(plain, &rest) != nil {
		return pending{}, false
	}
	rd := rest.Round
	if rd.Rest != nil && !origin.IsPlainPath(rd.Rest.Path) || rd.Rest == nil && rest.Visit == nil && rest.Tour == nil {
		return pending{}, false
	}
	lifetime := markerLifetime
	if rest.Touring || rest.Visit != nil && slices.Contains([]string{stageHint, stageEnd}, rest.Visit.Stage) {
		lifetime = visitLifetime
	}
	return rest, rd.Host == own.Host && a.recent(rd.Made, lifetime)
}

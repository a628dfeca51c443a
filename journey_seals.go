package universallogout

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
	"github.com/universal-logout/caddy-universal-logout/internal/seal"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// seals seals and opens what travels with a browser while a logout of it is
// under way: any node can go on with it.
type seals struct {
	keys   *seal.Ring
	prefix string
	now    func() time.Time
}

var (
	landingToken = seal.Token[landing]{Purpose: "landing", Life: landingLifetime, Made: func(l landing) int64 { return l.Began }}
	roundToken   = seal.Token[round]{Purpose: "round", Life: landingLifetime, Made: func(rd round) int64 { return rd.Made }}
	markerToken  = seal.Token[pending]{Purpose: "marker", Life: visitLifetime, Made: func(rest pending) int64 { return rest.Round.Made }}
	stateToken   = seal.Token[state]{Purpose: "state", Life: visitLifetime, Made: func(s state) int64 { return s.Made }}
	tourToken    = seal.Token[tour.Tour]{Purpose: "tour", Life: tour.Lifetime, Made: func(t tour.Tour) int64 { return t.Made }}
	reportToken  = seal.Token[tour.Report]{Purpose: "word"}
	hubToken     = seal.Token[remembered]{Purpose: "hub", Life: tour.Lifetime, Made: func(m remembered) int64 { return m.Made }}
)

// doneURL is the address of a landing page.
func (s *seals) doneURL(l landing) string {
	return s.prefix + "/done?t=" + landingToken.Seal(s.keys, l)
}

// openLanding reads what doneURL sealed for this host, not too long ago.
func (s *seals) openLanding(token string, own origin.Origin) (l landing, ok bool) {
	l, ok = landingToken.Open(s.keys, token, s.now())
	if !ok || l.Host != own.Host {
		return landing{}, false
	}
	return l, true
}

// openRecent reports whether a moment, in Unix seconds, is not longer ago than
// lifetime.
func (s *seals) recent(moment int64, lifetime time.Duration) bool {
	return seal.IsRecent(moment, lifetime, s.now())
}

// roundURL is the address of a round.
func (s *seals) roundURL(rd round) string {
	return rd.Rest.Path + "?" + logoutpath.OwnParameter + "=" + roundToken.Seal(s.keys, rd)
}

// after is where the browser goes when nothing is left to expire.
func (s *seals) after(rd round) string {
	if rd.Landing != nil {
		return s.doneURL(*rd.Landing)
	}
	return rd.Page
}

// onward is where the browser goes when nothing is left to do at the provider.
func (s *seals) onward(rd round) string {
	if rd.isLast() {
		return s.after(rd)
	}
	return s.roundURL(rd)
}

// openRound reads the round that a request to a logout path is, if it is one
// and comes from the browser that logged out.
func (s *seals) openRound(r *http.Request, own origin.Origin) (rd round, ok bool) {
	raw := inbound.URL(r).RawQuery
	if r.Method != http.MethodGet || !strings.HasPrefix(raw, logoutpath.OwnParameter+"=") {
		return round{}, false
	}
	query, _ := url.ParseQuery(raw) // what is readable of it
	rd, ok = roundToken.Open(s.keys, query.Get(logoutpath.OwnParameter), s.now())
	if rd.Rest == nil {
		return round{}, false
	}
	return rd, ok && rd.Host == own.Host && isFrom(r, own, rd.Browser)
}

// stateOf is what the provider sends back with the browser.
func (s *seals) stateOf(v *visit, own origin.Origin) string {
	st := state{ID: v.ID, Site: own.String(), Made: s.now().Unix(), Provider: v.Provider}
	if v.Stage == stageHint {
		st.Question = provider.QuestionOf(provider.ChallengeOf(v.Verifier))
	}
	return stateToken.Seal(s.keys, st)
}

func (s *seals) openState(token string) (st state, ok bool) {
	st, ok = stateToken.Open(s.keys, token, s.now())
	return st, ok
}

// marker seals what remains into the marker. What makes it too long for a
// cookie is left out, the least important first.
func (s *seals) marker(own origin.Origin, rest pending, lifetime time.Duration) (line string, ok bool) {
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
		token := markerToken.Seal(s.keys, shorter)
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

func (s *seals) openMarker(r *http.Request, own origin.Origin) (rest pending, ok bool) {
	token := cookie.Value(r.Header["Cookie"], cookie.OwnName(own, markerCookie))
	rest, ok = markerToken.Open(s.keys, token, s.now())
	rd := rest.Round
	if rd.Rest != nil && !origin.IsPlainPath(rd.Rest.Path) || rd.Rest == nil && rest.Visit == nil && rest.Tour == nil {
		return pending{}, false
	}
	lifetime := markerLifetime
	if rest.Touring || rest.Visit != nil && slices.Contains([]string{stageHint, stageEnd}, rest.Visit.Stage) {
		lifetime = visitLifetime
	}
	return rest, ok && rd.Host == own.Host && s.recent(rd.Made, lifetime)
}

// stay seals what remains into the marker, and returns the address that goes
// on with it.
func (s *seals) stay(own origin.Origin, rest *pending) (line, address string) {
	st := state{Site: own.String(), Made: s.now().Unix()}
	if rest.Visit != nil {
		v := *rest.Visit
		v.ID, st.Provider = rand.Text(), v.Provider
		rest.Visit, st.ID = &v, v.ID
	}
	if rest.Tour != nil {
		st.ID, st.Tour = rest.Tour.ID, true
	}
	line, ok := s.marker(own, *rest, markerLifetime)
	if !ok {
		line = cookie.Own(own, markerCookie, "", 0)
	}
	return line, s.prefix + "/hop?t=" + stateToken.Seal(s.keys, st)
}

func (s *seals) tour(t tour.Tour) string { return tourToken.Seal(s.keys, t) }

// openTour returns a tour that is too old, too.
func (s *seals) openTour(token string) (t tour.Tour, ok bool) {
	return tourToken.Open(s.keys, token, s.now())
}

func (s *seals) report(report tour.Report) string { return reportToken.Seal(s.keys, report) }

func (s *seals) openReport(token string) (report tour.Report, ok bool) {
	return reportToken.Open(s.keys, token, s.now())
}

const (
	// tourCookie is kept at the hub while a tour is under way.
	tourCookie = cookie.BrowserCookie + "-tour"
)

// remembered is what the hub knows of a tour.
type remembered struct {
	ID   string `json:"i"`
	Made int64  `json:"m"`
}

// rememberTour lets the hub say later that a tour was not finished.
func (s *seals) rememberTour(own origin.Origin, t *tour.Tour) string {
	return cookie.Own(own, tourCookie, hubToken.Seal(s.keys, remembered{t.ID, t.Made}), tour.Lifetime)
}

// rememberedTour is the id of the tour that a hub remembers, "" for none.
func (s *seals) rememberedTour(r *http.Request, own origin.Origin) (id string) {
	m, ok := hubToken.Open(s.keys, cookie.Value(r.Header["Cookie"], cookie.OwnName(own, tourCookie)), s.now())
	if !ok {
		return ""
	}
	return m.ID
}

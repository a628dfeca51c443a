package journey

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

// Seals makes and opens the tokens that travel with a browser while a logout of it is
// under way: any node can go on with it.
type Seals struct {
	Keys   *seal.Ring
	Prefix string
	Now    func() time.Time
}

var (
	landingToken = seal.Token[Landing]{Purpose: "landing", Life: LandingLifetime, Made: func(done Landing) int64 { return done.Began }}
	roundToken   = seal.Token[Sweep]{Purpose: "round", Life: LandingLifetime, Made: func(sweep Sweep) int64 { return sweep.Made }}
	MarkerToken  = seal.Token[Journey]{Purpose: "marker", Life: VisitLifetime, Made: func(j Journey) int64 { return j.Sweep.Made }}
	stateToken   = seal.Token[State]{Purpose: "state", Life: VisitLifetime, Made: func(s State) int64 { return s.Made }}
	tourToken    = seal.Token[tour.Tour]{Purpose: "tour", Life: tour.Lifetime, Made: func(t tour.Tour) int64 { return t.Made }}
	reportToken  = seal.Token[tour.Report]{Purpose: "word"}
	hubToken     = seal.Token[remembered]{Purpose: "hub", Life: tour.Lifetime, Made: func(m remembered) int64 { return m.Made }}
)

// doneURL is the address of a landing page.
func (s *Seals) DoneURL(done Landing) string {
	return s.Prefix + "/done?t=" + landingToken.Seal(s.Keys, done)
}

// openLanding reads what doneURL sealed for this host, not too long ago.
func (s *Seals) OpenLanding(token string, own origin.Origin) (done Landing, ok bool) {
	done, ok = landingToken.Open(s.Keys, token, s.Now())
	if !ok || done.Host != own.Host {
		return Landing{}, false
	}
	return done, true
}

// openRecent reports whether a moment, in Unix seconds, is not longer ago than
// lifetime.
func (s *Seals) IsRecent(moment int64, lifetime time.Duration) bool {
	return seal.IsRecent(moment, lifetime, s.Now())
}

// roundURL is the address of a round.
func (s *Seals) SweepURL(sweep Sweep) string {
	return sweep.Rest.Path + "?" + logoutpath.OwnParameter + "=" + roundToken.Seal(s.Keys, sweep)
}

// after is where the browser goes when nothing is left to expire.
func (s *Seals) AfterSweeps(sweep Sweep) string {
	if sweep.Landing != nil {
		return s.DoneURL(*sweep.Landing)
	}
	return sweep.Page
}

// onward is where the browser goes when nothing is left to do at the provider.
func (s *Seals) NextURL(sweep Sweep) string {
	if sweep.IsLast() {
		return s.AfterSweeps(sweep)
	}
	return s.SweepURL(sweep)
}

// openRound reads the round that a request to a logout path is, if it is one
// and comes from the browser that logged out.
func (s *Seals) OpenSweep(r *http.Request, own origin.Origin) (sweep Sweep, ok bool) {
	raw := inbound.URL(r).RawQuery
	if r.Method != http.MethodGet || !strings.HasPrefix(raw, logoutpath.OwnParameter+"=") {
		return Sweep{}, false
	}
	query, _ := url.ParseQuery(raw) // what is readable of it
	sweep, ok = roundToken.Open(s.Keys, query.Get(logoutpath.OwnParameter), s.Now())
	if sweep.Rest == nil {
		return Sweep{}, false
	}
	return sweep, ok && sweep.Host == own.Host && IsFrom(r, own, sweep.Browser)
}

// stateOf is what the provider sends back with the browser.
func (s *Seals) SealState(v *Visit, own origin.Origin) string {
	st := State{ID: v.ID, Site: own.String(), Made: s.Now().Unix(), Provider: v.Provider}
	if v.Stage == StageHint {
		st.Question = provider.Question{Verifier: v.Verifier}.Mark()
	}
	return stateToken.Seal(s.Keys, st)
}

func (s *Seals) OpenState(token string) (st State, ok bool) {
	st, ok = stateToken.Open(s.Keys, token, s.Now())
	return st, ok
}

// marker seals what remains into the marker. What makes it too long for a
// cookie is left out, the least important first.
func (s *Seals) Marker(own origin.Origin, j Journey, lifetime time.Duration) (line string, ok bool) {
	shorter := j
	if j.Visit != nil {
		v := *j.Visit
		shorter.Visit = &v
	}
	if j.Sweep.Landing != nil {
		done := *j.Sweep.Landing
		shorter.Sweep.Landing = &done
	}
	for {
		token := MarkerToken.Seal(s.Keys, shorter)
		if len(token)+len("__Host-"+MarkerCookie) <= maxMarker {
			return cookie.Own(own, MarkerCookie, token, lifetime), token != ""
		}
		switch v, done := shorter.Visit, shorter.Sweep.Landing; {
		case v != nil && len(v.Hints) > 0:
			v.Hints = nil // there is the silent question
		case v != nil && v.AppURL != "":
			v.AppURL = ""
		case done != nil && done.Target != "":
			done.Target = ""
		case shorter.Sweep.Rest != nil:
			shorter.Sweep.Rest = nil
		default:
			return "", false
		}
	}
}

func (s *Seals) OpenMarker(r *http.Request, own origin.Origin) (j Journey, ok bool) {
	token := cookie.Value(r.Header["Cookie"], cookie.OwnName(own, MarkerCookie))
	j, ok = MarkerToken.Open(s.Keys, token, s.Now())
	sweep := j.Sweep
	if sweep.Rest != nil && !origin.IsPlainPath(sweep.Rest.Path) || sweep.Rest == nil && j.Visit == nil && j.Tour == nil {
		return Journey{}, false
	}
	lifetime := MarkerLifetime
	if j.Touring || j.Visit != nil && slices.Contains([]string{StageHint, StageEnd}, j.Visit.Stage) {
		lifetime = VisitLifetime
	}
	return j, ok && sweep.Host == own.Host && s.IsRecent(sweep.Made, lifetime)
}

// stay seals what remains into the marker, and returns the address that goes
// on with it.
func (s *Seals) ResumeURL(own origin.Origin, j *Journey) (line, address string) {
	st := State{Site: own.String(), Made: s.Now().Unix()}
	if j.Visit != nil {
		v := *j.Visit
		v.ID, st.Provider = rand.Text(), v.Provider
		j.Visit, st.ID = &v, v.ID
	}
	if j.Tour != nil {
		st.ID, st.Tour = j.Tour.ID, true
	}
	line, ok := s.Marker(own, *j, MarkerLifetime)
	if !ok {
		line = cookie.Own(own, MarkerCookie, "", 0)
	}
	return line, s.Prefix + "/hop?t=" + stateToken.Seal(s.Keys, st)
}

func (s *Seals) SealTour(t tour.Tour) string { return tourToken.Seal(s.Keys, t) }

// openTour returns a tour that is too old, too.
func (s *Seals) OpenTour(token string) (t tour.Tour, ok bool) {
	return tourToken.Open(s.Keys, token, s.Now())
}

func (s *Seals) SealReport(report tour.Report) string { return reportToken.Seal(s.Keys, report) }

func (s *Seals) OpenReport(token string) (report tour.Report, ok bool) {
	return reportToken.Open(s.Keys, token, s.Now())
}

const (
	// tourCookie is kept at the hub while a tour is under way.
	TourCookie = cookie.BrowserCookie + "-tour"
)

// remembered is what the hub knows of a tour.
type remembered struct {
	ID   string `json:"i"`
	Made int64  `json:"m"`
}

// rememberTour lets the hub say later that a tour was not finished.
func (s *Seals) RememberTour(own origin.Origin, t *tour.Tour) string {
	return cookie.Own(own, TourCookie, hubToken.Seal(s.Keys, remembered{t.ID, t.Made}), tour.Lifetime)
}

// rememberedTour is the id of the tour that a hub remembers, "" for none.
func (s *Seals) RememberedTour(r *http.Request, own origin.Origin) (id string) {
	m, ok := hubToken.Open(s.Keys, cookie.Value(r.Header["Cookie"], cookie.OwnName(own, TourCookie)), s.Now())
	if !ok {
		return ""
	}
	return m.ID
}

package journey

import (
	"crypto/rand"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// State comes back with a browser that we sent away. It names the site that
// sent it, because a hub may receive it.
type State struct {
	ID       string `json:"i"` // of the visit or the tour
	Site     string `json:"s"` // an origin
	Made     int64  `json:"m"` // Unix seconds
	Provider string `json:"p"`
	IsTour   bool   `json:"t,omitempty"` // there are other sites to go to
	Question string `json:"q,omitempty"` // of the silent question, by its challenge
}

// SealState seals what the provider sends back with the browser.
func (s *Seals) SealState(v *Visit, own origin.Origin) string {
	st := State{ID: v.ID, Site: own.String(), Made: s.Now().Unix(), Provider: v.Provider}
	if v.Stage == StageHint {
		st.Question = provider.Question{Verifier: v.Verifier}.Mark()
	}
	return stateToken.Seal(s.Keys, st)
}

// OpenState reads what comes back with the browser. A state that is too old is
// returned, too, but is not ok.
func (s *Seals) OpenState(token string) (st State, ok bool) {
	ok = stateToken.Open(s.Keys, token, &st) && s.IsRecent(st.Made, VisitLifetime)
	return st, ok
}

// ResumeURL is our address that goes on with a journey, and line the Set-Cookie
// line of the marker that the address needs. The visit in j gets a new id.
func (s *Seals) ResumeURL(own origin.Origin, j *Journey) (line, address string) {
	st := State{Site: own.String(), Made: s.Now().Unix()}
	if j.Visit != nil {
		v := *j.Visit
		v.ID, st.Provider = rand.Text(), v.Provider
		j.Visit, st.ID = &v, v.ID
	}
	if j.Tour != nil {
		st.ID, st.IsTour = j.Tour.ID, true
	}
	line, ok := s.SealMarker(own, *j, MarkerLifetime)
	if !ok {
		line = DropMarker(own)
	}
	return line, s.Prefix + "/hop?t=" + stateToken.Seal(s.Keys, st)
}

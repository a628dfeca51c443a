package journey

import (
	"crypto/subtle"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// pending is what remains of a logout whose browser is elsewhere: at other
// sites, at the provider, or on a page of the app. It travels sealed in the marker cookie.
type Journey struct {
	Visit   *Visit     `json:"v,omitempty"`
	Tour    *tour.Tour `json:"t,omitempty"` // before the visit, or for "cookies" after it
	Touring bool       `json:"w,omitempty"` // the browser is on its way
	Sweep   Sweep      `json:"r"`
	Seen    []byte     `json:"s,omitempty"` // digests of the cookies that were no business of the logout
}

const (
	maxMarker = 3900 // browsers drop cookies of more than 4096 bytes
)

// state is what the provider sends back. It names the site that sent the
// browser, because a hub receives it.
type State struct {
	ID       string `json:"i"`
	Site     string `json:"s"`
	Made     int64  `json:"m"`
	Provider string `json:"p"`
	Tour     bool   `json:"t,omitempty"` // there are other sites to go to
	Question string `json:"q,omitempty"` // of the silent question, by its challenge
}

// isAbout reports whether a state is the one that this logout left with.
func (j Journey) IsAbout(st State, own origin.Origin) bool {
	id := ""
	switch {
	case j.Tour != nil:
		id = j.Tour.ID
	case j.Visit != nil:
		id = j.Visit.ID
	}
	return id != "" && st.Site == own.String() && subtle.ConstantTimeCompare([]byte(st.ID), []byte(id)) == 1
}

// isOn reports whether this is the browser of a tour.
func (j Journey) IsOn(t tour.Tour) bool {
	return j.Touring && j.Tour != nil && j.Sweep.Landing != nil && j.Tour.ID == t.ID
}

// isAway reports whether the browser of a logout is at other sites or at the
// provider, and has not come back with a request for path.
func (j Journey) IsAway(path string) bool {
	if j.Tour != nil {
		return j.Touring
	}
	v := j.Visit
	return v != nil && v.Stage != "" && (v.Stage != StageEnd || v.Back == "" || v.Back != path)
}

// withProvider tells the landing page what became of the single sign-on.
func (sweep Sweep) WithProvider(label string, b VisitEnd) Sweep {
	if sweep.Landing == nil {
		return sweep
	}
	done := *sweep.Landing
	done.Provider, done.ProviderOutcome = label, b.Outcome
	if b.Outcome == ProviderAlive {
		done.ProviderLink, done.GoOn = b.Link, false
	}
	sweep.Landing = &done
	return sweep
}

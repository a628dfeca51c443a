// Package journey keeps what remains of a logout while its browser is away: at
// other sites, at the provider, or on a page of an app. All of it is sealed and
// travels with the browser; the server keeps nothing.
package journey

import (
	"crypto/subtle"
	"slices"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// Journey is what remains of a logout. The marker cookie carries it.
type Journey struct {
	Visit   *Visit     `json:"v,omitempty"`
	Tour    *tour.Tour `json:"t,omitempty"` // before the visit, or for "cookies" after it
	Touring bool       `json:"w,omitempty"` // the browser is on its way
	Sweep   Sweep      `json:"r"`
	Seen    []byte     `json:"s,omitempty"` // digests of the cookies that were no business of the logout
}

// IsAbout reports whether a state is the one that this logout left with.
func (j *Journey) IsAbout(st State, own origin.Origin) bool {
	id := ""
	switch {
	case j.Tour != nil:
		id = j.Tour.ID
	case j.Visit != nil:
		id = j.Visit.ID
	}
	return id != "" && st.Site == own.String() && subtle.ConstantTimeCompare([]byte(st.ID), []byte(id)) == 1
}

// IsOn reports whether the browser of this journey is on the way of a tour.
func (j *Journey) IsOn(t tour.Tour) bool {
	return j.Touring && j.Tour != nil && j.Sweep.Landing != nil && j.Tour.ID == t.ID
}

// IsAway reports whether the browser is at other sites or at the provider, and
// does not come back from there with a request for path.
func (j *Journey) IsAway(path string) bool {
	if j.Tour != nil {
		return j.Touring
	}
	v := j.Visit
	return v != nil && v.Stage != "" && (v.Stage != StageEnd || v.BackPath == "" || v.BackPath != path)
}

// Untouched clears nothing more: there is a session again, or may be one.
func (j Journey) Untouched() Journey {
	if j.Sweep.Landing != nil {
		done := *j.Sweep.Landing
		done.Clear = nil
		j.Sweep.Landing = &done
	}
	return j
}

// Unproven is for a provider that sends no state back, so that anybody could
// have sent the browser. What that could do to somebody who signed in since, in
// a way that we do not see, is left out.
func (j Journey) Unproven() Journey {
	due := j.Sweep.Landing != nil && slices.Contains(j.Sweep.Landing.Clear, cookie.ClearCookies)
	j = j.Untouched()
	if due {
		j.Sweep.Landing.Clear = []string{cookie.ClearCookies}
	}
	return j
}

// Untrusted does nothing more, for it is not known who asks for it.
func (j Journey) Untrusted() Journey {
	j = j.Untouched()
	if j.Sweep.Landing != nil {
		j.Sweep.Landing.Target = ""
	}
	return j
}

// isSound reports whether anything is left to do, at a path that is one.
func (j *Journey) isSound() bool {
	if left := j.Sweep.Leftover; left != nil {
		return origin.IsPlainPath(left.Path)
	}
	return j.Visit != nil || j.Tour != nil
}

// lifetime is how long this journey may take: longer while the browser is at
// sites or at the provider, where a person may have to do something.
func (j *Journey) lifetime() time.Duration {
	if j.Touring || j.Visit != nil && slices.Contains([]string{StageHint, StageEnd}, j.Visit.Stage) {
		return VisitLifetime
	}
	return MarkerLifetime
}

// shorter leaves out what is the least important. ok is false if all that is
// left is needed.
func (j Journey) shorter() (shorter Journey, ok bool) {
	visit := func(change func(v *Visit)) {
		v := *j.Visit
		change(&v)
		j.Visit = &v
	}
	switch v, done := j.Visit, j.Sweep.Landing; {
	case v != nil && len(v.Hints) > 0:
		visit(func(v *Visit) { v.Hints = nil }) // there is the silent question
	case v != nil && v.AppURL != "":
		visit(func(v *Visit) { v.AppURL = "" })
	case done != nil && done.Target != "":
		here := *done
		here.Target = ""
		j.Sweep.Landing = &here
	case j.Sweep.Leftover != nil:
		j.Sweep.Leftover = nil
	default:
		return j, false
	}
	return j, true
}

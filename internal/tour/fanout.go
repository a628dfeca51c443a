package tour

import (
	"slices"
	"strconv"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

const (
	Lifetime = 10 * time.Minute

	// maxSiblings is how many sites one page asks at a time: all of them stand
	// in its Content-Security-Policy.
	maxSiblings = 100
)

// tour is what its token holds.
type Tour struct {
	ID     string `json:"i"` // of the logout
	Group  string `json:"g"`
	Server string `json:"v"` // that took the logout
	Start  string `json:"s"` // the origin where it began and ends
	Digest []byte `json:"d"` // of the itinerary
	Made   int64  `json:"m"`
	At     int    `json:"p"` // the stop whose page has this token
	Hops   int    `json:"h,omitempty"`
	Apps   []byte `json:"a"` // what became of each app: a result

	// Cookies is the second round: Clear-Site-Data "cookies", which in Chromium
	// would take from other sites what they still need (CSD-06).
	Cookies bool `json:"c,omitempty"`

	// Open: the hub remembers this tour, and has to be told when it is over.
	Open bool `json:"o,omitempty"`
}

// result is what became of one app, in a byte: its outcome, and what its site
// still needs.
type Result byte

const (
	Unvisited Result = iota
	None
	Ended
	Cleared
	Failed
	Unreached
	Revoked

	resultMask Result = 0x0f

	// needsStorage: a page of the site itself must clear its storage, because
	// WebKit clears a sibling's on nothing else.
	NeedsStorage Result = 0x10
	// needsCookies: the site is due in the second round.
	NeedsCookies Result = 0x20
)

var Outcomes = map[Result]outcome.Outcome{
	None: outcome.None, Ended: outcome.Ended, Cleared: outcome.Cleared,
	Failed: outcome.Failed, Unreached: outcome.Failed, Revoked: outcome.Revoked,
}

func ResultOf(out outcome.Outcome) Result {
	switch out {
	case outcome.None:
		return None
	case outcome.Ended:
		return Ended
	case outcome.Cleared:
		return Cleared
	case outcome.Revoked:
		return Revoked
	case outcome.Failed:
	}
	return Failed
}

func (r Result) Plain() Result { return r & resultMask }

// word is what a site says about one of its apps. It goes back to the next hop
// with the page's form.
type Report struct {
	ID     string           `json:"i"` // of the logout
	App    int              `json:"a"`
	Result Result           `json:"r"`
	Rest   *cookie.Leftover `json:"l,omitempty"` // expirations that found no room
}

func (t *Tour) Result(app int) Result { return Result(t.Apps[app]) }

func (t *Tour) Set(app int, r Result) { t.Apps[app] = byte(r) }

func (t *Tour) Clone() *Tour { c := *t; c.Apps = slices.Clone(t.Apps); return &c }

func (t *Tour) Finished(app int) bool { return t.Result(app).Plain() != Unvisited }

func (s *Stop) any(is func(int) bool) bool {
	for i := range s.Bases {
		if is(s.First + i) {
			return true
		}
	}
	return false
}

// isDue reports whether a stop has anything left to do in this round.
func (t *Tour) IsDue(s *Stop) bool {
	if t.Cookies {
		return s.any(func(app int) bool { return t.Result(app)&NeedsCookies != 0 })
	}
	return s.any(func(app int) bool { return !t.Finished(app) || t.Result(app)&NeedsStorage != 0 })
}

// next is the stop that follows, -1 if none does: first those that are
// same-site with the page, whose way is short.
func (t *Tour) Next(it *Itinerary) int {
	if t.Hops > 2*len(it.Stops)+4 {
		return -1 // whatever is left could not be done
	}
	here := it.Stops[t.At].Domain
	for _, sameSite := range []bool{true, false} {
		for i := range it.Stops {
			if s := &it.Stops[i]; i != t.At && (s.Domain == here) == sameSite && t.IsDue(s) {
				return i
			}
		}
	}
	return -1
}

// asks are the apps that the page's script asks for, at their own addresses.
func (t *Tour) Asks(it *Itinerary) (apps []int) {
	here := &it.Stops[t.At]
	for i := range it.Stops {
		s := &it.Stops[i]
		if s.Domain != here.Domain {
			continue
		}
		for n := range s.Bases {
			app := s.First + n
			due := !t.Finished(app)
			if t.Cookies {
				due = t.Result(app)&NeedsCookies != 0
			}
			if due && len(apps) < maxSiblings {
				apps = append(apps, app)
			}
		}
	}
	return apps
}

// find is the stop behind an app's number, and where on it the app lies.
func (it *Itinerary) Find(app int) (s *Stop, base string) {
	for i := range it.Stops {
		if s := &it.Stops[i]; app >= s.First && app < s.First+len(s.Bases) {
			return s, s.Bases[app-s.First]
		}
	}
	return nil, ""
}

// skip gives up a site that the browser has no way to: a name that means
// nothing where it is, a network that does not let it through.
func (t *Tour) Skip(it *Itinerary, number string) {
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 || n >= len(it.Stops) || n == t.At {
		return
	}
	for i := range it.Stops[n].Bases {
		app := it.Stops[n].First + i
		if t.Set(app, t.Result(app)&^NeedsStorage&^NeedsCookies); !t.Finished(app) {
			t.Set(app, Unreached)
		}
	}
}

const (
	ReportOver = "over"  // the hub was told that the tour is over
	ReportSkip = "skip:" // and the number of a stop that cannot be reached
)

// afterAsking is the tour as it is when all that its page asks is answered.
func (t *Tour) AfterAsking(it *Itinerary) *Tour {
	after := t.Clone()
	for _, app := range t.Asks(it) {
		after.Set(app, None)
	}
	return after
}

// goesOn reports whether there are stops after this page.
func (t *Tour) GoesOn(it *Itinerary) bool { return t.AfterAsking(it).Next(it) >= 0 }

// steps counts the apps that this round is done with, and all.
func (t *Tour) Steps(it *Itinerary) (done, all int) {
	for i := range it.Stops {
		s := &it.Stops[i]
		for n := range s.Bases {
			app := s.First + n
			if all++; t.Cookies && t.Result(app)&NeedsCookies == 0 || !t.Cookies && t.Finished(app) {
				done++
			}
		}
	}
	return done, all
}

// found reports whether any app had a session.
func (t *Tour) Found() bool {
	return slices.ContainsFunc(t.Apps, func(b byte) bool {
		p := Result(b).Plain()
		return p != Unvisited && p != None && p != Unreached
	})
}

// failed reports whether any app could not be ended, or not be reached.
func (t *Tour) Failed() bool {
	return slices.ContainsFunc(t.Apps, func(b byte) bool {
		p := Result(b).Plain()
		return p == Unvisited || Outcomes[p] == outcome.Failed
	})
}

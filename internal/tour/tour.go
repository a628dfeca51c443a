// Package tour is the way of a browser through the sites of a group: the sites
// in order, what became of each app, and the steps that are done once only.
package tour

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

const (
	Lifetime = 10 * time.Minute // of the token that is a tour

	// maxSiblings is how many sites one page asks at a time: all of them stand
	// in its Content-Security-Policy.
	maxSiblings = 100
)

// Tour is one logout on its way through the sites of its group. It is all in a
// token that the browser carries from site to site: any node can go on with it.
type Tour struct {
	ID      string `json:"i"` // of the logout
	Group   string `json:"g"`
	Server  string `json:"v"` // that took the logout
	Start   string `json:"s"` // the origin where it began and ends
	Digest  []byte `json:"d"` // of the itinerary
	Made    int64  `json:"m"` // in seconds of Unix time
	At      int    `json:"p"` // the stop whose page has this token
	Hops    int    `json:"h,omitempty"`
	Results []byte `json:"a"` // what became of each app: a Result

	// Cookies is the cookie pass: Clear-Site-Data "cookies", which in Chromium
	// would take from other sites what they still need (CSD-06).
	Cookies bool `json:"c,omitempty"`

	// Open: the hub remembers this tour, and has to be told when it is over.
	Open bool `json:"o,omitempty"`
}

// Begin notes what became of the app where the tour begins, by its number.
func (t *Tour) Begin(number int, out outcome.Outcome) {
	if number >= 0 && number < len(t.Results) {
		t.SetResult(number, ResultOf(out))
	}
}

// Result is what became of an app, by its number.
func (t *Tour) Result(app int) Result { return Result(t.Results[app]) }

// SetResult notes what became of an app.
func (t *Tour) SetResult(app int, r Result) { t.Results[app] = byte(r) }

// Clone shares nothing with t that changes.
func (t *Tour) Clone() *Tour { c := *t; c.Results = slices.Clone(t.Results); return &c }

// Finished reports whether an app had its turn.
func (t *Tour) Finished(app int) bool { return t.Result(app).Plain() != Unvisited }

// owes reports whether an app still has its turn in this pass.
func (t *Tour) owes(app int) bool {
	if t.Cookies {
		return t.Result(app)&NeedsCookies != 0
	}
	return !t.Finished(app)
}

// IsDue reports whether a stop has anything left to do in this pass.
func (t *Tour) IsDue(s *Stop) bool {
	for app := range s.apps() {
		if t.owes(app) || !t.Cookies && t.Result(app)&NeedsStorage != 0 {
			return true
		}
	}
	return false
}

// Next is the number of the stop that follows, -1 if none does: first those
// that are same-site with the page, whose way is short.
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

// Asks are the numbers of the apps that the page's script asks for, at their
// own addresses.
func (t *Tour) Asks(it *Itinerary) (apps []int) {
	here := &it.Stops[t.At]
	for i := range it.Stops {
		s := &it.Stops[i]
		if s.Domain != here.Domain {
			continue
		}
		for app := range s.apps() {
			if t.owes(app) && len(apps) < maxSiblings {
				apps = append(apps, app)
			}
		}
	}
	return apps
}

// Skip gives up a site that the browser has no way to: a name that means
// nothing where it is, a network that does not let it through. The number of
// the stop is what a client sent; one that is none means nothing.
func (t *Tour) Skip(it *Itinerary, number string) {
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 || n >= len(it.Stops) || n == t.At {
		return
	}
	for app := range it.Stops[n].apps() {
		if t.SetResult(app, t.Result(app)&^NeedsStorage&^NeedsCookies); !t.Finished(app) {
			t.SetResult(app, Unreached)
		}
	}
}

// AfterAsking is the tour as it is when all that its page asks is answered.
func (t *Tour) AfterAsking(it *Itinerary) *Tour {
	after := t.Clone()
	for _, app := range t.Asks(it) {
		after.SetResult(app, None)
	}
	return after
}

// GoesOn reports whether there are stops after this page.
func (t *Tour) GoesOn(it *Itinerary) bool { return t.AfterAsking(it).Next(it) >= 0 }

// Progress counts the apps that this pass is done with, and all.
func (t *Tour) Progress(it *Itinerary) (done, all int) {
	for i := range it.Stops {
		for app := range it.Stops[i].apps() {
			if all++; !t.owes(app) {
				done++
			}
		}
	}
	return done, all
}

// Found reports whether any app had a session.
func (t *Tour) Found() bool {
	return slices.ContainsFunc(t.Results, func(b byte) bool {
		p := Result(b).Plain()
		return p != Unvisited && p != None && p != Unreached
	})
}

// Failed reports whether any app could not be ended, or not be reached.
func (t *Tour) Failed() bool {
	return slices.ContainsFunc(t.Results, func(b byte) bool {
		p := Result(b).Plain()
		return p == Unvisited || p.Outcome() == outcome.Failed
	})
}

// CookiePass is the tour to the sites that are to clear all cookies: those
// that are same-site with the landing page, or the others.
func (t *Tour) CookiePass(it *Itinerary, near bool) *Tour {
	second := t.Clone()
	second.Cookies, second.At, second.Hops, second.Open = true, 0, 0, false
	for i := range it.Stops {
		s := &it.Stops[i]
		if i != 0 && (s.Domain == it.Stops[0].Domain) == near {
			continue
		}
		for app := range s.apps() {
			second.SetResult(app, second.Result(app)&^NeedsCookies)
		}
	}
	return second
}

// Log says what became of all apps, in the log of whoever runs the site.
func (t *Tour) Log(logger *zap.Logger, it *Itinerary) {
	counts := make(map[outcome.Outcome]int)
	unvisited := 0
	for _, b := range t.Results {
		if out := Result(b).Plain().Outcome(); out != "" {
			counts[out]++
		} else {
			unvisited++
		}
	}
	logger.Info("went through the sites", zap.String("logout_id", t.ID), zap.String("host", origin.Parse(t.Start).Host),
		zap.String("group", t.Group), zap.Int("sites", len(it.Stops)), zap.Int("ended", counts[outcome.Ended]),
		zap.Int("revoked", counts[outcome.Revoked]), zap.Int("cleared", counts[outcome.Cleared]), zap.Int("none", counts[outcome.None]), zap.Int("failed", counts[outcome.Failed]),
		zap.Int("unvisited", unvisited), zap.Bool("second_round", t.Cookies))
}

// Merge takes what a page's script has collected: reports, which open reads, and
// what the page has to say itself. Without anything no script ran, and nobody was
// asked. An app that was asked and has no report has failed.
func (t *Tour) Merge(it *Itinerary, said string, open func(token string) (Report, bool)) {
	if said == "" {
		return
	}
	asked := t.Asks(it)
	if it.Hub > 0 && !t.Cookies && t.GoesOn(it) && slices.Contains(asked, it.Stops[it.Hub].FirstApp) {
		t.Open = true
	}
	for token := range strings.FieldsSeq(said) {
		if token == SaidOver {
			t.Open = false
		}
		if n, isSkip := strings.CutPrefix(token, saidSkip); isSkip {
			t.Skip(it, n)
		}
		if report, ok := open(token); ok && report.ID == t.ID && slices.Contains(asked, report.AppNo) {
			t.SetResult(report.AppNo, report.Result)
		}
	}
	for _, app := range asked {
		switch {
		case t.Cookies:
			t.SetResult(app, t.Result(app)&^NeedsCookies)
		case !t.Finished(app):
			t.SetResult(app, Unreached)
		}
	}
}

package universallogout

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// A tour takes the browser to the other sites of a group. What it needs to
// know travels with the browser, sealed: any node can take any hop.
//
// The page of each hop has a token. It is worth something in two places only:
// at the address that its form leads to, if the browser says that the form was
// on that very page (Origin), and at /site of the page's own site and of those
// that are same-site with it, if a script of that page asks.

const (
	tourPurpose  = "tour"
	wordPurpose  = "word"
	tourLifetime = 10 * time.Minute

	// maxSiblings is how many sites one page asks at a time: all of them stand
	// in its Content-Security-Policy.
	maxSiblings = 100
)

// tour is what its token holds.
type tour struct {
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
type result byte

const (
	resultUnvisited result = iota
	resultNone
	resultEnded
	resultCleared
	resultFailed
	resultUnreached
	resultRevoked

	resultMask result = 0x0f

	// needsStorage: a page of the site itself must clear its storage, because
	// WebKit clears a sibling's on nothing else.
	needsStorage result = 0x10
	// needsCookies: the site is due in the second round.
	needsCookies result = 0x20
)

var outcomes = map[result]outcome.Outcome{
	resultNone: outcome.None, resultEnded: outcome.Ended, resultCleared: outcome.Cleared,
	resultFailed: outcome.Failed, resultUnreached: outcome.Failed, resultRevoked: outcome.Revoked,
}

func resultOf(out outcome.Outcome) result {
	switch out {
	case outcome.None:
		return resultNone
	case outcome.Ended:
		return resultEnded
	case outcome.Cleared:
		return resultCleared
	case outcome.Revoked:
		return resultRevoked
	case outcome.Failed:
	}
	return resultFailed
}

func (r result) plain() result { return r & resultMask }

// word is what a site says about one of its apps. It goes back to the next hop
// with the page's form.
type word struct {
	ID     string           `json:"i"` // of the logout
	App    int              `json:"a"`
	Result result           `json:"r"`
	Rest   *cookie.Leftover `json:"l,omitempty"` // expirations that found no room
}

func (a *App) sealTour(t tour) string {
	plain, err := json.Marshal(t)
	if err != nil { // strings and numbers only
		return ""
	}
	return a.shared.keys.Seal(tourPurpose, plain)
}

// openTour reads a token, and finds the way that it is about.
func (a *App) openTour(token string) (t tour, it itinerary, ok bool) {
	plain, err := a.shared.keys.Open(tourPurpose, token)
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return tour{}, itinerary{}, false
	}
	it, ok = a.itineraryOf(t)
	return t, it, ok && a.recent(t.Made, tourLifetime) // a t that was ours, if it is too old or the configuration has changed
}

// itineraryOf is the way of a tour. If the configuration has changed, the
// tour's numbers mean nothing any more.
func (a *App) itineraryOf(t tour) (it itinerary, ok bool) {
	for _, l := range a.registry().listeners {
		if l.Name != t.Server {
			continue
		}
		it = a.tourFrom(l, origin.Parse(t.Start), t.Group)
		if string(it.digest) == string(t.Digest) && len(t.Apps) == it.apps && t.At >= 0 && t.At < len(it.stops) {
			return it, true
		}
		break
	}
	return itinerary{}, false
}

func (a *App) sealWord(w word) string {
	plain, err := json.Marshal(w)
	if err != nil { // strings and numbers only
		return ""
	}
	return a.shared.keys.Seal(wordPurpose, plain)
}

func (a *App) openWord(token string) (w word, ok bool) {
	plain, err := a.shared.keys.Open(wordPurpose, token)
	if err != nil || json.Unmarshal(plain, &w) != nil {
		return word{}, false
	}
	return w, true
}

// newTour begins one, if there is anywhere to go.
func (a *App) newTour(r *http.Request, own origin.Origin, group, id string) (*tour, itinerary) {
	l := a.listenerFor(r)
	if l == nil || !own.Trustworthy() {
		return nil, itinerary{}
	}
	it := a.tourFrom(l, own, group)
	if it.apps == 0 {
		return nil, it
	}
	return &tour{
		ID: id, Group: group, Server: l.Name, Start: own.String(), Digest: it.digest,
		Made: a.now().Unix(), Apps: make([]byte, it.apps),
	}, it
}

func (t *tour) result(app int) result { return result(t.Apps[app]) }
func (t *tour) set(app int, r result) { t.Apps[app] = byte(r) }
func (t *tour) clone() *tour          { c := *t; c.Apps = slices.Clone(t.Apps); return &c }
func (t *tour) finished(app int) bool { return t.result(app).plain() != resultUnvisited }
func (s *stop) any(is func(int) bool) bool {
	for i := range s.apps {
		if is(s.first + i) {
			return true
		}
	}
	return false
}

// isDue reports whether a stop has anything left to do in this round.
func (t *tour) isDue(s *stop) bool {
	if t.Cookies {
		return s.any(func(app int) bool { return t.result(app)&needsCookies != 0 })
	}
	return s.any(func(app int) bool { return !t.finished(app) || t.result(app)&needsStorage != 0 })
}

// next is the stop that follows, -1 if none does: first those that are
// same-site with the page, whose way is short.
func (t *tour) next(it *itinerary) int {
	if t.Hops > 2*len(it.stops)+4 {
		return -1 // whatever is left could not be done
	}
	here := it.stops[t.At].domain
	for _, sameSite := range []bool{true, false} {
		for i := range it.stops {
			if s := &it.stops[i]; i != t.At && (s.domain == here) == sameSite && t.isDue(s) {
				return i
			}
		}
	}
	return -1
}

// asks are the apps that the page's script asks for, at their own addresses.
func (t *tour) asks(it *itinerary) (apps []int) {
	here := &it.stops[t.At]
	for i := range it.stops {
		s := &it.stops[i]
		if s.domain != here.domain {
			continue
		}
		for n := range s.apps {
			app := s.first + n
			due := !t.finished(app)
			if t.Cookies {
				due = t.result(app)&needsCookies != 0
			}
			if due && len(apps) < maxSiblings {
				apps = append(apps, app)
			}
		}
	}
	return apps
}

// find is the stop and the app behind a number.
func (it *itinerary) find(app int) (*stop, *siteApp) {
	for i := range it.stops {
		if s := &it.stops[i]; app >= s.first && app < s.first+len(s.apps) {
			return s, &s.apps[app-s.first]
		}
	}
	return nil, nil
}

// siteURL is where a script asks for an app. Cookies that are limited to the
// app's path are sent nowhere else.
func (a *App) siteURL(s *stop, app *siteApp) string {
	if app.base == "" {
		return s.origin.String() + a.Prefix + "/site"
	}
	return s.origin.String() + app.base + "/?" + logoutpath.OwnParameter + "=site"
}

// merge takes the words that a page's script has collected. Without any, no
// script ran, and nobody was asked. Who was asked and has no word has failed.
func (a *App) merge(t *tour, it *itinerary, said string) {
	if said == "" {
		return
	}
	asked := t.asks(it)
	if it.hub > 0 && !t.Cookies && t.goesOn(it) && slices.Contains(asked, it.stops[it.hub].first) {
		t.Open = true
	}
	for token := range strings.FieldsSeq(said) {
		if token == wordOver {
			t.Open = false
		}
		if n, isSkip := strings.CutPrefix(token, wordSkip); isSkip {
			t.skip(it, n)
		}
		if w, ok := a.openWord(token); ok && w.ID == t.ID && slices.Contains(asked, w.App) {
			t.set(w.App, w.Result)
		}
	}
	for _, app := range asked {
		switch {
		case t.Cookies:
			t.set(app, t.result(app)&^needsCookies)
		case !t.finished(app):
			t.set(app, resultUnreached)
		}
	}
}

// skip gives up a site that the browser has no way to: a name that means
// nothing where it is, a network that does not let it through.
func (t *tour) skip(it *itinerary, number string) {
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 || n >= len(it.stops) || n == t.At {
		return
	}
	for i := range it.stops[n].apps {
		app := it.stops[n].first + i
		if t.set(app, t.result(app)&^needsStorage&^needsCookies); !t.finished(app) {
			t.set(app, resultUnreached)
		}
	}
}

const (
	wordOver = "over"  // the hub was told that the tour is over
	wordSkip = "skip:" // and the number of a stop that cannot be reached
)

// afterAsking is the tour as it is when all that its page asks is answered.
func (t *tour) afterAsking(it *itinerary) *tour {
	after := t.clone()
	for _, app := range t.asks(it) {
		after.set(app, resultNone)
	}
	return after
}

// goesOn reports whether there are stops after this page.
func (t *tour) goesOn(it *itinerary) bool { return t.afterAsking(it).next(it) >= 0 }

// steps counts the apps that this round is done with, and all.
func (t *tour) steps(it *itinerary) (done, all int) {
	for i := range it.stops {
		s := &it.stops[i]
		for n := range s.apps {
			app := s.first + n
			if all++; t.Cookies && t.result(app)&needsCookies == 0 || !t.Cookies && t.finished(app) {
				done++
			}
		}
	}
	return done, all
}

// found reports whether any app had a session.
func (t *tour) found() bool {
	return slices.ContainsFunc(t.Apps, func(b byte) bool {
		p := result(b).plain()
		return p != resultUnvisited && p != resultNone && p != resultUnreached
	})
}

// failed reports whether any app could not be ended, or not be reached.
func (t *tour) failed() bool {
	return slices.ContainsFunc(t.Apps, func(b byte) bool {
		p := result(b).plain()
		return p == resultUnvisited || outcomes[p] == outcome.Failed
	})
}

package journey

import (
	"slices"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// TestIsAbout: a state is of one logout at one site. A tour comes before the
// visit.
func TestIsAbout(t *testing.T) {
	for name, tc := range map[string]struct {
		journey Journey
		state   State
		own     origin.Origin
		want    bool
	}{
		"its visit":              {Journey{Visit: visit()}, State{ID: "visit", Site: app.String()}, app, true},
		"its tour":               {Journey{Tour: aTour()}, State{ID: "tour", Site: app.String()}, app, true},
		"its tour, before":       {Journey{Tour: aTour(), Visit: visit()}, State{ID: "tour", Site: app.String()}, app, true},
		"its visit, too early":   {Journey{Tour: aTour(), Visit: visit()}, State{ID: "visit", Site: app.String()}, app, false},
		"another logout's":       {Journey{Visit: visit()}, State{ID: "another", Site: app.String()}, app, false},
		"another site's":         {Journey{Visit: visit()}, State{ID: "visit", Site: other.String()}, app, false},
		"at another site":        {Journey{Visit: visit()}, State{ID: "visit", Site: app.String()}, other, false},
		"http":                   {Journey{Visit: visit()}, State{ID: "visit", Site: "http://app.example.com"}, app, false},
		"nothing to be about":    {Journey{Sweep: sweep()}, State{Site: app.String()}, app, false},
		"no id":                  {Journey{Visit: new(Visit)}, State{Site: app.String()}, app, false},
		"the zero state":         {Journey{Visit: visit()}, State{}, app, false},
		"the beginning of an id": {Journey{Visit: visit()}, State{ID: "vis", Site: app.String()}, app, false},
	} {
		if got := tc.journey.IsAbout(tc.state, tc.own); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestIsOn: only a browser that is on its way, and has a page to come back to.
func TestIsOn(t *testing.T) {
	on := Journey{Tour: aTour(), Touring: true, Sweep: sweep()}
	waits, another, nowhere := on, on, on
	waits.Touring = false
	another.Tour = &tour.Tour{ID: "another"}
	nowhere.Sweep = sweep().WithoutLanding()
	for name, tc := range map[string]struct {
		journey Journey
		want    bool
	}{
		"on it": {on, true}, "not yet": {waits, false}, "another": {another, false}, "nowhere to end": {nowhere, false},
		"no tour": {Journey{Touring: true, Sweep: sweep()}, false}, "nothing": {Journey{}, false},
	} {
		if got := tc.journey.IsOn(*aTour()); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestIsAway: a browser comes back from the provider's logout with the path that
// it was sent to, and with no other.
func TestIsAway(t *testing.T) {
	at := func(stage, back string) Journey {
		return Journey{Visit: &Visit{Stage: stage, BackPath: back}, Sweep: sweep()}
	}
	for name, tc := range map[string]struct {
		journey Journey
		path    string
		want    bool
	}{
		"expirations only":               {Journey{Sweep: sweep()}, "/", false},
		"before the visit":               {at("", ""), "/", false},
		"asked who it is":                {at(StageHint, ""), "/", true},
		"asked who it is, with a path":   {at(StageHint, "/"), "/", true},
		"at the end":                     {at(StageEnd, ""), "/", true},
		"at the end, back at the app":    {at(StageEnd, "/bye"), "/bye", false},
		"at the end, elsewhere":          {at(StageEnd, "/bye"), "/", true},
		"at the end, back without a way": {at(StageEnd, ""), "", true},
		"before the tour":                {Journey{Tour: aTour(), Visit: at(StageEnd, "/").Visit}, "/", false},
		"on the tour":                    {Journey{Tour: aTour(), Touring: true, Visit: at("", "").Visit}, "/", true},
	} {
		if got := tc.journey.IsAway(tc.path); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestLessIsDone: the less is known of who comes back, the less is done; the
// caller's journey stays as it is.
func TestLessIsDone(t *testing.T) {
	for name, tc := range map[string]struct {
		less   func(Journey) Journey
		clears []string
		want   []string
		target string
	}{
		"signed in again":          {Journey.Untouched, []string{cookie.ClearCache, cookie.ClearCookies}, nil, "/bye"},
		"unproven":                 {Journey.Unproven, []string{cookie.ClearCache, cookie.ClearCookies}, []string{cookie.ClearCookies}, "/bye"},
		"unproven without cookies": {Journey.Unproven, []string{cookie.ClearCache}, nil, "/bye"},
		"untrusted":                {Journey.Untrusted, []string{cookie.ClearCache, cookie.ClearCookies}, nil, ""},
	} {
		given := Journey{Sweep: sweep()}
		given.Sweep.Landing.Clear = tc.clears
		done := tc.less(given).Sweep.Landing
		if !slices.Equal(done.Clear, tc.want) || done.Target != tc.target || done.Browser != "browser" {
			t.Errorf("%s: %+v", name, done)
		}
		if before := given.Sweep.Landing; !slices.Equal(before.Clear, tc.clears) || before.Target != "/bye" {
			t.Errorf("%s: the caller's became %+v", name, before)
		}
		if done := tc.less(Journey{Visit: visit()}).Sweep.Landing; done != nil {
			t.Errorf("%s: makes a landing page", name)
		}
	}
}

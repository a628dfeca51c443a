package journey

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestMarkerLeavesTheLeastImportantOut: first the hints, last the expirations;
// what there is room for stays.
func TestMarkerLeavesTheLeastImportantOut(t *testing.T) {
	s := newLab(t)
	const hints, appURL, target, expirations = "hints", "the app's address", "the target", "the expirations"
	big := strings.Repeat("x", 3000)
	for name, tc := range map[string]struct {
		change func(j *Journey)
		lost   string
		ok     bool
	}{
		"all fits":          {func(*Journey) {}, "", true},
		"hints":             {func(j *Journey) { j.Visit.Hints = []string{big} }, hints, true},
		"the app's address": {func(j *Journey) { j.Visit.AppURL = big }, hints + appURL, true},
		"the target":        {func(j *Journey) { j.Sweep.Landing.Target = big }, hints + appURL + target, true},
		"the expirations":   {func(j *Journey) { j.Sweep.Leftover.Places = []string{big} }, hints + appURL + target + expirations, true},
		"what is needed":    {func(j *Journey) { j.Visit.Verifier = big }, "", false},
		"the digests":       {func(j *Journey) { j.Seen = []byte(big) }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			full := func() Journey {
				v := visit()
				v.Hints, v.AppURL = []string{"hint"}, "https://sso.example.com/"
				j := Journey{Visit: v, Sweep: sweep()}
				tc.change(&j)
				return j
			}
			given, want := full(), full()
			line, ok := s.SealMarker(app, given, MarkerLifetime)
			if !reflect.DeepEqual(given, want) {
				t.Error("the caller's journey is another one")
			}
			if ok != tc.ok || !ok && line != "" || len(line) > 4096 {
				t.Fatalf("%t, %d bytes", ok, len(line))
			}
			if !ok {
				return
			}
			for what, cut := range map[string]func(j *Journey){
				hints: func(j *Journey) { j.Visit.Hints = nil }, appURL: func(j *Journey) { j.Visit.AppURL = "" },
				target: func(j *Journey) { j.Sweep.Landing.Target = "" }, expirations: func(j *Journey) { j.Sweep.Leftover = nil },
			} {
				if strings.Contains(tc.lost, what) {
					cut(&want)
				}
			}
			if got, ok := s.OpenMarker(get("", pair(line)), app); !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("%t, it says %+v, want %+v", ok, got, want)
			}
		})
	}
}

// TestMarkerLifetimes: a minute for the next page, and ten while somebody is at
// other sites or at the provider.
func TestMarkerLifetimes(t *testing.T) {
	oneMinute := []lifetime{{0, true}, {-time.Minute, true}, {-time.Minute - time.Second, false}, {time.Minute, true}, {time.Minute + time.Second, false}}
	for name, tc := range map[string]struct {
		journey Journey
		lives   []lifetime
	}{
		"expirations":           {Journey{Sweep: sweep()}, oneMinute},
		"before the visit":      {Journey{Visit: visit(), Sweep: sweep()}, oneMinute},
		"before the tour":       {Journey{Tour: aTour(), Sweep: sweep()}, oneMinute},
		"on the tour":           {Journey{Tour: aTour(), Touring: true, Sweep: sweep()}, tenMinutes},
		"asked who it is":       {Journey{Visit: &Visit{Stage: StageHint}, Sweep: sweep()}, tenMinutes},
		"at the provider's end": {Journey{Visit: &Visit{Stage: StageEnd}, Sweep: sweep()}, tenMinutes},
		"a stage of the future": {Journey{Visit: &Visit{Stage: "later"}, Sweep: sweep()}, oneMinute},
	} {
		for _, at := range tc.lives {
			s := newLab(t)
			line, _ := s.SealMarker(app, tc.journey, VisitLifetime)
			s.now = start.Add(at.after)
			if _, ok := s.OpenMarker(get("", pair(line)), app); ok != at.ok {
				t.Errorf("%s, %s later: %t", name, at.after, ok)
			}
		}
	}
}

// TestMarkerIsOfItsHost: one that was carried elsewhere, or leaves nothing to
// do, or leads nowhere, is none.
func TestMarkerIsOfItsHost(t *testing.T) {
	elsewhere, nowhere, nothing := sweep(), sweep(), sweep()
	elsewhere.Host = other.Host
	left := *nowhere.Leftover
	left.Path = "//evil.example/"
	nowhere.Leftover = &left
	nothing.Leftover = nil
	plain := origin.Origin{Scheme: "http", Host: app.Host}
	for name, tc := range map[string]struct {
		journey Journey
		own     origin.Origin
		ok      bool
	}{
		"its own":            {Journey{Sweep: sweep()}, app, true},
		"its own, http":      {Journey{Sweep: sweep()}, plain, true},
		"another host's":     {Journey{Sweep: elsewhere}, app, false},
		"at another host":    {Journey{Sweep: sweep()}, other, false},
		"leads away":         {Journey{Sweep: nowhere, Visit: visit()}, app, false},
		"nothing left to do": {Journey{Sweep: nothing}, app, false},
		"a visit":            {Journey{Sweep: nothing, Visit: visit()}, app, true},
		"a tour":             {Journey{Sweep: nothing, Tour: aTour()}, app, true},
	} {
		s := newLab(t)
		line, ok := s.SealMarker(tc.own, tc.journey, time.Minute)
		if !ok || strings.HasPrefix(line, "__Host-") != tc.own.IsHTTPS() || !strings.Contains(line, "Max-Age=60") {
			t.Errorf("%s: %t %s", name, ok, line)
		}
		r := get("", "a=b; "+pair(line))
		if _, ok := s.OpenMarker(r, tc.own); ok != tc.ok {
			t.Errorf("%s: %t", name, ok)
		}
		if !HasMarker(r.Header["Cookie"]) {
			t.Errorf("%s: is not seen", name)
		}
	}
	for _, lines := range [][]string{nil, {""}, {"a=b", "__Host-universal-logout=browser"}} {
		if HasMarker(lines) {
			t.Errorf("sees one in %q", lines)
		}
	}
	// https does not believe a cookie that http, or a sibling, could have set.
	s := newLab(t)
	line, _ := s.SealMarker(plain, Journey{Sweep: sweep()}, time.Minute)
	if _, ok := s.OpenMarker(get("", pair(line)), app); ok {
		t.Error("takes a marker without __Host-")
	}
}

package pages

import (
	"slices"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// TestOnePlaceForWords: every outcome has words, and those that name the host
// name it once.
func TestOnePlaceForWords(t *testing.T) {
	for _, out := range []outcome.Outcome{outcome.Ended, outcome.Revoked, outcome.Cleared, outcome.None, outcome.Failed, ""} {
		p := Landing{Outcome: out, Host: "app.example.com"}.Page()
		if p.Title == "" || p.Text == "" || strings.Contains(p.Text, "%") {
			t.Errorf("%q: %+v", out, p)
		}
		if strings.Contains(p.Text, "app.example.com") != (out != "") {
			t.Errorf("%q: %s", out, p.Text)
		}
		if textApp[out] == "" && out != outcome.None { // which is counted
			t.Errorf("%q: nothing to say of an app", out)
		}
	}
}

// TestLandingSays: the best news that is true, and no better.
func TestLandingSays(t *testing.T) {
	ended, none := App{"a.example.com", "https://a.example.com/", outcome.Ended}, App{"b.example.com", "https://b.example.com/", outcome.None}
	failed, away := App{"c.example.com", "https://c.example.com/", outcome.Failed}, App{"d.example.com", "https://d.example.com/", ""}
	also := []Link{{"Mail", "https://mail.example/out"}}
	for _, tc := range []struct {
		name  string
		says  Landing
		mood  mood
		title string
		left  string // the names
		apps  int
		note  string
	}{
		{"one app", Landing{Outcome: outcome.Ended}, moodGood, "You are signed out", "", 0, ""},
		{"one app that failed", Landing{Outcome: outcome.Failed}, moodBad, "You are signed out in this browser", "", 0, ""},
		{"the provider's session lives", Landing{Outcome: outcome.Ended, SignOn: SignOnAlive}, moodBad, "You are signed out, but not everywhere", "", 0, ""},
		{"and the app failed", Landing{Outcome: outcome.Failed, SignOn: SignOnAlive}, moodBad, "You are signed out in this browser", "", 0, ""},
		{"all", Landing{Tour: &Tour{Found: true, Apps: []App{ended}}}, moodGood, "You are signed out everywhere", "", 1, ""},
		{"all but the provider", Landing{SignOn: SignOnAlive, Tour: &Tour{Found: true, Apps: []App{ended}}}, moodBad, "You are signed out, but not everywhere", "", 1, ""},
		{"all here", Landing{Also: also, Tour: &Tour{Found: true, Apps: []App{ended}}}, moodGood, "You are signed out", "", 1, ""},
		{"all that have https", Landing{Tour: &Tour{Found: true, Apps: []App{ended}, Plain: []string{"old.example.com"}}}, moodNote, "You are signed out", "old.example.com", 1, ""},
		{"not all", Landing{Tour: &Tour{Found: true, Failed: true, Apps: []App{ended, none, failed, away}}}, moodBad, "You are signed out, but not everywhere", "c.example.com d.example.com", 1, "There was no session at one more app."},
		{"some had none", Landing{Tour: &Tour{Found: true, Apps: []App{ended, none, none}}}, moodGood, "You are signed out everywhere", "", 1, "There was no session at 2 more apps."},
		{"nobody was there", Landing{Tour: &Tour{Apps: []App{none, none}}}, moodGood, "You are signed out", "", 0, ""},
		{"nothing is known", Landing{Outcome: outcome.Ended, Tour: &Tour{Forgotten: true}}, moodBad, "You are signed out, but not everywhere", "", 0, ""},
	} {
		p := tc.says.Page()
		var left []string
		for _, line := range p.Left {
			left = append(left, line.Name)
			if line.Text == "" || line.Link == "" {
				t.Errorf("%s: %+v", tc.name, line)
			}
		}
		if p.Mood != tc.mood || p.Title != tc.title || strings.Join(left, " ") != tc.left || len(p.Apps) != tc.apps || p.Note != tc.note {
			t.Errorf("%s: %s, %q, left %q, %d apps, %q", tc.name, p.Mood, p.Title, left, len(p.Apps), p.Note)
		}
		if p.OnTour != (tc.says.Tour != nil) {
			t.Errorf("%s: on tour: %v", tc.name, p.OnTour)
		}
	}
}

// TestLandingOnlyTells: without an address of its own a page touches nothing,
// and asks only apps that get cookies from it.
func TestLandingOnlyTells(t *testing.T) {
	says := Landing{Host: "app.example.com", Outcome: outcome.Ended, Also: []Link{{"Near", "https://near.example.com/out"}, {"Far", "https://far.org/out"}}}
	if p := says.Page(); p.Forget || p.Calls != nil || p.Self != "" || len(p.Also) != 2 {
		t.Errorf("%+v", p)
	}
	says.Self = "/done?t=x"
	if p := says.Page(); !p.Forget || !slices.Equal(p.Calls, []string{"https://near.example.com/out"}) || p.Self != says.Self {
		t.Errorf("%+v", p)
	}
}

// TestLandingLeads: on by itself only if that is wanted, and by a link anyway.
func TestLandingLeads(t *testing.T) {
	for name, tc := range map[string]struct {
		says             Landing
		next, link, text string
	}{
		"bare":         {Landing{}, "", "", ""},
		"to the app":   {Landing{Host: "a.example.com", Outcome: outcome.None}, "", "/", "Back to a.example.com"},
		"by a click":   {Landing{Host: "a.example.com", Outcome: outcome.None, Target: "/x"}, "", "/x", "Continue to a.example.com"},
		"by itself":    {Landing{Host: "a.example.com", Outcome: outcome.Ended, Target: "https://b.org/y", GoesOn: true}, "https://b.org/y", "https://b.org/y", "Continue to b.org"},
		"not a target": {Landing{Host: "a.example.com", Outcome: outcome.Ended, GoesOn: true}, "", "/", "Back to a.example.com"},
	} {
		if p := tc.says.Page(); p.Next != tc.next || p.Link != tc.link || p.LinkText != tc.text {
			t.Errorf("%s: %q, %q, %q", name, p.Next, p.Link, p.LinkText)
		}
	}
}

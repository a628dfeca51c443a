package universallogout

import (
	"testing"
	"time"
)

// TestEvents: whoever listens hears of each logout once, and of refused
// requests once a second.
func TestEvents(t *testing.T) {
	lab := newTourLab(t, "", groupSites...)
	lab.ownMetrics()
	var ear eventEar
	lab.listenTo(&ear)
	lab.follow(lab.visitor("ana"), lab.signOutForm("a.alpha.com"))
	eventually(t, "the logout is heard of", func() bool { return ear.count("universal_logout.logged_out") == 1 })
	data := ear.heard[0].Data
	if data["app"] != "a.alpha.com" || data["result"] != "ok" || data["sites"] != 5 || data["initiator"] != "user" || len(data["logout_id"].(string)) != 32 {
		t.Errorf("%v", data)
	}
	if origin := ear.heard[0].Origin(); origin == nil || origin.CaddyModule().ID != "universal_logout" {
		t.Errorf("comes from %v", origin)
	}
	for range 10 {
		lab.app.teller.Refused("cookie")
	}
	lab.app.teller.Refused("header")
	lab.clock = lab.clock.Add(time.Second)
	lab.app.teller.Refused("cookie")
	eventually(t, "refusals are heard of", func() bool { return ear.count("universal_logout.refused") == 3 })
	total := 0
	for _, event := range ear.heard[1:] {
		total += event.Data["requests"].(int)
	}
	if total != 12 {
		t.Errorf("%d of 12 refused requests are told: %v", total, ear.all())
	}
}

// maxListening is how many handlers of events run at a time.
const maxListening = 64

// TestEventsHoldNobodyUp: a handler that hangs costs no logout its time, and no
// more goroutines than are allowed.
func TestEventsHoldNobodyUp(t *testing.T) {
	lab := newTourLab(t, "", "a.alpha.com")
	lab.ownMetrics()
	ear := eventEar{hold: make(chan struct{})}
	lab.listenTo(&ear)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range maxListening + 20 {
			lab.signOut(lab.visitor("ana"), "a.alpha.com")
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("logouts wait for the handlers of events")
	}
	eventually(t, "all that are allowed run", func() bool { return ear.count("universal_logout.logged_out") == maxListening })
	close(ear.hold)
	eventually(t, "they end", func() bool { return !running(t, "telemetry.(*Teller).emit") })
}

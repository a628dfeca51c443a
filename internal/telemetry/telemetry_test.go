package telemetry

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// TestDocsNameAll: docs/operations.md has all metrics and events that there are.
func TestDocsNameAll(t *testing.T) {
	content, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc, 20)
	for _, c := range NewMetrics(func() *revocation.Stats { return nil }).collectors() {
		c.Describe(descs)
	}
	close(descs)
	words := []string{loggedOutEvent, revokedEvent, refusedEvent}
	for desc := range descs {
		_, name, _ := strings.Cut(desc.String(), `fqName: "`)
		name, _, _ = strings.Cut(name, `"`)
		words = append(words, name)
	}
	if len(words) != 3+7 {
		t.Errorf("looks for %q", words)
	}
	for _, word := range words {
		if !strings.Contains(string(content), "`"+word+"`") {
			t.Errorf("%s is not in it", word)
		}
	}
}

// TestLoggedOutTellsAll: one call is a line of the audit log, a metric and an
// event.
func TestLoggedOutTellsAll(t *testing.T) {
	lab := newLab(t)
	ear := lab.listen()
	lab.LoggedOut(Logout{
		ID: "logout", Initiator: Admin, Outcome: outcome.Failed,
		Logger: lab.logger(), Level: zap.WarnLevel, Message: "said", Fields: []zap.Field{zap.Int("sites", 3)},
		Data: map[string]any{"sites": 3},
	})
	if got, want := ear.next(), "universal_logout.logged_out map[initiator:admin logout_id:logout result:failed sites:3]"; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	lines := lab.logged.FilterMessage("said").All()
	if len(lines) != 1 || lines[0].LoggerName != "audit" || lines[0].Level != zap.WarnLevel || fmt.Sprint(lines[0].ContextMap()) != "map[initiator:admin logout_id:logout sites:3]" {
		t.Errorf("audit log: %+v", lines)
	}
	lab.wantMetrics("logouts_total admin failed: 1")
}

// TestRevokedIsAnEvent: the list counts what it has.
func TestRevokedIsAnEvent(t *testing.T) {
	lab := newLab(t)
	ear := lab.listen()
	lab.Revoked(User, "session", 2, map[string]any{"issuer": "https://sso.example.com"})
	if got, want := ear.next(), "universal_logout.revoked map[initiator:user issuer:https://sso.example.com kind:session revocations:2]"; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	lab.wantMetrics()
}

// TestRefusedIsToldOnceASecond: of each kind, and no request is forgotten.
func TestRefusedIsToldOnceASecond(t *testing.T) {
	lab := newLab(t)
	ear := lab.listen()
	lab.Refused("cookie")
	for range 10 {
		lab.Refused("cookie")
	}
	lab.settle()
	lab.Refused("header")
	lab.settle()
	lab.clock = lab.clock.Add(time.Second - 1)
	lab.Refused("cookie")
	lab.settle()
	lab.clock = lab.clock.Add(1)
	lab.Refused("cookie")
	for i, want := range []string{"kind:cookie requests:1", "kind:header requests:1", "kind:cookie requests:12"} {
		if got := ear.next(); got != "universal_logout.refused map["+want+"]" {
			t.Errorf("event %d: %q, want %q", i, got, want)
		}
	}
	lab.wantMetrics("refused_total cookie: 13", "refused_total header: 1")
}

// TestEventsHoldNobodyUp: those that there is no room for are left out, and the
// log says so once.
func TestEventsHoldNobodyUp(t *testing.T) {
	lab := newLab(t)
	ear := lab.listen()
	ear.hold = make(chan struct{})
	for range maxEmitting + 20 {
		lab.Revoked(User, "session", 1, map[string]any{})
	}
	for n := range maxEmitting {
		if ear.next() == "" {
			t.Fatalf("%d are heard", n)
		}
	}
	close(ear.hold)
	lab.settle()
	if n := len(ear.heard); n != 0 {
		t.Errorf("%d more are heard", n)
	}
	if n := lab.logged.FilterMessage("events are left out: their handlers are slower than events come").Len(); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// TestNobodyListens: then nothing runs.
func TestNobodyListens(t *testing.T) {
	lab := newLab(t)
	lab.Revoked(User, "session", 1, map[string]any{})
	for range 3 {
		lab.Refused("stream")
	}
	if len(lab.events.emitting) != 0 || len(lab.events.refused) != 0 {
		t.Error("an event is on its way")
	}
	lab.wantMetrics("refused_total stream: 3")
}

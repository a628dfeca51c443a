package journey

import (
	"strings"
	"testing"
	"time"
)

// TestHubRemembersATour: its id, for as long as it may take.
func TestHubRemembersATour(t *testing.T) {
	s := newLab(t)
	line := s.RememberTour(app, aTour())
	if !strings.HasPrefix(line, "__Host-universal-logout-tour=") || !strings.Contains(line, "Max-Age=600;") {
		t.Error(line)
	}
	if id := s.RememberedTour(get("", pair(line)), app); id != "tour" {
		t.Errorf("remembers %q", id)
	}
	if drop := ForgetTour(app); drop != "__Host-universal-logout-tour=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure" {
		t.Error(drop)
	}
	if id := s.RememberedTour(get(""), app); id != "" {
		t.Errorf("without a cookie %q", id)
	}
	s.now = start.Add(10*time.Minute + time.Second)
	if id := s.RememberedTour(get("", pair(line)), app); id != "" {
		t.Errorf("too late %q", id)
	}
}

package universallogout

import (
	"fmt"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/limit"
)

// TestLimitIsBounded: a flood from many addresses takes bounded memory, and an
// IPv6 client has one share for all its addresses.
func TestLimitIsBounded(t *testing.T) {
	l := limit.NewSessionlessLimit()
	now := testNow
	for i := range 3 * limit.MaxLimitedClients {
		l.Allow(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), 1, now)
		if len(l.Clients) > limit.MaxLimitedClients {
			t.Fatalf("%d clients", len(l.Clients))
		}
	}
	for name, addresses := range map[string][2]string{
		"one IPv6 network":   {"2001:db8:1:2:%x::1", "2001:db8:1:2::ffff"},
		"IPv4 in IPv6":       {"::ffff:192.0.2.1", "192.0.2.1"},
		"no address at all":  {"", "unknown"},
		"addresses of zones": {"fe80::1%%eth0", "fe80::2"},
	} {
		l, allowed := limit.NewSessionlessLimit(), 0
		for i := range limit.SessionlessPerMinute {
			address := addresses[0]
			if name == "one IPv6 network" {
				address = fmt.Sprintf(address, i)
			}
			if l.Allow(address, 1, now) {
				allowed++
			}
		}
		if allowed != limit.SessionlessPerMinute || l.Allow(addresses[1], 1, now) {
			t.Errorf("%s: %d allowed, then one more", name, allowed)
		}
		if !l.Allow(addresses[1], 1, now.Add(2*time.Second)) {
			t.Errorf("%s: the share does not grow back", name)
		}
	}
}

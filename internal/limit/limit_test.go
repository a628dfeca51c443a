package limit

import (
	"fmt"
	"testing"
	"time"
)

// TestLimitIsBounded: a flood from many addresses takes bounded memory, and an
// IPv6 client has one share for all its addresses.
func TestLimitIsBounded(t *testing.T) {
	const perMinute = 30
	c := New(perMinute, time.Minute/perMinute)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 3 * maxClients {
		c.Allow(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), 1, now)
		if len(c.limiters) > maxClients {
			t.Fatalf("%d clients", len(c.limiters))
		}
	}
	for name, addresses := range map[string][2]string{
		"one IPv6 network":   {"2001:db8:1:2:%x::1", "2001:db8:1:2::ffff"},
		"IPv4 in IPv6":       {"::ffff:192.0.2.1", "192.0.2.1"},
		"no address at all":  {"", "unknown"},
		"addresses of zones": {"fe80::1%%eth0", "fe80::2"},
	} {
		c, allowed := New(perMinute, time.Minute/perMinute), 0
		for i := range perMinute {
			address := addresses[0]
			if name == "one IPv6 network" {
				address = fmt.Sprintf(address, i)
			}
			if c.Allow(address, 1, now) {
				allowed++
			}
		}
		if allowed != perMinute || c.Allow(addresses[1], 1, now) {
			t.Errorf("%s: %d allowed, then one more", name, allowed)
		}
		if !c.Allow(addresses[1], 1, now.Add(2*time.Second)) {
			t.Errorf("%s: the share does not grow back", name)
		}
	}
}

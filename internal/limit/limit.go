// Package limit gives each client a share of what is worth limiting.
package limit

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients are remembered at once.
const maxClients = 8192

// PerClient bounds what each client may do: so much at once, and more as time
// goes by. It may be used by several goroutines.
type PerClient struct {
	atOnce   int
	every    time.Duration
	mu       sync.Mutex
	limiters map[netip.Prefix]*rate.Limiter
}

// New makes a limit of atOnce for each client, of which one comes back every so
// often.
func New(atOnce int, every time.Duration) *PerClient {
	return &PerClient{atOnce: atOnce, every: every, limiters: make(map[netip.Prefix]*rate.Limiter)}
}

// Allow takes n of the client's share, and reports whether it had so much.
// clientIP is an address without a port.
func (c *PerClient) Allow(clientIP string, n int, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	client := clientPrefix(clientIP)
	limiter := c.limiters[client]
	if limiter == nil {
		if len(c.limiters) >= maxClients {
			c.forget(now)
		}
		limiter = rate.NewLimiter(rate.Every(c.every), c.atOnce)
		c.limiters[client] = limiter
	}
	return limiter.AllowN(now, n)
}

// forget drops clients that have their whole share again, and all of them if
// that makes no room: memory is bounded, also in a flood from many addresses. It
// is no bounded.Map: forgetting a client gives him his share back. So those go
// first who have it anyway; the oldest may be the one who floods.
func (c *PerClient) forget(now time.Time) {
	for client, limiter := range c.limiters {
		if limiter.TokensAt(now) >= float64(c.atOnce) {
			delete(c.limiters, client)
		}
	}
	if len(c.limiters) >= maxClients {
		clear(c.limiters)
	}
}

// clientPrefix is the address, or for IPv6 the /64 that one client has.
// What is no address shares one limit.
func clientPrefix(clientIP string) netip.Prefix {
	ip, err := netip.ParseAddr(clientIP)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	if ip = ip.WithZone("").Unmap(); ip.Is6() {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

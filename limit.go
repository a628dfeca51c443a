package universallogout

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	sessionlessPerMinute = 30
	maxLimitedClients    = 8192
)

// clientLimit bounds what each client may do: so much at once, and more as time
// goes by.
type clientLimit struct {
	atOnce  int
	every   time.Duration
	mu      sync.Mutex
	clients map[netip.Prefix]*rate.Limiter
}

func newClientLimit(atOnce int, every time.Duration) *clientLimit {
	return &clientLimit{atOnce: atOnce, every: every, clients: make(map[netip.Prefix]*rate.Limiter)}
}

// newSessionlessLimit bounds how many logouts a client may ask for that present
// no session: each is a request to the app that nobody needs.
func newSessionlessLimit() *clientLimit {
	return newClientLimit(sessionlessPerMinute, time.Minute/sessionlessPerMinute)
}

// allow takes n of the client's share.
func (l *clientLimit) allow(clientIP string, n int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	client := clientPrefix(clientIP)
	limiter := l.clients[client]
	if limiter == nil {
		if len(l.clients) >= maxLimitedClients {
			l.forget(now)
		}
		limiter = rate.NewLimiter(rate.Every(l.every), l.atOnce)
		l.clients[client] = limiter
	}
	return limiter.AllowN(now, n)
}

// forget drops clients that have their whole share again, and all of them if
// that makes no room: memory is bounded, also in a flood from many addresses.
func (l *clientLimit) forget(now time.Time) {
	for client, limiter := range l.clients {
		if limiter.TokensAt(now) >= float64(l.atOnce) {
			delete(l.clients, client)
		}
	}
	if len(l.clients) >= maxLimitedClients {
		clear(l.clients)
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

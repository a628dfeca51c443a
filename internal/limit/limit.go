package limit

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	SessionlessPerMinute = 30
	MaxLimitedClients    = 8192
)

// clientLimit bounds what each client may do: so much at once, and more as time
// goes by.
type Clients struct {
	atOnce  int
	every   time.Duration
	mu      sync.Mutex
	Clients map[netip.Prefix]*rate.Limiter
}

func New(atOnce int, every time.Duration) *Clients {
	return &Clients{atOnce: atOnce, every: every, Clients: make(map[netip.Prefix]*rate.Limiter)}
}

// newSessionlessLimit bounds how many logouts a client may ask for that present
// no session: each is a request to the app that nobody needs.
func NewSessionlessLimit() *Clients {
	return New(SessionlessPerMinute, time.Minute/SessionlessPerMinute)
}

// allow takes n of the client's share.
func (l *Clients) Allow(clientIP string, n int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	client := clientPrefix(clientIP)
	limiter := l.Clients[client]
	if limiter == nil {
		if len(l.Clients) >= MaxLimitedClients {
			l.forget(now)
		}
		limiter = rate.NewLimiter(rate.Every(l.every), l.atOnce)
		l.Clients[client] = limiter
	}
	return limiter.AllowN(now, n)
}

// forget drops clients that have their whole share again, and all of them if
// that makes no room: memory is bounded, also in a flood from many addresses.
func (l *Clients) forget(now time.Time) {
	for client, limiter := range l.Clients {
		if limiter.TokensAt(now) >= float64(l.atOnce) {
			delete(l.Clients, client)
		}
	}
	if len(l.Clients) >= MaxLimitedClients {
		clear(l.Clients)
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

package revocation

import (
	"sync"
	"sync/atomic"
)

// subject is when the sessions of (issuer, sub) began that are not refused.
type subject struct {
	notBefore int64 // milliseconds
	until     uint32
}

// refuses reports whether a session that started then surely started before.
// Whole seconds are what tokens name: such a session may have started later in
// that second. The one of which nothing is known is refused.
func (s subject) refuses(started int64) bool {
	if started != 0 && started%1000 == 0 {
		return started/1000 < floorDiv(s.notBefore, 1000)
	}
	return started == 0 || started < s.notBefore
}

func floorDiv(a, b int64) int64 {
	if a < 0 && a%b != 0 {
		return a/b - 1
	}
	return a / b
}

// subjects are few, beside credentials.
type subjects struct {
	mu      sync.RWMutex
	entries map[digest]subject
	n       atomic.Int64
}

func (s *subjects) get(sub digest) (subject, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.entries[sub]
	return found, ok
}

func (s *subjects) add(sub digest, notBefore int64, until, now uint32, room func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.entries[sub]
	if ok && found.until > now {
		s.entries[sub] = subject{max(found.notBefore, notBefore), max(found.until, until)}
		return true
	}
	// What has expired counts no more.
	if !room() {
		return false
	}
	if !ok {
		s.n.Add(1)
	}
	s.entries[sub] = subject{notBefore, until}
	return true
}

// sweep lets readers on while it looks.
func (s *subjects) sweep(now uint32) {
	var expired []digest
	s.mu.RLock()
	for sub, found := range s.entries {
		if found.until <= now {
			expired = append(expired, sub)
		}
	}
	s.mu.RUnlock()
	for _, sub := range expired {
		s.mu.Lock()
		if found, ok := s.entries[sub]; ok && found.until <= now {
			delete(s.entries, sub)
			s.n.Add(-1)
		}
		s.mu.Unlock()
	}
}

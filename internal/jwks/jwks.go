// Package jwks verifies the signatures of JWTs with the keys that their issuer
// publishes.
package jwks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	fetchTimeout = 10 * time.Second // JWT-13

	// How long keys are kept (JWT-10), and how much longer if there are no
	// newer ones to be had (JWT-12).
	minAge     = 5 * time.Minute
	defaultAge = time.Hour
	maxAge     = 24 * time.Hour
	maxStale   = 24 * time.Hour

	// pause is the time between two fetches that a stranger can cause with
	// tokens of his own making (JWT-11).
	pause = time.Minute

	// retry is the same while there are no keys at all: an issuer that starts
	// after us is needed sooner.
	retry = 5 * time.Second
)

// Fetch returns the body of the issuer's JWK set and how long it may be kept,
// 0 if that is not said. It bounds bytes and time itself.
type Fetch func(ctx context.Context) (body []byte, maxAge time.Duration, err error)

// Set holds the keys of one issuer. They are fetched when they are needed, by
// one request for all, and are kept while the issuer cannot be reached.
//
// It has a flight of its own instead of a singleflight.Group: whether one is
// under way, and when the last one failed, decide under one lock whether a
// token that anybody made may cause another (JWT-11).
type Set struct {
	fetch Fetch
	now   func() time.Time

	mu      sync.Mutex
	keys    []key // never changed, only replaced
	expires time.Time
	failed  time.Time     // the last fetch that brought nothing; zero if the last one did
	err     error         // why
	asked   time.Time     // the last fetch for a key that was not there
	flight  chan struct{} // closed when the fetch that is under way is over; nil without one
}

// New returns a set that has fetched nothing yet.
func New(fetch Fetch, now func() time.Time) *Set {
	return &Set{fetch: fetch, now: now}
}

// held returns the keys there are. They are fetched first if they are too old;
// fetched says that somebody did while the caller waited.
func (s *Set) held(ctx context.Context) (keys []key, fetched bool, err error) {
	s.mu.Lock()
	now := s.now()
	if now.Before(s.expires) {
		defer s.mu.Unlock()
		return s.keys, false, nil
	}
	wait := pause
	if len(s.keys) == 0 {
		wait = retry
	}
	if !within(now, s.failed, wait) {
		s.start()
	}
	return s.await(ctx)
}

// refetched returns the keys there are after a fetch for one that was not
// among them, unless it is too early for that.
func (s *Set) refetched(ctx context.Context) ([]key, error) {
	s.mu.Lock()
	if now := s.now(); s.flight == nil && !within(now, s.failed, pause) && !within(now, s.asked, pause) {
		s.asked = now
		s.start()
	}
	keys, _, err := s.await(ctx)
	return keys, err
}

func within(now, since time.Time, d time.Duration) bool {
	passed := now.Sub(since)
	return passed >= 0 && passed < d // a clock that was set back is no reason to wait
}

// start starts a fetch if none is under way. The mutex is held. The fetch is
// nobody's: whoever waits for it may give up without the others noticing.
func (s *Set) start() {
	if s.flight != nil {
		return
	}
	flight := make(chan struct{})
	s.flight = flight
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
		defer cancel()
		keys, age, err := s.load(ctx)

		s.mu.Lock()
		defer s.mu.Unlock()
		now := s.now()
		if err != nil {
			s.failed, s.err = now, err
		} else {
			s.keys, s.expires = keys, now.Add(age)
			s.failed, s.err = time.Time{}, nil
		}
		s.flight = nil
		close(flight)
	}()
}

func (s *Set) load(ctx context.Context) (keys []key, age time.Duration, err error) {
	// Here a panic would end the whole server: no request is there to catch it.
	defer func() {
		if recover() != nil {
			err = errors.New("fetching the issuer's keys panicked")
		}
	}()
	body, age, err := s.fetch(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("fetching the issuer's keys: %w", err)
	}
	if keys, err = parseKeys(body); err != nil {
		return nil, 0, err
	}
	if age == 0 {
		age = defaultAge
	}
	return keys, min(max(age, minAge), maxAge), nil
}

// await waits for the fetch that is under way, if there is one, and returns
// the keys there are then. It unlocks the mutex.
func (s *Set) await(ctx context.Context) (keys []key, fetched bool, err error) {
	flight := s.flight
	s.mu.Unlock()
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, false, fmt.Errorf("waiting for the issuer's keys: %w", ctx.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil && !s.now().Before(s.expires.Add(maxStale)) {
		return nil, false, s.err
	}
	return s.keys, flight != nil, nil
}

package jwks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestForgedKidsRefetchAtMostOnceAMinute is JWT-11.
func TestForgedKidsRefetchAtMostOnceAMinute(t *testing.T) {
	i := newIssuer(setOf(t, publicJWK(t, p256Key(), "k")))
	s := i.set()
	accepted(t, s, es256(t, "k"))
	i.wantFetches(t, 1)
	flood := func() {
		for n := range 50 {
			refused(t, s, es256(t, fmt.Sprint("forged", n)))
			refused(t, s, compact(`{"alg":"RS256"}`, `{}`, "no kid"))
		}
	}
	flood()
	i.wantFetches(t, 2)
	i.later(59 * time.Second)
	flood()
	i.wantFetches(t, 2)
	i.later(time.Second)
	i.answers("", errors.New("500")) // failures count too
	flood()
	i.wantFetches(t, 3)
	i.later(time.Minute)
	flood()
	i.wantFetches(t, 4)
	accepted(t, s, es256(t, "k"))
	i.wantFetches(t, 4)
}

// TestWrongSignatureUnderAKnownKidFetchesNothing: the key is there, and no
// other would help.
func TestWrongSignatureUnderAKnownKidFetchesNothing(t *testing.T) {
	i := newIssuer(setOf(t, publicJWK(t, newEC(p256Key().Curve), "k")))
	s := i.set()
	refused(t, s, es256(t, "k"))
	refused(t, s, es256(t, "k"))
	i.wantFetches(t, 1)
}

func TestUnknownKidFindsTheNewKeyAtOnce(t *testing.T) {
	old, latest := publicJWK(t, rsaKey(), "old"), publicJWK(t, p256Key(), "new")
	i := newIssuer(setOf(t, old))
	s := i.set()
	refused(t, s, es256(t, "new"))
	i.wantFetches(t, 1) // what was just fetched is not fetched again
	i.answers(setOf(t, old, latest), nil)
	accepted(t, s, es256(t, "new"))
	i.wantFetches(t, 2)
}

// TestKeysWithoutNamesRotate: there, a wrong signature is the only sign of it.
func TestKeysWithoutNamesRotate(t *testing.T) {
	i := newIssuer(setOf(t, publicJWK(t, newEC(p256Key().Curve), "")))
	s := i.set()
	refused(t, s, es256(t, ""))
	i.answers(setOf(t, publicJWK(t, p256Key(), "")), nil)
	accepted(t, s, es256(t, ""))
	i.wantFetches(t, 2)
}

// TestKeysThatAreNoLongerListedDisappear is the first half of JWT-12.
func TestKeysThatAreNoLongerListedDisappear(t *testing.T) {
	i := newIssuer(setOf(t, publicJWK(t, p256Key(), "k")))
	s := i.set()
	accepted(t, s, es256(t, "k"))
	i.answers(setOf(t, publicJWK(t, rsaKey(), "r")), nil)
	i.later(defaultAge - time.Second)
	accepted(t, s, es256(t, "k"))
	i.later(time.Second)
	refused(t, s, es256(t, "k"))
	i.wantFetches(t, 2)
}

// TestKeysAreKeptAsLongAsTheIssuerSays is JWT-10, with its bounds.
func TestKeysAreKeptAsLongAsTheIssuerSays(t *testing.T) {
	for said, want := range map[time.Duration]time.Duration{
		0:                defaultAge,
		-time.Second:     5 * time.Minute,
		time.Second:      5 * time.Minute,
		20 * time.Minute: 20 * time.Minute,
		48 * time.Hour:   24 * time.Hour,
	} {
		i := newIssuer(setOf(t, publicJWK(t, p256Key(), "k")))
		i.maxAge = said
		s := i.set()
		accepted(t, s, es256(t, "k"))
		i.later(want - time.Nanosecond)
		accepted(t, s, es256(t, "k"))
		i.wantFetches(t, 1)
		i.later(time.Nanosecond)
		accepted(t, s, es256(t, "k"))
		i.wantFetches(t, 2)
	}
}

// TestStaleKeysServeWhileTheIssuerIsDown is the second half of JWT-12.
func TestStaleKeysServeWhileTheIssuerIsDown(t *testing.T) {
	good := setOf(t, publicJWK(t, p256Key(), "k"))
	for name, down := range map[string]func(*issuer){
		"status 500": func(i *issuer) { i.answers("", errors.New("status 500")) },
		"HTML":       func(i *issuer) { i.answers("<html>", nil) },
		"empty":      func(i *issuer) { i.answers("", nil) },
		"no keys":    func(i *issuer) { i.answers(`{}`, nil) },
		"null":       func(i *issuer) { i.answers(`{"keys":null}`, nil) },
		"Keys":       func(i *issuer) { i.answers(`{"Keys":[]}`, nil) },
		"twice":      func(i *issuer) { i.answers(`{"keys":[],"keys":[]}`, nil) },
		"an object":  func(i *issuer) { i.answers(`{"keys":{}}`, nil) },
		"half":       func(i *issuer) { i.answers(good[:len(good)-2], nil) },
		"more after": func(i *issuer) { i.answers(good+"{}", nil) },
		"too long":   func(i *issuer) { i.answers(good+strings.Repeat(" ", maxBody), nil) },
		"too many":   func(i *issuer) { i.answers(`{"keys":[`+strings.Repeat("{},", 100)+"{}]}", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(good)
			s := i.set()
			token := es256(t, "k")
			accepted(t, s, token)
			i.later(defaultAge)
			down(i)
			for range 10 {
				accepted(t, s, token)
				refused(t, s, es256(t, "forged"))
			}
			i.wantFetches(t, 2)
			i.later(time.Minute)
			accepted(t, s, token)
			i.wantFetches(t, 3)
			i.later(maxStale - time.Minute - time.Nanosecond)
			accepted(t, s, token)
			i.later(time.Nanosecond)
			refused(t, s, token)
			i.answers(good, nil)
			i.later(time.Minute)
			accepted(t, s, token)
		})
	}
}

func TestNoKeysAtFirstIsAskedAgainAfterAMinute(t *testing.T) {
	i := newIssuer("<html>")
	s := i.set()
	for range 10 {
		refused(t, s, es256(t, "k"))
	}
	i.wantFetches(t, 1)
	i.answers(setOf(t, publicJWK(t, p256Key(), "k")), nil)
	i.later(time.Minute)
	accepted(t, s, es256(t, "k"))
	i.wantFetches(t, 2)
}

func TestHundredKeysAreEnough(t *testing.T) {
	keys := make([]jwk, 99, 100)
	for n := range keys {
		keys[n] = jwk{"kty": "future"}
	}
	accepted(t, newIssuer(setOf(t, append(keys, publicJWK(t, p256Key(), "k"))...)).set(), es256(t, "k"))
}

// TestOneFetchForAll: however many wait, and whoever of them gives up.
func TestOneFetchForAll(t *testing.T) {
	token, body := es256(t, "k"), setOf(t, publicJWK(t, p256Key(), "k"))
	synctest.Test(t, func(t *testing.T) {
		fetches, release := 0, make(chan struct{})
		s := New(func(ctx context.Context) ([]byte, time.Duration, error) {
			fetches++
			select {
			case <-release:
				return []byte(body), 0, nil
			case <-ctx.Done():
				return nil, 0, ctx.Err()
			}
		}, time.Now)

		// The first to come is the first to leave.
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := s.Verify(ctx, token)
			left <- err
		}()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { accepted(t, s, token) })
		}
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		// Who comes with too little time leaves too.
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Verify(short, token); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		close(release)
		wg.Wait()
		if fetches != 1 {
			t.Errorf("%d fetches", fetches)
		}
		// Who has no time at all gets nothing, though the keys are there.
		if _, err := s.Verify(short, token); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// TestKnownKeysDoNotWaitForAFetch: a stranger's kid delays nobody.
func TestKnownKeysDoNotWaitForAFetch(t *testing.T) {
	token, forged, body := es256(t, "k"), es256(t, "forged"), setOf(t, publicJWK(t, p256Key(), "k"))
	synctest.Test(t, func(t *testing.T) {
		hangs := false
		s := New(func(ctx context.Context) ([]byte, time.Duration, error) {
			if hangs {
				<-ctx.Done()
				return nil, 0, ctx.Err()
			}
			return []byte(body), 0, nil
		}, time.Now)
		accepted(t, s, token)
		hangs = true
		start := time.Now()
		go refused(t, s, forged)
		synctest.Wait()
		accepted(t, s, token)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		refused(t, s, forged)
		if waited := time.Since(start); waited != fetchTimeout {
			t.Errorf("the fetch ended after %v", waited)
		}
		accepted(t, s, token)
	})
}

func TestPanicOfAFetchIsAnError(t *testing.T) {
	s := New(func(context.Context) ([]byte, time.Duration, error) { panic("x") }, time.Now)
	refused(t, s, es256(t, "k"))
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	i := newIssuer(setOf(t, publicJWK(t, p256Key(), "k")))
	s := i.set()
	known, unknown := es256(t, "k"), es256(t, "u")
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			for range 20 {
				switch n % 4 {
				case 0:
					refused(t, s, unknown)
				case 1:
					i.later(10 * time.Minute)
				default:
					accepted(t, s, known)
				}
			}
		})
	}
	wg.Wait()
}

package tour

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

var testNow = time.Unix(1_790_000_000, 0)

// TestStepsAreSingleUse: of many who ask at once one does it, and all others
// get its result.
func TestStepsAreSingleUse(t *testing.T) {
	ss, key, rest := NewSteps(), FinishedKey("logout"), new(cookie.Leftover)
	var mine atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			s, isMine := ss.Begin(key, testNow)
			if isMine {
				mine.Add(1)
				s.Finish(Ended, rest)
			}
			if !s.Wait(10*time.Second) || !s.IsOver() || s.Result != Ended || s.Rest != rest {
				t.Errorf("%+v", s)
			}
		})
	}
	wg.Wait()
	if mine.Load() != 1 || ss.Find(key) == nil || ss.Find(FinishedKey("another")) != nil {
		t.Errorf("%d did it", mine.Load())
	}
	s := ss.Find(key)
	if !s.IsFresh(testNow.Add(againTime-1)) || s.IsFresh(testNow.Add(againTime)) {
		t.Error("it is fresh for another time")
	}
	open, _ := ss.Begin(FinishedKey("another"), testNow)
	if open.IsOver() || open.Wait(time.Millisecond) {
		t.Error("over before its end")
	}
}

// TestStepsAreBounded: by time and by number, and none of a token that is still
// worth something is forgotten early.
func TestStepsAreBounded(t *testing.T) {
	ss := NewSteps()
	ss.Begin(FinishedKey("first"), testNow)
	if _, mine := ss.Begin(FinishedKey("first"), testNow.Add(Lifetime+time.Minute)); mine {
		t.Error("done twice while its token is good")
	}
	if _, mine := ss.Begin(FinishedKey("first"), testNow.Add(Lifetime+time.Minute+1)); !mine {
		t.Error("kept for ever")
	}
	for n := range maxSteps + 100 {
		ss.Begin(FinishedKey(fmt.Sprint(n)), testNow.Add(Lifetime+2*time.Minute))
	}
	if n := ss.known.Len(); n > maxSteps {
		t.Errorf("%d steps", n)
	}
}

// TestStepKeys: no two steps of a logout are the same one.
func TestStepKeys(t *testing.T) {
	seen := map[StepKey]string{}
	add := func(name string, key StepKey) {
		if before, ok := seen[key]; ok {
			t.Errorf("%s and %s are one step", before, name)
		}
		seen[key] = name
	}
	for _, id := range []string{"one", "two"} {
		add(id+" finished", FinishedKey(id))
		for _, host := range []string{"a.example.com", "b.example.com"} {
			own := origin.New("https", host)
			first, second := &Tour{ID: id}, &Tour{ID: id, Cookies: true}
			add(id+host+" hop", first.HopKey(own))
			add(id+host+" hop for cookies", second.HopKey(own))
			for _, base := range []string{"", "/wiki"} {
				add(id+host+base, first.AppKey(own, base))
				add(id+host+base+" cookies", first.AppCookiesKey(own, base))
			}
		}
	}
}

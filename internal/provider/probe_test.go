package provider

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestProbesAreBoundedAndRare: a site without a name of its own takes any, and
// each would be another address to ask for.
func TestProbesAreBoundedAndRare(t *testing.T) {
	p := newLab(t, Config{Issuer: "https://sso.example.com"})
	var asked atomic.Int32
	p.AskThrough(transport(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	for i := range 300 {
		if got := p.probe(t.Context(), fmt.Sprintf("https://sso.example.com/?%d", i), "advice"); got.verdict != probeFine {
			t.Fatalf("%+v", got)
		}
	}
	if n := asked.Load(); n > 100 {
		t.Errorf("asked %d times", n)
	}
	for i := range 3 * maxProbes {
		p.probed.Put(fmt.Sprint(i), probe{}, p.env.Now())
	}
	if n := p.probed.Len(); n > maxProbes {
		t.Errorf("%d answers kept", n)
	}
}

// TestProbesAreShared: one question for all, and its answer is kept; a bad one
// not for long, and none for longer than the provider is well.
func TestProbesAreShared(t *testing.T) {
	p := newLab(t, Config{Issuer: "https://sso.example.com"})
	var asked atomic.Int32
	var status atomic.Int32
	release := make(chan struct{})
	p.AskThrough(transport(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-release
		w.WriteHeader(int(status.Load()))
	}))
	status.Store(200)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { p.probe(t.Context(), "https://sso.example.com/end", "advice") })
	}
	close(release)
	all.Wait()
	for i, step := range []struct {
		after  time.Duration
		status int32
		asked  int32
		want   verdict
	}{
		{fineProbeFor - time.Second, 400, 1, probeFine},
		{time.Second, 400, 2, probeRefused},
		{failedProbeFor - time.Second, 200, 2, probeRefused},
		{time.Second, 503, 3, probeUnreachable},
		{failedProbeFor, 403, 4, probeFine},
	} {
		p.clock.turn(step.after)
		status.Store(step.status)
		if got := p.probe(t.Context(), "https://sso.example.com/end", "advice").verdict; got != step.want || asked.Load() != step.asked {
			t.Errorf("step %d: %v, asked %d times", i, got, asked.Load())
		}
	}
	p.mu.Lock()
	p.asked, p.failure = p.env.Now().Add(time.Second), errUnreachable
	p.mu.Unlock()
	p.probe(t.Context(), "https://sso.example.com/end", "advice")
	if asked.Load() != 5 {
		t.Errorf("not asked anew after trouble: %d", asked.Load())
	}
	if n := p.logged.FilterMessage("advice").Len(); n != 2 {
		t.Errorf("logged %d times", n)
	}
}

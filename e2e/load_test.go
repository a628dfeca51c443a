package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

func newSession() string {
	id := make([]byte, 32)
	rand.Read(id)
	return base64.RawURLEncoding.EncodeToString(id)
}

// A load is people who read pages of an app and log out of it. Every page says whether the right sessions are refused.
type load struct {
	e       *edge
	enough  int           // logouts
	reached chan struct{} // closed when there were as many
	stop    chan struct{}
	workers sync.WaitGroup

	mu         sync.Mutex
	alive      []string // sessions
	over       []string // sessions whose logout was acknowledged
	unanswered []string // why
	wrong      []string
	pages      []time.Duration // how long each took
	logouts    []time.Duration
}

// newLoad begins with so many pages and logouts a second. A tenth of the pages is asked for with a session that is over.
func newLoad(e *edge, pages, logouts, enough int) *load {
	l := &load{e: e, enough: enough, reached: make(chan struct{}), stop: make(chan struct{})}
	for range 100 {
		l.alive = append(l.alive, newSession())
	}
	l.every(time.Second/time.Duration(pages), 64, l.page)
	l.every(time.Second/time.Duration(logouts), 32, l.logout)
	return l
}

// every does something at fixed times, whether or not what was begun before is done.
func (l *load) every(interval time.Duration, workers int, do func()) {
	for i := range workers {
		next := time.Now().Add(interval * time.Duration(i))
		l.workers.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				case <-time.After(time.Until(next)):
				}
				do()
				next = next.Add(interval * time.Duration(workers))
			}
		})
	}
}

// end returns when nobody waits for an answer any more.
func (l *load) end() {
	close(l.stop)
	l.workers.Wait()
}

func (l *load) page() {
	l.mu.Lock()
	session, refused := l.alive[mathrand.IntN(len(l.alive))], false
	if len(l.over) > 0 && mathrand.IntN(10) == 0 {
		session, refused = l.over[mathrand.IntN(len(l.over))], true
	}
	l.mu.Unlock()
	began := time.Now()
	given, err := l.e.ask(session)
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.unanswered = append(l.unanswered, err.Error())
		return
	}
	l.pages = append(l.pages, took)
	if (given == session) == refused {
		l.wrong = append(l.wrong, fmt.Sprintf("refused: %t, the app was given %q of %q", refused, given, session))
	}
}

func (l *load) logout() {
	session := newSession()
	began := time.Now()
	err := l.e.logout(session)
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.unanswered = append(l.unanswered, err.Error())
		return
	}
	l.logouts = append(l.logouts, took)
	if l.over = append(l.over, session); len(l.over) == l.enough {
		close(l.reached)
	}
}

// check fails the test for every page that should have been another, and for every request without an answer.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.wrong); n > 0 {
		t.Errorf("%d wrong answers, such as: %s", n, l.wrong[0])
	}
	if n := len(l.unanswered); n > 0 {
		t.Errorf("%d requests have no answer, such as: %s", n, l.unanswered[0])
	}
}

// killAndCheck kills Caddy when so many logouts were acknowledged and others are under way, starts it again, and asks
// with every session that is over.
func killAndCheck(t *testing.T, e *edge, pages, logouts, enough int) {
	t.Helper()
	l := newLoad(e, pages, logouts, enough)
	select {
	case <-l.reached:
	case <-time.After(time.Duration(enough/logouts+60) * time.Second):
		l.end()
		l.check(t)
		t.Fatalf("%d logouts, not %d", len(l.over), enough)
	}
	e.kill()
	l.end()
	l.unanswered = nil // as is to be expected
	l.check(t)

	e.start()
	lost := 0
	for _, session := range l.over {
		given, err := e.ask(session)
		if err != nil {
			t.Fatal(err)
		}
		if given == session {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged logouts are forgotten", lost, len(l.over))
	}
	for _, session := range slices.Concat(l.alive, []string{newSession()}) {
		if given, err := e.ask(session); err != nil || given != session {
			t.Fatalf("a session that nobody ended is refused: %v", err)
		}
	}
	t.Logf("%d acknowledged logouts before the kill, %d lost", len(l.over), lost)
}

// TestKilledCaddyForgetsNoLogout: a logout that was answered is on the disk, wherever in the middle of another one Caddy
// dies, and however often.
func TestKilledCaddyForgetsNoLogout(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	e.start()
	for range 3 {
		killAndCheck(t, e, 100, 100, 100)
	}
}

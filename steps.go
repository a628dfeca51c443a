package universallogout

import (
	"sync"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

const (
	// maxSteps bounds the memory of steps that are under way or over.
	maxSteps = 1 << 16

	// againTime is how long a step answers as it did at first: the connection
	// may have broken off with its answer (BR-13: Chromium loses some of
	// many at a time), and the page asks once more.
	againTime = 5 * time.Second
)

// stepKey names a step of a logout: at one app, at one site.
type stepKey struct {
	logout string
	what   string
}

// step is one that this process has done or is doing. A token is good for one
// of each: a second one could end a session that began since.
type step struct {
	began  time.Time
	done   chan struct{} // closed when result is there
	result result
	rest   *cookie.Leftover // what was presented when it began
}

// steps are single-use.
type steps struct {
	mu    sync.Mutex
	known map[stepKey]*step
	order []stepKey // the oldest first
}

func newSteps() *steps { return &steps{known: make(map[stepKey]*step)} }

// begin returns a step, and whether the caller has to do it.
func (ss *steps) begin(key stepKey, now time.Time) (s *step, mine bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.forget(now)
	if s := ss.known[key]; s != nil {
		return s, false
	}
	s = &step{began: now, done: make(chan struct{})}
	ss.known[key] = s
	ss.order = append(ss.order, key)
	return s, true
}

// find returns a step that was begun here, nil without one.
func (ss *steps) find(key stepKey) *step {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.known[key]
}

// forget drops steps whose tokens are worth nothing any more, and the oldest
// one if there are too many.
func (ss *steps) forget(now time.Time) {
	for len(ss.order) > 0 {
		oldest := ss.known[ss.order[0]]
		if now.Sub(oldest.began) <= tourLifetime+time.Minute && len(ss.order) < maxSteps {
			return
		}
		delete(ss.known, ss.order[0])
		ss.order = ss.order[1:]
	}
}

func (s *step) finish(r result, rest *cookie.Leftover) {
	s.result, s.rest = r, rest
	close(s.done)
}

// isOver reports whether its result is there.
func (s *step) isOver() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// wait returns when the step is over, or when time is up.
func (s *step) wait(limit time.Duration) bool {
	_, over := work.WaitFor(s.done, limit)
	return over
}

// isFresh: asked once more because of a broken connection, not again.
func (s *step) isFresh(now time.Time) bool { return now.Sub(s.began) < againTime }

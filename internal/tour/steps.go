package tour

import (
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/bounded"
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

// Step is one that this process has done or is doing. A token is good for one
// of each: a second one could end a session that began since.
type Step struct {
	began  time.Time
	done   chan struct{} // closed when result is there
	Result Result
	Rest   *cookie.Leftover // what was presented when it began
}

// Steps are single-use: of all that ask for one with the same key, one does it.
// They are for concurrent use. One is forgotten when its token is worth nothing
// any more, or when there are too many.
type Steps struct {
	known *bounded.Map // of *Step, by StepKey
}

// NewSteps knows of none yet.
func NewSteps() *Steps {
	return &Steps{bounded.NewMap(maxSteps, Lifetime+time.Minute)}
}

// Begin returns a step, and whether the caller has to do it.
func (ss *Steps) Begin(key StepKey, now time.Time) (s *Step, mine bool) {
	step, mine := ss.known.GetOrPut(key, now, func() any { return &Step{began: now, done: make(chan struct{})} })
	return step.(*Step), mine
}

// Find returns a step that was begun here, nil without one.
func (ss *Steps) Find(key StepKey) *Step {
	step, _ := ss.known.Get(key)
	s, _ := step.(*Step)
	return s
}

// Finish says what came of the step, once.
func (s *Step) Finish(r Result, rest *cookie.Leftover) {
	s.Result, s.Rest = r, rest
	close(s.done)
}

// IsOver reports whether its result is there.
func (s *Step) IsOver() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Wait returns when the step is over, or when time is up.
func (s *Step) Wait(limit time.Duration) bool {
	_, over := work.WaitFor(s.done, limit)
	return over
}

// IsFresh: asked once more because of a broken connection, not again.
func (s *Step) IsFresh(now time.Time) bool { return now.Sub(s.began) < againTime }

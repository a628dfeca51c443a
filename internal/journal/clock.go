package journal

import (
	"sync"
	"time"
)

const (
	maxJump   = 24 * time.Hour
	jumpStays = time.Hour
)

// clock is the one by which records are dropped. A clock that runs days ahead
// by mistake must not take them all. So a time more than a day after the newest
// one that was ever seen, also by files that were there at the start, counts
// only when the clock has gone on from it for an hour. Until then the old time
// stands still: what is kept too long does no harm, and neither does a clock
// that goes back.
type clock struct {
	now func() time.Time

	mu     sync.Mutex
	newest time.Time
	jumped time.Time // what the clock said when it was ahead first, zero if it is not
}

// saw tells of a time that a file had.
func (c *clock) saw(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.newest) {
		c.newest = t
	}
}

func (c *clock) trusted() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now().Round(0) // the monotonic clock does not show a jump
	if c.newest.IsZero() || now.Sub(c.newest) <= maxJump {
		if now.After(c.newest) {
			c.newest = now
		}
		c.jumped = time.Time{}
		return now
	}
	switch stays := now.Sub(c.jumped); {
	case c.jumped.IsZero() || stays < 0 || stays > maxJump:
		c.jumped = now // from here, or from here once more
	case stays >= jumpStays:
		c.newest, c.jumped = now, time.Time{}
	}
	return c.newest
}

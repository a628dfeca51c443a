package universallogout

import (
	"sync/atomic"
	"time"
)

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// clock is one that tests turn.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) turn(by time.Duration) { c.ahead.Add(int64(by)) }

func (s *site) turnable() (c *clock) { c = new(clock); s.app.now = c.now; return c }

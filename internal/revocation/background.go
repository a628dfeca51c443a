package revocation

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

const (
	sweepInterval = 5 * time.Minute

	// sweepPause is what requests have for themselves after each part.
	sweepPause = time.Millisecond

	// maxWaiting bounds the bindings that wait for a disk that hangs.
	maxWaiting = 100_000
)

func (list *List) sweepEach(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			list.sweep(ctx, sweepPause)
		}
	}
}

// sweep drops what expired, part by part: nobody waits for more than one.
func (list *List) sweep(ctx context.Context, pause time.Duration) {
	now := seconds(list.now())
	parts := func(sweep func(part int) bool) {
		for part := 0; sweep(part) && ctx.Err() == nil; part++ {
			time.Sleep(pause)
		}
	}
	for _, t := range []*table{&list.credentials, &list.sessions} {
		parts(func(part int) bool {
			t.sweep(part, now)
			return part+1 < shards
		})
	}
	parts(func(part int) bool { return list.bindings.sweep(part, now) })
	list.subjects.sweep(now)
	list.filter.sweep(now)
	if used := list.used(); used < list.max*7/10 {
		list.alarm.Store(0) // it is worth telling again
	}
}

// records wait for the journal.
type records struct {
	mu      sync.Mutex
	waiting []journal.Record
	lost    int
	wake    chan struct{}
}

func newRecords() records { return records{wake: make(chan struct{}, 1)} }

func (r *records) put(record journal.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= maxWaiting {
		r.lost++
		return
	}
	r.waiting = append(r.waiting, record)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *records) take() (taken []journal.Record, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken, lost = r.waiting, r.lost
	r.waiting, r.lost = nil, 0
	return taken, lost
}

// writeBindings hands bindings to the journal, those of the last moment too.
func (list *List) writeBindings(ctx context.Context) {
	for open := true; open; {
		select {
		case <-ctx.Done():
			open = false
		case <-list.bound.wake:
		}
		records, lost := list.bound.take()
		if lost > 0 {
			list.logger.Error("bindings came faster than they were written: some are forgotten at the next start", zap.Int("bindings", lost))
		}
		if len(records) > 0 {
			// The journal keeps what it cannot write, and says so.
			closing, done := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			if err := list.journal.Append(closing, records...); err != nil {
				list.logger.Warn("bindings are not yet on disk", zap.Int("bindings", len(records)), zap.Error(err))
			}
			done()
		}
	}
}

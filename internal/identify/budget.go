package identify

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	maxBindingsPerDay = 1000    // of one user
	maxBudgets        = 1 << 16 // with so many users, all begin anew
)

// bindingBudget is how many bindings each user has left today. Nobody who is let
// in can make up so many session cookies that there is no room for those of
// others.
type bindingBudget struct {
	mu    sync.Mutex
	day   int64 // since 1970, in UTC
	seed  maphash.Seed
	taken map[uint64]int // by user
}

// take reports whether a user may have one more binding, and counts it.
func (bb *bindingBudget) take(sub string, now time.Time) bool {
	bb.mu.Lock()
	defer bb.mu.Unlock()
	day := now.Unix() / (24 * 60 * 60)
	if bb.taken == nil || day != bb.day || len(bb.taken) >= maxBudgets {
		bb.day, bb.seed, bb.taken = day, maphash.MakeSeed(), make(map[uint64]int)
	}
	user := maphash.String(bb.seed, sub)
	if bb.taken[user] >= maxBindingsPerDay {
		return false
	}
	bb.taken[user]++
	return true
}

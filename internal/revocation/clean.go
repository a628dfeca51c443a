package revocation

import (
	"hash/maphash"
	"sync/atomic"
)

// cleanLines remember Cookie lines in which nothing is refused: a browser
// sends the same one with request after request. What is revoked, by whichever
// node, makes them forget all. Another line is taken for one of them with a
// probability of 2^-48, and nobody can choose it: the seed is this process's.
// They are no bounded.Map: they are asked at every request, so they have no lock
// and a fixed memory.
type cleanLines struct {
	seed  maphash.Seed
	marks [1 << 16]atomic.Uint64
}

func newCleanLines() *cleanLines { return &cleanLines{seed: maphash.MakeSeed()} }

// of is where a line is remembered, and as what.
func (c *cleanLines) of(line string, version uint64) (place *atomic.Uint64, mark uint64) {
	h := maphash.String(c.seed, line)
	return &c.marks[h%uint64(len(c.marks))], h ^ version
}

package revocation

import (
	"sync"
	"sync/atomic"
)

// filterWords hold 2^24 bits: with a million credentials one lookup in seventy
// is made in vain, with ten million every second one.
const filterWords = 1 << 18

// filter tells credentials that are certainly not refused by 16 bytes of them.
// Nothing can be taken out of it, so it is two: when all of the older one has
// expired, the younger one takes its place.
type filter struct {
	young, old atomic.Pointer[generation]
	mu         sync.Mutex // adding
}

type generation struct {
	words [filterWords]atomic.Uint64
	born  uint32
	until atomic.Uint32
}

// place of a sample: a word, and two bits in it. One cache line is touched.
func place(sample uint32) (word uint32, bits uint64) {
	return sample >> 14, 1<<(sample&63) | 1<<(sample>>6&63)
}

func (f *filter) has(sample uint32) bool {
	// The younger one first: when it becomes the older one, it is that before
	// there is another.
	return f.young.Load().has(sample) || f.old.Load().has(sample)
}

func (g *generation) has(sample uint32) bool {
	if g == nil {
		return false
	}
	word, bits := place(sample)
	return g.words[word].Load()&bits == bits
}

func (f *filter) add(sample, now, until, lifetime uint32) {
	word, bits := place(sample)
	f.mu.Lock()
	defer f.mu.Unlock()
	g, old := f.young.Load(), f.old.Load()
	if g == nil {
		g = &generation{born: now}
		f.young.Store(g)
	}
	if now > g.born && now-g.born >= lifetime && (old == nil || old.until.Load() <= now) {
		f.old.Store(g)
		g = &generation{born: now}
		f.young.Store(g)
	}
	if g.words[word].Load()&bits != bits {
		g.words[word].Or(bits)
	}
	if until > g.until.Load() {
		g.until.Store(until)
	}
}

// sweep frees the older generation when nothing of it is needed.
func (f *filter) sweep(now uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.old.Load(); old != nil && old.until.Load() <= now {
		f.old.Store(nil)
	}
}

package revocation

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	shards   = 256
	minSlots = 4
)

// table keeps digests until they expire. Readers take no lock and see every
// change at once; writers wait for those of the same shard only, and a shard
// is rebuilt in less than a millisecond. There is nothing in it for the
// garbage collector to follow.
type table struct {
	shards [shards]shard
	n      atomic.Int64 // entries, with those that expired since the last sweep
}

type shard struct {
	slots atomic.Pointer[[]slot] // nil: empty
	mu    sync.Mutex             // writing
	used  int
}

// slot is written val first: a reader that sees a key sees its val. Once
// taken, it keeps its key. What expired goes when the shard is rebuilt.
type slot struct {
	key atomic.Uint64 // 0: free
	val atomic.Uint64 // 32 more bits of the digest, and the second it expires
}

func (t *table) find(d digest) (s *shard, key uint64, rest uint32) {
	key, rest = binary.BigEndian.Uint64(d[:]), binary.BigEndian.Uint32(d[8:])
	if key == 0 {
		key = 1
	}
	return &t.shards[rest%shards], key, rest
}

// start spreads keys over any number of slots, by their upper bits.
func start(key uint64, slots int) int {
	hi, _ := bits.Mul64(key, uint64(slots))
	return int(hi)
}

// until is the second in which d expires, 0 if it is not there. It may have
// passed already.
func (t *table) until(d digest) uint32 {
	s, key, rest := t.find(d)
	p := s.slots.Load()
	if p == nil {
		return 0
	}
	slots := *p
	for i := start(key, len(slots)); ; {
		switch slots[i].key.Load() {
		case 0:
			return 0
		case key:
			if val := slots[i].val.Load(); uint32(val>>32) == rest {
				return uint32(val)
			}
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
}

// put writes an entry that is not there yet, or extends one. There is a free
// slot at all times.
func put(slots []slot, key, val uint64) (added bool) {
	for i := start(key, len(slots)); ; {
		switch slots[i].key.Load() {
		case 0:
			slots[i].val.Store(val)
			slots[i].key.Store(key)
			return true
		case key:
			if was := slots[i].val.Load(); was>>32 == val>>32 {
				if uint32(val) > uint32(was) {
					slots[i].val.Store(val)
				}
				return false
			}
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
}

// add keeps d until then, or longer if it is to be kept longer already. With
// no room left it is false, unless d is there.
func (t *table) add(d digest, until, now uint32, room func() bool) bool {
	s, key, rest := t.find(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	if room != nil && !room() && t.until(d) <= now {
		return false
	}
	p := s.slots.Load()
	if p == nil || (s.used+1)*5 > len(*p)*4 {
		t.rebuild(s, now, 1)
		p = s.slots.Load()
	}
	if put(*p, key, uint64(rest)<<32|uint64(until)) {
		s.used++
		t.n.Add(1)
	}
	return true
}

// rebuild a shard without what expired, with room for more.
func (t *table) rebuild(s *shard, now uint32, more int) {
	var old []slot
	if p := s.slots.Load(); p != nil {
		old = *p
	}
	live := more
	for i := range old {
		if old[i].key.Load() != 0 && uint32(old[i].val.Load()) > now {
			live++
		}
	}
	t.n.Add(int64(live - more - s.used))
	s.used = live - more
	if live == 0 {
		s.slots.Store(nil)
		return
	}
	// An eighth more than now, and at most four of five slots taken: together
	// 20 to 23 bytes an entry. Small ones double.
	if live < 1024 {
		live *= 2
	} else {
		live += live / 8
	}
	slots := make([]slot, max(minSlots, live*5/4+1))
	for i := range old {
		if val := old[i].val.Load(); uint32(val) > now {
			put(slots, old[i].key.Load(), val)
		}
	}
	s.slots.Store(&slots)
}

// sweep drops what expired in one shard. Little is left for later.
func (t *table) sweep(i int, now uint32) {
	s := &t.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.slots.Load()
	if p == nil {
		return
	}
	expired := 0
	for j := range *p {
		if (*p)[j].key.Load() != 0 && uint32((*p)[j].val.Load()) <= now {
			expired++
		}
	}
	if expired*16 > s.used {
		t.rebuild(s, now, 0)
	}
}

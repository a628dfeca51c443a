package journal

import (
	"hash/maphash"
	"slices"
)

// seen are the records that the files held at the start, eight bytes each, for
// as long as the shared storage has not been read once: what is in both is not
// kept once more, and what was appended here and is not in the storage has yet
// to be shared. So it does not matter what a node knew of it when it stopped,
// nor whether the storage is still the same.
type seen struct {
	seed  maphash.Seed
	parts [256]seenPart // by the first byte of the hash: small enough for a processor's cache
}

type seenPart struct {
	hashes []uint64 // the lowest bit says whether it was appended here
	shared []uint64 // a bit for each: it is in the storage, too
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed()} }

const appendedHere = 1

func (s *seen) hash(record []byte) (*seenPart, uint64) {
	h := maphash.Bytes(s.seed, record[:len(Record{})]) &^ appendedHere
	return &s.parts[h>>56], h
}

func (s *seen) add(frame []byte, kind uint32) {
	p, h := s.hash(frame)
	if kind == ownFrame {
		h |= appendedHere
	}
	p.hashes = append(p.hashes, h)
}

// sort comes after all add, and before all else.
func (s *seen) sort() {
	for i := range s.parts {
		p := &s.parts[i]
		slices.Sort(p.hashes)
		p.shared = make([]uint64, (len(p.hashes)+63)/64)
	}
}

func (p *seenPart) isShared(i int) bool { return p.shared[i/64]&(1<<(i%64)) != 0 }

// share marks a record of the storage, and is false if no file has it.
func (s *seen) share(record []byte) (known bool) {
	p, h := s.hash(record)
	i, _ := slices.BinarySearch(p.hashes, h)
	for ; i < len(p.hashes) && p.hashes[i]&^appendedHere == h; i++ {
		p.shared[i/64] |= 1 << (i % 64)
		known = true
	}
	return known
}

// unshared reports whether any record was appended here and is not in the
// storage.
func (s *seen) unshared() bool {
	for i := range s.parts {
		p := &s.parts[i]
		for k, h := range p.hashes {
			if h&appendedHere != 0 && !p.isShared(k) {
				return true
			}
		}
	}
	return false
}

// take is true, once, for a record that was appended here and is not in the
// storage.
func (s *seen) take(record []byte) bool {
	p, h := s.hash(record)
	i, ok := slices.BinarySearch(p.hashes, h|appendedHere)
	return ok && !p.isShared(i) && s.share(record)
}

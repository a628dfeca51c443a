package revocation

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/dchest/siphash"
)

// hashKey is one of SipHash-2-4-128.
type hashKey struct{ k0, k1 uint64 }

// keys are one for each kind of thing, so that no two kinds can be taken for
// one another.
type keys struct {
	opaque, signed, sid, sub, issuer hashKey
	mix                              [4]uint64
}

func newKeys(secret Key) *keys {
	master := hashKey{binary.LittleEndian.Uint64(secret[:]), binary.LittleEndian.Uint64(secret[8:])}
	derive := func(label string) hashKey {
		k0, k1 := master.of(label)
		return hashKey{k0, k1}
	}
	first, second := derive("sample 1"), derive("sample 2")
	return &keys{
		opaque: derive("opaque credential"), signed: derive("signed credential"),
		sid: derive("sid"), sub: derive("sub"), issuer: derive("issuer"),
		mix: [4]uint64{first.k0, first.k1, second.k0, second.k1 | 1},
	}
}

func (k hashKey) of(s string) (hi, lo uint64) {
	return siphash.Hash128(k.k0, k.k1, unsafe.Slice(unsafe.StringData(s), len(s)))
}

// hashPiece is how much is hashed at once. Longer texts are hashed piece by
// piece, each with the hash before it as its key, so that they need no memory.
const hashPiece = 512

// hasher is given its text byte by byte.
type hasher struct {
	key, last hashKey
	n         int
	long      bool
	buf       [hashPiece]byte
}

func (h *hasher) reset(k hashKey) { h.key, h.last, h.n, h.long = k, k, 0, false }

func (h *hasher) byte(c byte) {
	if h.n == hashPiece {
		h.fold()
	}
	h.buf[h.n] = c
	h.n++
}

func (h *hasher) text(s string) {
	for s != "" {
		if h.n == hashPiece {
			h.fold()
		}
		n := copy(h.buf[h.n:], s)
		h.n, s = h.n+n, s[n:]
	}
}

func (h *hasher) fold() {
	h.last.k0, h.last.k1 = siphash.Hash128(h.last.k0, h.last.k1, h.buf[:h.n])
	h.n, h.long = 0, true
}

// sum ends a chain of pieces with the key that it began with: nobody who has
// the hash of a text gets that of a longer one.
func (h *hasher) sum() (hi, lo uint64) {
	if h.long {
		h.fold()
		binary.LittleEndian.PutUint64(h.buf[:], h.last.k0)
		binary.LittleEndian.PutUint64(h.buf[8:], h.last.k1)
		h.n = 16
	}
	return siphash.Hash128(h.key.k0, h.key.k1, h.buf[:h.n])
}

// digest is what is left of an issuer's sid or sub. It is zero for none.
type digest [12]byte

func (k hashKey) digest(issuer, name string) (d digest) {
	if name == "" {
		return d
	}
	var h hasher
	h.reset(k)
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(issuer)))
	for _, c := range length {
		h.byte(c)
	}
	h.text(issuer)
	h.text(name)
	hi, lo := h.sum()
	binary.BigEndian.PutUint64(d[:], hi)
	binary.BigEndian.PutUint32(d[8:], uint32(lo))
	return d
}

// sample mixes 16 bytes of a credential. It need be no more than hard to
// steer: whoever has the same sample as something revoked costs us one hash.
func (k *keys) sample(a, b uint64) uint32 {
	hi, lo := bits.Mul64(a^k.mix[0], b^k.mix[1])
	hi, lo = bits.Mul64(hi^lo^k.mix[2], k.mix[3])
	return uint32((hi ^ lo) >> 32)
}

// newFingerprint has 96 bits of a hash and 32 of the sample.
func newFingerprint(hi, lo uint64, sample uint32) (f Fingerprint) {
	binary.BigEndian.PutUint64(f[:], hi)
	binary.BigEndian.PutUint32(f[8:], uint32(lo))
	binary.BigEndian.PutUint32(f[12:], sample)
	return f
}

func (f *Fingerprint) sample() uint32 { return binary.BigEndian.Uint32(f[12:]) }

func (f *Fingerprint) digest() digest { return digest(f[:12]) }

package revocation

import "math/bits"

// sample is the first 13 of what counts. It is false for what is too short to
// be a credential.
func (t text) sample() (a, b uint64, ok bool) {
	const (
		enough = 8 * (sampled + 1) // the last character does not count
		second = 1<<64 - 1<<(128-8*sampled)
	)
	s, i, n := t.s, 0, uint(0)
	if t.quoted || len(s) < 8 {
		return t.slowSample()
	}
	// Eight characters at once.
	if len(s) >= 16 {
		a, b, i, n = load(s), load(s[8:]), 16, 128
		dropA, dropB := notAlphanumeric(a), notAlphanumeric(b)
		a, b = a|0x20*ones, b|0x20*ones
		if dropA|dropB != 0 {
			if !t.raw && (hasPercent(a) || hasPercent(b)) {
				return t.slowSample()
			}
			var k, m uint
			a, k = moveUp(a, dropA)
			b, m = moveUp(b, dropB)
			a, b, n = a|b>>k, b<<(64-k), k+m
		}
	}
	for ; n < enough && i+8 <= len(s); i += 8 {
		x, k := load(s[i:]), uint(64)
		drop := notAlphanumeric(x)
		if x |= 0x20 * ones; drop != 0 {
			if !t.raw && hasPercent(x) {
				return t.slowSample()
			}
			x, k = moveUp(x, drop)
		}
		if n < 64 {
			a, b = a|x>>n, b|x<<(64-n)
		} else {
			b |= x >> (n - 64)
		}
		n += k
	}
	if rest := len(s) - i; n < enough && rest > 0 {
		left := uint(8 * (8 - rest))
		x := load(s[len(s)-8:]) << (left & 63)
		drop := notAlphanumeric(x) | highs>>((64-left)&63)
		x |= 0x20 * ones
		if !t.raw && hasPercent(x) {
			return t.slowSample()
		}
		x, k := moveUp(x, drop)
		if n < 64 {
			a, b = a|x>>n, b|x<<(64-n)
		} else {
			b |= x >> (n - 64)
		}
		n += k
	}
	if n >= enough {
		return a, b & second, true
	}
	for i := len(s) - 1; i >= 0; i-- { // the last one that counts, or would
		if c := classes[s[i]]; c > '.' {
			n -= 8
			break
		} else if c == punctuation {
			break
		}
	}
	if n <= 64 {
		return a & (^uint64(0) << (64 - n)), 0, false
	}
	return a, b & (^uint64(0) << (128 - n)), n >= 8*minKept
}

// slowSample decodes.
func (t text) slowSample() (a, b uint64, ok bool) {
	n, held := 0, byte(0)
	for i := 0; i < len(t.s) && n < sampled; {
		var c byte
		c, i = t.at(i)
		c = classes[c]
		if c == junk || c == '.' {
			continue
		}
		if held > punctuation {
			if n < 8 {
				a |= uint64(held) << (56 - 8*n)
			} else {
				b |= uint64(held) << (120 - 8*n)
			}
			n++
		}
		held = c
	}
	return a, b, n >= minKept
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0])<<56 | uint64(s[1])<<48 | uint64(s[2])<<40 | uint64(s[3])<<32 |
		uint64(s[4])<<24 | uint64(s[5])<<16 | uint64(s[6])<<8 | uint64(s[7])
}

// notAlphanumeric has the highest bit of each of the eight bytes set that is
// no letter or digit.
func notAlphanumeric(x uint64) uint64 {
	low := x & (^uint64(0) ^ highs)
	folded := low | 0x20*ones
	letter := (folded + (0x80-'a')*ones) &^ (folded + (0x80-'z'-1)*ones)
	digit := (low + (0x80-'0')*ones) &^ (low + (0x80-'9'-1)*ones)
	return (x | ^(letter | digit)) & highs
}

// moveUp drops characters. What is left is k bits long, and zeros follow it.
func moveUp(x, drop uint64) (left uint64, k uint) {
	for k = 64; drop != 0; drop &= drop - 1 {
		at := uint(bits.TrailingZeros64(drop)) & 56
		after := x & (1<<at - 1)
		x = x&^(1<<at<<8-1) | after<<8
		k -= 8
	}
	return x, k
}

func hasPercent(x uint64) bool {
	x ^= '%' * ones
	return (x-ones)&^x&highs != 0
}

package revocation

// The last character of base64 has bits that mean nothing, if the length is no
// multiple of four. They are taken for zero where upper and lower case are
// mixed, as in all base64 of secrets: elsewhere they would make neighbours of
// session-17 and session-18.

const (
	// minLength of a credential, in characters of base64.
	minLength = 16
	// minKept of them have to be letters and digits.
	minKept = 10
	// sampled is how many of them the filter knows: enough for what comes after
	// beginnings that all values of an app share, and few enough to be found
	// in the first 16 bytes of nearly every value.
	sampled = 13
	// signatureKept is how many characters of a JWT's signature count. From
	// (r, s) anybody makes (r, n-s), which is valid too; r is 42 characters
	// long or more and cannot be guessed either.
	signatureKept = 42
)

// scan hands what counts to a hash. The last character of each part is held
// back until it is known that it is the last.
type scan struct {
	hasher
	held         byte // 0: none yet
	length       int  // of the part, in characters of base64
	upper, lower uint64
}

// eight takes as many characters at once, if they all count.
func (s *scan) eight(t text, i int) bool {
	if t.quoted || s.held == 0 || s.n > hashPiece-8 || i+8 > len(t.s) {
		return false
	}
	x := load(t.s[i:])
	if notAlphanumeric(x) != 0 {
		return false
	}
	s.release()
	s.cases(x >> 8)
	last := byte(x)
	x = x>>8 | 0x20*ones>>8
	s.buf[s.n], s.buf[s.n+1], s.buf[s.n+2], s.buf[s.n+3] = byte(x>>48), byte(x>>40), byte(x>>32), byte(x>>24)
	s.buf[s.n+4], s.buf[s.n+5], s.buf[s.n+6] = byte(x>>16), byte(x>>8), byte(x)
	s.n += 7
	s.held, s.length = last, s.length+8
	return true
}

// cases of letters: their bit 0x40 is set, and 0x20 in lower case.
func (s *scan) cases(x uint64) {
	s.lower |= x & (x << 1) & (0x40 * ones)
	s.upper |= x &^ (x << 1) & (0x40 * ones)
}

// next takes one character.
func (s *scan) next(c byte) {
	s.release()
	s.held = c
	s.length++
}

func (s *scan) release() {
	if class := classes[s.held]; class > '.' {
		s.byte(class)
		s.cases(uint64(s.held))
	}
}

// end of a part. The last character is not asked for its own case, because
// that may be one of what means nothing.
func (s *scan) end(length int) {
	if s.held == 0 {
		return
	}
	unused := 0
	if s.upper != 0 && s.lower != 0 {
		unused = [4]int{0, 0, 4, 2}[length%4]
	}
	if unused == 0 {
		s.release()
	} else {
		s.byte(classes[base64URL[sextet(s.held)>>unused<<unused]])
	}
	s.held, s.length, s.upper, s.lower = 0, 0, 0, 0
}

// natural is the length of a value as it stands there.
const natural = -1

// ofOpaque is the fingerprint of a value that has no structure we know. It is
// ambiguous if apps may take it for base64 of another length: PHP reads '+' as
// a space; to some '-' is data and to others junk; behind a dot may be a
// signature, or more of the same.
func (k *keys) ofOpaque(t text, length int) (f Fingerprint, ambiguous, ok bool) {
	a, b, ok := t.sample()
	if !ok {
		return f, false, false
	}
	var s scan
	s.reset(k.opaque)
	behind := 0 // the last dot
	for i := 0; i < len(t.s); {
		if s.eight(t, i) {
			i += 8
			continue
		}
		var c byte
		c, i = t.at(i)
		class := classes[c]
		if class == '.' {
			behind = s.length
		}
		ambiguous = ambiguous || class == '.' || class == punctuation || c == ' '
		if class == junk || class == '.' {
			continue
		}
		s.next(c)
	}
	if s.length < minLength {
		return f, false, false
	}
	if length == natural {
		length = s.length - behind
	}
	s.end(length)
	hi, lo := s.sum()
	return newFingerprint(hi, lo, k.sample(a, b)), ambiguous, true
}

// ofSigned is the fingerprint of a JWT. Each of its parts is base64 of its
// own. That the signature counts is what keeps others from having a JWT refused
// whose claims they guess.
func (k *keys) ofSigned(t text) (f Fingerprint, ok bool) {
	begins, _, ok := t.sample()
	if !ok {
		return f, false
	}
	dots, after := t.dots()
	if !isSigned(begins, dots) {
		return f, false
	}
	var s scan
	s.reset(k.signed)
	part, all := 0, 0
	for i := 0; i < len(t.s); {
		if part < dots && s.eight(t, i) {
			i, all = i+8, all+8
			continue
		}
		var c byte
		c, i = t.at(i)
		class := classes[c]
		if class == junk {
			continue
		}
		if class == '.' {
			s.end(s.length)
			s.byte('.')
			part++
			continue
		}
		s.next(c)
		all++
		if dots == 2 && part == 2 && s.length > signatureKept {
			s.held = 0
			break
		}
	}
	if all < minLength {
		return f, false
	}
	s.end(s.length)
	hi, lo := s.sum()
	a, b, _ := t.from(after).sample()
	return newFingerprint(hi, lo, k.sample(a, b)), true
}

package revocation

import "strings"

// Apps read more than one spelling of a credential as the same: cookies are
// percent-decoded (PHP reads '+' as a space besides) and unquoted; base64 is
// decoded in both alphabets, with and without padding, and many decoders pass
// over what is no base64 at all (Python's, PHP's, Node's); hex and UUIDs may be
// written in capitals. So only letters and digits count, whatever their case.
// What is left of a credential is as hard to guess as the whole.
//
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

const (
	junk        = 0
	punctuation = 1 // data to some base64, but spelled in more than one way
)

// classes say what a character is: junk, punctuation, a dot, or else a letter
// or digit, in lower case.
var classes = func() (classes [256]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		classes[c], classes[c-'a'+'A'] = c, c
	}
	for c := byte('0'); c <= '9'; c++ {
		classes[c] = c
	}
	for _, c := range []byte("+/-_") {
		classes[c] = punctuation
	}
	classes['.'] = '.'
	return classes
}()

// text is a value in one of the ways to read it.
type text struct {
	s      string
	quoted bool // backslashes mean something
	raw    bool // and percent signs nothing
}

// at is the character at i, decoded, and where the next one is.
func (t text) at(i int) (c byte, next int) {
	c = t.s[i]
	switch {
	case c == '%' && i+2 < len(t.s) && !t.raw:
		hi, lo := nibble(t.s[i+1]), nibble(t.s[i+2])
		if hi|lo < 16 {
			return hi<<4 | lo, i + 3
		}
	case c == '\\' && t.quoted && i+1 < len(t.s):
		// Python decodes octal.
		if i+3 < len(t.s) && isOctal(t.s[i+1], '3') && isOctal(t.s[i+2], '7') && isOctal(t.s[i+3], '7') {
			return (t.s[i+1]-'0')<<6 | (t.s[i+2]-'0')<<3 | (t.s[i+3] - '0'), i + 4
		}
		return t.s[i+1], i + 2
	}
	return c, i + 1
}

func (t text) from(i int) text { return text{t.s[i:], t.quoted, t.raw} }

func (t text) to(i int) text { return text{t.s[:i], t.quoted, t.raw} }

// padded is where the padding of base64 ends: Python reads nothing of what
// follows, neither in a value as a whole nor in its last part. 0: nowhere.
func (t text) padded() (whole, part int) {
	all, last, pads := 0, 0, 0
	ends := func(n int) bool { return n%4 >= 2 && n%4+pads >= 4 }
	for i := 0; i < len(t.s); {
		var c byte
		c, i = t.at(i)
		switch class := classes[c]; {
		case c == '=':
			pads++
			if whole == 0 && ends(all) {
				whole = i
			}
			if part == 0 && ends(last) {
				part = i
			}
		case class == '.':
			last, part, pads = 0, 0, 0
		case class != junk:
			all, last, pads = all+1, last+1, 0
		}
	}
	return whole, part
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}

func isOctal(c, highest byte) bool { return '0' <= c && c <= highest }

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

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// sextet is what a character of base64 stands for.
func sextet(c byte) byte {
	switch c {
	case '+':
		c = '-'
	case '/':
		c = '_'
	}
	return byte(strings.IndexByte(base64URL, c))
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
	return fingerprint(hi, lo, k.sample(a, b)), ambiguous, true
}

// dots are how many there are, and where the last one ends.
func (t text) dots() (n, after int) {
	if !t.quoted && strings.IndexByte(t.s, '%') < 0 {
		for {
			i := strings.IndexByte(t.s[after:], '.')
			if i < 0 {
				return n, after
			}
			n, after = n+1, after+i+1
		}
	}
	for i := 0; i < len(t.s); {
		var c byte
		if c, i = t.at(i); c == '.' {
			n, after = n+1, i
		}
	}
	return n, after
}

// isSigned reports whether a value with so many dots and such a beginning is
// to be taken for a JWT, signed or encrypted. An object of JSON begins with an
// e in base64.
func isSigned(begins uint64, dots int) bool {
	return begins>>56 == 'e' && (dots == 2 || dots == 4)
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
	return fingerprint(hi, lo, k.sample(a, b)), true
}

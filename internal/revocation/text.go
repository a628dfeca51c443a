package revocation

import "strings"

// Apps read more than one spelling of a credential as the same: cookies are
// percent-decoded (PHP reads '+' as a space besides) and unquoted; base64 is
// decoded in both alphabets, with and without padding, and many decoders pass
// over what is no base64 at all (Python's, PHP's, Node's); hex and UUIDs may be
// written in capitals. So only letters and digits count, whatever their case.
// What is left of a credential is as hard to guess as the whole.
//
// What is read how stands in text.at and in classes, and nowhere else: what is
// refused, and what a logout finds in a cookie, cannot differ.

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
	json   bool // quoted as JSON is, besides: Express has it behind j:
}

// lenient reads a value in every way at once: nothing that some app undoes is
// left. It is for what is looked for in a value, not for what a value is.
func lenient(value string) text { return text{s: value, quoted: true, json: true} }

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
		if t.json && i+5 < len(t.s) && t.s[i+1:i+4] == "u00" {
			if hi, lo := nibble(t.s[i+4]), nibble(t.s[i+5]); hi|lo < 16 {
				return hi<<4 | lo, i + 6
			}
			return c, i + 1
		}
		// Python decodes octal.
		if i+3 < len(t.s) && isOctal(t.s[i+1], '3') && isOctal(t.s[i+2], '7') && isOctal(t.s[i+3], '7') {
			return (t.s[i+1]-'0')<<6 | (t.s[i+2]-'0')<<3 | (t.s[i+3] - '0'), i + 4
		}
		return t.s[i+1], i + 2
	}
	return c, i + 1
}

func (t text) from(i int) text { t.s = t.s[i:]; return t }

func (t text) to(i int) text { t.s = t.s[:i]; return t }

// decoded is the whole of it as apps have it then.
func (t text) decoded() string {
	if !strings.ContainsAny(t.s, `%\`) {
		return t.s
	}
	decoded := make([]byte, 0, len(t.s))
	for i := 0; i < len(t.s); {
		var c byte
		c, i = t.at(i)
		decoded = append(decoded, c)
	}
	return string(decoded)
}

// base64 is what decoders make of it that pass over what is none: in the
// alphabet of URLs, without padding, and the dots between parts.
func (t text) base64() string {
	decoded := make([]byte, 0, len(t.s))
	for i := 0; i < len(t.s); {
		var c byte
		if c, i = t.at(i); classes[c] != junk {
			decoded = append(decoded, asBase64URL(c))
		}
	}
	return string(decoded)
}

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

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// sextet is what a character of base64 stands for.
func sextet(c byte) byte { return byte(strings.IndexByte(base64URL, asBase64URL(c))) }

// asBase64URL is the same character in the alphabet of URLs.
func asBase64URL(c byte) byte {
	switch c {
	case '+':
		return '-'
	case '/':
		return '_'
	}
	return c
}

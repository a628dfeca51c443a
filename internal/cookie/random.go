package cookie

const (
	// MinCredential is the length in bytes of the shortest value that nobody
	// can guess.
	MinCredential = 16

	// minUnnamed is the same for a cookie of whose name nothing is known.
	minUnnamed = 32
)

// Run is what a run of base64 characters looks like. All are numbers of bytes
// but the changes: those from one of digits, small letters and capitals to
// another, with nothing between. At punctuation there is none, for in
// a-slug-of-2024 letters and digits change only there.
type Run struct {
	Length, Distinct      int
	Digits, Lower, Upper  int
	Vowels, Consonants    int // Consonants: the most in a row
	Changes, DigitChanges int // DigitChanges: those to and from digits
}

// AnyRun reports whether value has a run of at least so many base64 characters,
// of either alphabet, for which is holds.
func AnyRun(value string, least int, is func(Run) bool) bool {
	for start := 0; start < len(value); {
		end := start
		for end < len(value) && IsBase64(value[end]) {
			end++
		}
		if end-start >= least && is(runOf(value[start:end])) {
			return true
		}
		start = end + 1
	}
	return false
}

// IsBase64 reports whether c is of one of the two base64 alphabets.
func IsBase64(c byte) bool {
	return classOf(c) != punctuation || c == '+' || c == '/' || c == '-' || c == '_'
}

// class is a kind of base64 characters.
type class int

const (
	digit class = iota
	lower
	upper
	punctuation // and all that is none of base64
)

func classOf(c byte) class {
	switch {
	case c >= '0' && c <= '9':
		return digit
	case c >= 'a' && c <= 'z':
		return lower
	case c >= 'A' && c <= 'Z':
		return upper
	}
	return punctuation
}

func runOf(s string) Run {
	run := Run{Length: len(s)}
	var seen [256]bool
	consonants, before := 0, punctuation
	for i := range len(s) {
		c, now := s[i], classOf(s[i])
		if now != before && now != punctuation && before != punctuation {
			run.Changes++
			if now == digit || before == digit {
				run.DigitChanges++
			}
		}
		before = now
		consonants++
		switch now {
		case digit:
			run.Digits++
		case lower:
			run.Lower++
		case upper:
			run.Upper++
		case punctuation:
		}
		switch {
		case now == digit || now == punctuation:
			consonants = 0
		case isVowel(c):
			run.Vowels++
			consonants = 0
		}
		run.Consonants = max(run.Consonants, consonants)
		if !seen[c] {
			seen[c] = true
			run.Distinct++
		}
	}
	return run
}

func isVowel(letter byte) bool {
	switch letter | 0x20 {
	case 'a', 'e', 'i', 'o', 'u':
		return true
	}
	return false
}

// looksLikeCredential reports whether value holds a random-looking run: words,
// slugs and numbers have none.
func looksLikeCredential(value string) bool {
	return AnyRun(value, minUnnamed, looksRandom)
}

// looksRandom: many different characters, with digits among the letters or
// capitals among the small ones.
func looksRandom(run Run) bool {
	switch {
	case run.Digits == 0 && (run.Lower == 0 || run.Upper == 0):
		return false // words, or one letter case only
	case run.Lower == 0 && run.Upper == 0:
		return false // numbers: a time, a size, a phone
	}
	return run.Distinct >= 10 && run.Changes >= run.Length/6
}

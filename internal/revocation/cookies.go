package revocation

import "strings"

// RefusesAny reports whether Cookie header lines hold a value that is refused:
// then WithoutRefused says which. It allocates nothing.
func (list *List) RefusesAny(lines []string) bool {
	if list.IsEmpty() {
		return false
	}
	version := list.Version() // before anything is looked at
	anyChunks := false
	for _, line := range lines {
		place, mark := list.clean.of(line, version)
		if place.Load() == mark {
			continue
		}
		refused, chunks, certain := list.refusesLine(line)
		if refused {
			return true
		}
		anyChunks = anyChunks || chunks
		if certain && !chunks {
			place.Store(mark)
		}
	}
	return anyChunks && list.refusesChunks(lines, nil)
}

// refusesLine is quick with what browsers send: values without commas, and no
// space but the one in front of each name. It also says whether there may be
// chunks of a value, and whether it is certain: then no clock was asked.
func (list *List) refusesLine(line string) (refused, chunks, certain bool) {
	if strings.IndexByte(line, '"') >= 0 {
		if _, _, _, refused := list.refusesQuoted(line, 0); refused {
			return true, false, false
		}
	}
	if isSeparated(line) {
		refused, chunks = list.refusesPairs(line)
		return refused, chunks, false
	}
	certain = true
	spaces := strings.Count(line, " ")
	for i := 0; i < len(line); {
		switch line[i] {
		case ' ':
			spaces--
			fallthrough
		case ';':
			i++
			continue
		}
		pair := line[i:]
		if end := strings.IndexByte(pair, ';'); end >= 0 {
			pair = pair[:end]
		}
		i += len(pair) + 1
		equals := strings.IndexByte(pair, '=')
		chunks = chunks || isChunk(pair, equals)
		if value := pair[equals+1:]; len(value) >= minLength && list.isSuspect(value) {
			if _, refused = list.refusesValue(trim(value)); refused {
				return true, chunks, false
			}
			certain = false
		}
	}
	if spaces > 0 {
		refused, chunks = list.refusesPairs(line)
		return refused, chunks, false
	}
	return false, chunks, certain
}

// isSuspect is false for values that are certainly not refused.
func (list *List) isSuspect(value string) bool {
	if value[0] == '"' || isJSONCookie(value) {
		return true
	}
	t := text{s: value}
	if list.isSuspectText(t) {
		return true
	}
	t.raw = t.hasPercent()
	return t.raw && list.isSuspectText(t)
}

func (list *List) isSuspectText(t text) bool {
	a, b, ok := t.sample()
	if !ok {
		return false
	}
	if list.filter.has(list.keys.sample(a, b)) {
		return true
	}
	if a>>56 != 'e' {
		return false
	}
	dots, after := t.dots()
	if !isSigned(a, dots) {
		return false
	}
	a, b, _ = t.from(after).sample()
	return list.filter.has(list.keys.sample(a, b))
}

// refusesPairs is refusesLine for all others.
func (list *List) refusesPairs(line string) (refused, chunks bool) {
	for pair := range strings.SplitSeq(line, ";") {
		if _, refused := list.refusesPair(pair); refused {
			return true, chunks
		}
		name, _, _ := strings.Cut(pair, "=")
		name = strings.TrimRight(name, " \t")
		chunks = chunks || isChunk(name, len(name))
	}
	return false, chunks
}

// Refused is a cookie that must not reach an app.
type Refused struct {
	Name, Value string
	Fingerprint Fingerprint
}

// WithoutRefused takes what is refused out of Cookie header lines. Lines
// without a cookie are left out, lines without a refused one stay as they are.
func (list *List) WithoutRefused(lines []string) (kept []string, refused []Refused) {
	if list.IsEmpty() {
		return lines, nil
	}
	// What is left may read otherwise than before: quotes enclose other things.
	for range 3 {
		if kept, refused = list.takeOut(lines, refused); !list.RefusesAny(kept) {
			return kept, refused
		}
		lines = kept
	}
	return nil, refused // no browser sends such a thing
}

func (list *List) takeOut(lines []string, refused []Refused) (kept []string, all []Refused) {
	for _, line := range lines {
		before := len(refused)
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = trim(pair)
			if f, is := list.refusesPair(pair); is {
				name, value, _ := strings.Cut(pair, "=")
				refused = append(refused, Refused{strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t"), f})
			} else if pair != "" {
				pairs = append(pairs, pair)
			}
		}
		if len(refused) > before {
			line = strings.Join(pairs, "; ")
		}
		if line, refused = list.withoutQuoted(line, refused); len(pairs) > 0 && line != "" {
			kept = append(kept, line)
		}
	}
	return list.withoutRefusedChunks(kept, refused)
}

// trim takes off what may stand around names and values.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// isSeparated reports whether there is what old parsers separate cookies by,
// besides spaces.
func isSeparated(line string) bool {
	return strings.IndexByte(line, ',') >= 0 || strings.IndexByte(line, '\t') >= 0
}

// refusesPair looks a cookie up by its value, whatever its name is: PHP, Java
// and ASP.NET take several spellings of a name for the same.
func (list *List) refusesPair(pair string) (f Fingerprint, refused bool) {
	value := trim(pair[strings.IndexByte(pair, '=')+1:])
	if len(value) < minLength {
		return f, false
	}
	if f, refused = list.refusesValue(value); refused {
		return f, true
	}
	if isSeparated(value) || strings.IndexByte(value, ' ') >= 0 {
		return list.refusesPieces(value)
	}
	return f, false
}

// refusesPieces reads a value as parsers do that begin a new cookie behind a
// comma (RFC 2109, Java's) or a space (Python's).
func (list *List) refusesPieces(value string) (f Fingerprint, refused bool) {
	for i, began := 0, 0; i <= len(value); i++ {
		if i < len(value) && value[i] != ',' && value[i] != ' ' && value[i] != '\t' {
			continue
		}
		piece := value[began:i]
		if began = i + 1; len(piece) < minLength {
			continue
		}
		if f, refused = list.refusesValue(piece); refused {
			return f, true
		}
		if i := strings.IndexByte(piece, '='); i >= 0 && len(piece)-i > minLength {
			if f, refused = list.refusesValue(piece[i+1:]); refused {
				return f, true
			}
		}
	}
	return f, false
}

// refusesValue looks a value up as each of the ways to read it has it.
func (list *List) refusesValue(value string) (f Fingerprint, refused bool) {
	if len(value) < minLength {
		return f, false
	}
	if isJSONCookie(value) {
		if f, refused = list.refusesJSON(value); refused {
			return f, true
		}
	}
	if value[0] != '"' {
		return list.refusesDecoded(text{s: value})
	}
	// Who takes no quotes off, or only them: they do not count anyway.
	if f, refused = list.refusesDecoded(text{s: value}); refused {
		return f, true
	}
	if isEscaped(value) {
		if f, refused = list.refusesDecoded(text{s: value, quoted: true}); refused {
			return f, true
		}
	}
	if value[len(value)-1] == '"' {
		return f, false
	}
	// Node's old parser drops the last character of what begins with a quote,
	// whatever it is.
	return list.refusesDecoded(text{s: value[:len(value)-1]})
}

// refusesDecoded looks a text up, and also as it is for apps that decode no
// percent: Python's base64 passes over the sign and takes what follows it.
func (list *List) refusesDecoded(t text) (f Fingerprint, refused bool) {
	if f, refused = list.refusesText(t); refused || !t.hasPercent() {
		return f, refused
	}
	t.raw = true
	return list.refusesText(t)
}

// isEscaped reports whether backslashes mean something in a value: Python and
// RFC 2109 unquote it.
func isEscaped(value string) bool {
	return len(value) > 1 && value[0] == '"' && strings.IndexByte(value, '\\') >= 0
}

// refusesText asks the filter first: the usual value is done with then.
func (list *List) refusesText(t text) (f Fingerprint, refused bool) {
	a, b, ok := t.sample()
	if !ok {
		return f, false
	}
	if list.filter.has(list.keys.sample(a, b)) {
		if f, refused = list.refusesOpaque(t); refused {
			return f, true
		}
		whole, part := t.padded()
		for _, end := range [...]int{whole, part, len(WithoutRoute(t.s))} {
			if f, refused = list.refusesOpaque(t.to(end)); refused {
				return f, true
			}
		}
	}
	if a>>56 != 'e' {
		return f, false
	}
	dots, after := t.dots()
	if !isSigned(a, dots) {
		return f, false
	}
	a, b, _ = t.from(after).sample()
	if list.filter.has(list.keys.sample(a, b)) {
		if f, ok = list.keys.ofSigned(t); ok && list.refusesNow(&f) {
			return f, true
		}
		_, end := t.padded()
		if f, ok = list.keys.ofSigned(t.to(end)); ok && list.refusesNow(&f) {
			return f, true
		}
	}
	return f, false
}

func (list *List) refusesOpaque(t text) (f Fingerprint, refused bool) {
	f, ambiguous, ok := list.keys.ofOpaque(t, natural)
	if ok && list.refusesNow(&f) {
		return f, true
	}
	for length := 0; ok && ambiguous && length < 4; length++ {
		if f, _, _ = list.keys.ofOpaque(t, length); list.refusesNow(&f) {
			return f, true
		}
	}
	return f, false
}

func (list *List) refusesNow(f *Fingerprint) bool {
	until := list.credentials.until(f.digest())
	return until > 0 && until > seconds(list.now())
}

// Refuses reports whether a credential is refused, or bound to a session that
// is. It allocates nothing.
func (list *List) Refuses(value string) bool {
	if list.IsEmpty() {
		return false
	}
	_, refused := list.refusesValue(trim(value))
	return refused
}

// RefusesFingerprint is Refuses for a credential of which only that is left.
func (list *List) RefusesFingerprint(f Fingerprint) bool {
	return !list.IsEmpty() && list.refusesNow(&f)
}

// Fingerprint of a credential's value as it stands in a header. It is false
// for values too short to be one.
func (list *List) Fingerprint(value string) (f Fingerprint, ok bool) {
	value = trim(value)
	t := text{s: value, quoted: isEscaped(value)}
	if f, ok = list.keys.ofSigned(t); ok {
		return f, true
	}
	f, _, ok = list.keys.ofOpaque(t, natural)
	return f, ok
}

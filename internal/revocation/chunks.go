package revocation

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unsafe"
)

// Frameworks spread what is too long for one cookie over several, name.0,
// name.1 (Auth.js), name_0 (oauth2-proxy), nameC1 (ASP.NET), and read it again
// wherever it was cut. So whoever has a copy may cut it elsewhere, or cut what
// was whole.

// chunk is a cookie whose name ends in a number.
type chunk struct {
	stem, value string
	number, at  int
}

// chunks are kept for the next request that has some.
type chunks struct {
	found  []chunk
	joined []byte
	list   *List // that may spare us some of it
}

const (
	maxChunkDigits = 3

	// What is kept for later requests: so many, of so many bytes and chunks.
	spareChunks = 16
	maxJoined   = 64 << 10
	maxFound    = 2048

	// maxJoinedValues is how many credentials one request may revoke.
	maxJoinedValues = 16
)

// isChunk reports whether a name that ends there is that of a chunk with the
// number 1. Without it nothing is put together.
func isChunk(pair string, at int) bool {
	return at > 1 && pair[at-1] == '1' && (pair[at-2] < '0' || pair[at-2] > '9')
}

func chunkOf(pair string) (c chunk, ok bool) {
	equals := strings.IndexByte(pair, '=')
	if equals < 1 {
		return c, false
	}
	name := trim(pair[:equals])
	digits := 0
	for digits < len(name) && '0' <= name[len(name)-digits-1] && name[len(name)-digits-1] <= '9' {
		digits++
	}
	if digits == 0 || digits == len(name) || digits > maxChunkDigits || digits > 1 && name[len(name)-digits] == '0' {
		return c, false
	}
	c.stem, c.value = name[:len(name)-digits], trim(pair[equals+1:])
	if n := len(c.value); n > 1 && c.value[0] == '"' && c.value[n-1] == '"' {
		c.value = c.value[1 : n-1]
	}
	for _, digit := range []byte(name[len(name)-digits:]) {
		c.number = 10*c.number + int(digit-'0')
	}
	return c, true
}

// read the chunks of Cookie lines, those that belong together side by side.
func (s *chunks) read(lines []string) {
	sorted := true
	for _, line := range lines {
		for line != "" {
			pair := line
			if i := strings.IndexByte(line, ';'); i >= 0 {
				pair, line = line[:i], line[i+1:]
			} else {
				line = ""
			}
			c, ok := chunkOf(pair)
			if !ok {
				continue
			}
			c.at = len(s.found)
			sorted = sorted && (c.at == 0 || byStem(&s.found[c.at-1], &c) < 0)
			s.found = append(s.found, c)
		}
	}
	if !sorted {
		sort.Sort(s) // which allocates nothing
	}
}

func (s *chunks) Len() int           { return len(s.found) }
func (s *chunks) Less(i, j int) bool { return byStem(&s.found[i], &s.found[j]) < 0 }
func (s *chunks) Swap(i, j int)      { s.found[i], s.found[j] = s.found[j], s.found[i] }

func byStem(a, b *chunk) int {
	if c := strings.Compare(a.stem, b.stem); c != 0 {
		return c
	}
	return cmp.Or(a.number-b.number, a.at-b.at)
}

// each calls yield for what apps may put together, until that returns false:
// they begin with 0 or with 1, and of two chunks with the same number they take
// the first or the last.
func (s *chunks) each(yield func(stem string, value []byte) bool) {
	for rest := s.found; len(rest) > 0; {
		n, twice := 1, false
		for ; n < len(rest) && rest[n].stem == rest[0].stem; n++ {
			twice = twice || rest[n].number == rest[n-1].number
		}
		same := rest[:n]
		rest = rest[n:]
		for first := range 2 {
			if !s.join(same, first, false, yield) || twice && !s.join(same, first, true, yield) {
				return
			}
		}
	}
}

// join the chunks from a number on, the first or the last of each.
func (s *chunks) join(same []chunk, next int, last bool, yield func(stem string, value []byte) bool) bool {
	s.joined = s.joined[:0]
	joined := 0
	for i := range same {
		c := &same[i]
		if joined == 0 && c.number == next && s.list != nil && !s.list.mayBegin(c.value) {
			return true
		}
		isDouble := last && i+1 < len(same) && same[i+1].number == next
		if c.number == next && !isDouble {
			s.joined = append(s.joined, c.value...)
			next, joined = next+1, joined+1
		}
	}
	return joined < 2 || len(s.joined) < minLength || yield(same[0].stem, s.joined)
}

// refusesChunks looks up what cookies are together, and puts the stems of those
// that are refused into all, or stops at the first if that is nil.
func (list *List) refusesChunks(lines []string, all map[string]Fingerprint) (refused bool) {
	var s *chunks
	select {
	case s = <-list.spare:
	default:
		s = new(chunks)
	}
	s.list = list
	s.read(lines)
	s.each(func(stem string, value []byte) bool {
		f, is := list.refusesValue(unsafe.String(&value[0], len(value)))
		if is && all != nil {
			all[stem] = f
		}
		refused = refused || is
		return !refused || all != nil
	})
	if cap(s.joined) <= maxJoined && cap(s.found) <= maxFound {
		clear(s.found) // no credential is kept
		clear(s.joined[:cap(s.joined)])
		s.found = s.found[:0]
		select {
		case list.spare <- s:
		default:
		}
	}
	return refused
}

// mayBegin is false for the first chunk of what is certainly not refused: one
// that is as long as what the filter knows tells all of it, but for JWTs.
func (list *List) mayBegin(value string) bool {
	a, b, _ := text{s: value}.sample()
	isLong := b>>(128-8*sampled)&0xff != 0
	return !isLong || a>>56 == 'e' || value[0] == '"' || list.filter.has(list.keys.sample(a, b))
}

// withoutRefusedChunks is the part of WithoutRefused for values that are cut.
func (list *List) withoutRefusedChunks(lines []string, refused []Refused) ([]string, []Refused) {
	stems := map[string]Fingerprint{}
	if !list.refusesChunks(lines, stems) {
		return lines, refused
	}
	var kept []string
	for _, line := range lines {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = trim(pair)
			c, ok := chunkOf(pair)
			if f, is := stems[c.stem]; ok && is {
				name, value, _ := strings.Cut(pair, "=")
				refused = append(refused, Refused{strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t"), f})
			} else if pair != "" {
				pairs = append(pairs, pair)
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	return kept, refused
}

// JoinedChunks are the values that apps may put together from cookies whose names
// end in numbers. Who revokes the credentials of a request revokes these too.
func JoinedChunks(lines []string) (values []string) {
	var s chunks
	s.read(lines)
	s.each(func(_ string, value []byte) bool {
		if !slices.Contains(values, string(value)) {
			values = append(values, string(value))
		}
		return len(values) < maxJoinedValues
	})
	return values
}

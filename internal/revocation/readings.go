package revocation

import (
	"encoding/json"
	"strings"
)

// Ways to read a cookie that few apps have, and only what begins like it.

// hasPercent reports whether anything could be percent-encoded.
func (t text) hasPercent() bool { return strings.IndexByte(t.s, '%') >= 0 }

// isJSONCookie is the cheap question whether refusesJSON is worth asking.
func isJSONCookie(value string) bool {
	return value[0] == 'j' && (value[1] == ':' || value[1] == '%') || value[0] == '%' && value[1] == '6'
}

// refusesJSON reads a value as Express does: j: and JSON behind it, which is
// text in whichever escapes.
func (list *List) refusesJSON(value string) (f Fingerprint, refused bool) {
	encoded, is := strings.CutPrefix(text{s: value}.decoded(), "j:")
	var s string
	if !is || json.Unmarshal([]byte(encoded), &s) != nil {
		return f, false
	}
	return list.refusesText(text{s: s, raw: true})
}

// refusesQuoted reads what is in quotes, and nothing else of a line, as parsers
// do that look for the end of the quotes first: separators in them are part of
// the value (Python, RFC 2109), what follows them is none (Tomcat). It says
// where the quotes are.
func (list *List) refusesQuoted(line string, from int) (began, end int, f Fingerprint, refused bool) {
	for began = from; ; began = max(end, began+1) {
		i := strings.IndexByte(line[began:], '"')
		if i < 0 {
			return 0, 0, f, false
		}
		began += i
		if before := strings.TrimRight(line[:began], " \t"); !strings.HasSuffix(before, "=") {
			end = began
			continue
		}
		for end = began + 1; end < len(line) && line[end] != '"'; end++ {
			if line[end] == '\\' {
				end++
			}
		}
		if end = min(end+1, len(line)); end-began < minLength {
			end-- // it may begin another one
			continue
		}
		if f, refused = list.refusesValue(line[began:end]); refused {
			return began, end, f, true
		}
		end--
	}
}

// withoutQuoted takes the cookies out of a line that refusesQuoted finds.
func (list *List) withoutQuoted(line string, refused []Refused) (string, []Refused) {
	for from := 0; strings.IndexByte(line, '"') >= 0; {
		began, end, f, is := list.refusesQuoted(line, from)
		if !is || list.IsEmpty() {
			break
		}
		from = strings.LastIndexByte(line[:began], ';') + 1
		name, _, _ := strings.Cut(line[from:began], "=")
		refused = append(refused, Refused{strings.Trim(name, " \t"), line[began:end], f})
		rest := ""
		if i := strings.IndexByte(line[end:], ';'); i >= 0 {
			rest = line[end+i+1:]
		}
		line = strings.Trim(line[:from]+rest, "; \t")
		from = min(from, len(line))
	}
	return line, refused
}

// WithoutRoute is a session id without the name of the node that has it: Jetty
// and WildFly take id.node with any node, WebLogic and WebSphere what they
// write behind ! and a colon.
func WithoutRoute(value string) string {
	if len(value) > minLength {
		if i := strings.IndexAny(value[minLength:], ".!:"); i >= 0 {
			return value[:minLength+i]
		}
	}
	return value
}

// Bearer is the token in a value that is a whole Authorization header. FastAPI's
// apps keep it like that in a cookie, and take either.
func Bearer(value string) (token string, ok bool) {
	word, token, found := strings.Cut(strings.Trim(lenient(value).decoded(), `"`), " ")
	return token, found && strings.EqualFold(word, "Bearer")
}

package logoutpath

import "strings"

// queryHas reports whether any pair of a raw query, or of a form, says
// key=value. Frameworks differ in which of several they take, so one is
// enough. Some part pairs at ; too or do not look at case, and PHP takes many
// spellings of a name for the same.
func queryHas(raw, key, value string) bool {
	for raw != "" {
		pair := raw
		if i := strings.IndexAny(raw, "&;"); i >= 0 {
			pair, raw = raw[:i], raw[i+1:]
		} else {
			raw = ""
		}
		k, v, _ := strings.Cut(pair, "=")
		if isKey(k, key) && decodesTo(v, value) {
			return true
		}
	}
	return false
}

// isKey compares the name of a query pair with a plain one as the most
// generous framework does: PHP drops spaces before it, cuts it at a NUL or a
// bracket, and makes _ of dots and spaces; ASP.NET does not look at case.
func isKey(raw, want string) bool {
	for {
		c, rest := nextByte(raw)
		if raw == "" || c != ' ' {
			break
		}
		raw = rest
	}
	for raw != "" {
		c, rest := nextByte(raw)
		if c == 0 || c == '[' && want == "" {
			break
		}
		if want == "" || mangled(c) != mangled(want[0]) {
			return false
		}
		raw, want = rest, want[1:]
	}
	return want == ""
}

func mangled(c byte) byte {
	switch {
	case c == '.' || c == ' ' || c == '[':
		return '_'
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return c
}

// decodesTo compares a query component with plain text, but for the case of
// its letters, without allocating.
func decodesTo(raw, want string) bool {
	for raw != "" {
		c, rest := nextByte(raw)
		if want == "" || lower(c) != lower(want[0]) {
			return false
		}
		raw, want = rest, want[1:]
	}
	return want == ""
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// nextByte decodes the first byte of a query component.
func nextByte(raw string) (c byte, rest string) {
	switch {
	case raw == "":
		return 0, ""
	case raw[0] == '+':
		return ' ', raw[1:]
	case raw[0] == '%' && len(raw) >= 3 && isHex(raw[1]) && isHex(raw[2]):
		return unhex(raw[1])<<4 | unhex(raw[2]), raw[3:]
	}
	return raw[0], raw[1:]
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// Package cookie reads Cookie and Set-Cookie lines, tells the cookies that hold
// sessions, and writes the lines with which browsers forget them.
package cookie

import "strings"

const (
	// MaxSessionCookies bounds the work that one request can cause. Browsers
	// keep at most 180 cookies for a domain.
	MaxSessionCookies = 180

	// MaxName is in bytes: browsers keep no longer names (CK-13).
	MaxName = 4096
)

// Cookie is one of a Cookie header, its name and value as they stand there.
type Cookie struct{ Name, Value string }

// Each calls yield for the cookies of Cookie header lines until it
// returns false. It reads as browsers write and apps read (CK-16): names keep
// their bytes, so PHP's "s[id]" and names with spaces are found, which
// net/http drops. Nameless cookies and names with control characters are
// passed over: no app can tell them apart.
func Each(lines []string, yield func(name, value string) bool) {
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, found := strings.Cut(pair, "=")
			name = strings.Trim(name, " \t")
			if !found || !IsName(name) {
				continue
			}
			if !yield(name, strings.Trim(value, " \t")) {
				return
			}
		}
	}
}

// Value is the value of the first cookie with this name, "" if there is none.
func Value(lines []string, name string) (value string) {
	Each(lines, func(n, v string) bool {
		if n == name {
			value = v
		}
		return n != name
	})
	return value
}

// IsName reports whether browsers and apps read a cookie of this name
// alike: it has no control characters, no semicolon and no equals sign.
func IsName(name string) bool {
	if name == "" {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == 0x7f || c == ';' || c == '=' {
			return false
		}
	}
	return true
}

// WithoutPairs takes cookies out of Cookie header lines, those for whose
// "name=value" take is true. Lines of which nothing is taken stay as they are,
// and those of which nothing is left go.
func WithoutPairs(lines []string, take func(pair string) bool) (kept []string) {
	for _, line := range lines {
		var pairs []string
		taken := false
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			switch {
			case take(pair):
				taken = true
			case pair != "":
				pairs = append(pairs, pair)
			}
		}
		switch {
		case !taken:
			kept = append(kept, line)
		case len(pairs) > 0:
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	return kept
}

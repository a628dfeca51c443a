package cookie

import (
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// ExpirationBudget is how many bytes of Set-Cookie lines one answer gets. With
// the rest of its header that stays below the 4 KB that many proxies in front
// of us buffer; what does not fit goes with the next answer.
const ExpirationBudget = 2300

// expiration is the Set-Cookie line that deletes one variant of a name, or ""
// if browsers let no cookie of this name be that variant. It is our own
// serialiser because net/http drops odd names, and domains with an underscore
// lose their attribute there (CK-16).
func expiration(name string, v Variant, own origin.Origin) string {
	prefix := ""
	for _, p := range securityPrefixes {
		if len(name) >= len(p) && strings.EqualFold(name[:len(p)], p) {
			prefix = p
			break
		}
	}
	if strings.HasPrefix(prefix, "__host-") && (v.Domain != "" || v.Path != "/") {
		return ""
	}
	var b strings.Builder
	b.Grow(len(name) + len(v.Path) + len(v.Domain) + 112)
	b.WriteString(name)
	b.WriteString("=; Path=")
	b.WriteString(v.Path)
	if v.Domain != "" {
		b.WriteString("; Domain=")
		b.WriteString(v.Domain)
	}
	// Max-Age for today's browsers, Expires for what came before (CK-04).
	b.WriteString("; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
	if own.IsHTTPS() || prefix != "" {
		// An insecure line cannot touch a Secure cookie (CK-06, CK-07).
		b.WriteString("; Secure")
	}
	if strings.HasSuffix(prefix, "http-") {
		b.WriteString("; HttpOnly")
	}
	if v.Partitioned {
		b.WriteString("; SameSite=None; Partitioned")
	} else {
		b.WriteString("; SameSite=Lax")
	}
	return b.String()
}

// Expirations walks the lines that delete names, most likely variants of all
// names first, beginning with line number from. It returns the lines that fit
// the budget of bytes and the number of the first that did not, or -1 if that was all.
// A name that is "" is passed over: its cookie is gone already. So is what is
// spared, if that is not nil.
func Expirations(names []string, variants []Variant, own origin.Origin, from, budget int, spared func(string, Variant) bool) (lines []string, next int) {
	for n := from; n < len(names)*len(variants); n++ {
		name, v := names[n%len(names)], variants[n/len(names)]
		if name == "" || len(name) > MaxName || spared != nil && spared(name, v) {
			continue
		}
		line := expiration(name, v, own)
		if line == "" {
			continue
		}
		if budget -= len("Set-Cookie: \r\n") + len(line); budget < 0 && len(lines) > 0 {
			return lines, n
		}
		lines = append(lines, line)
	}
	return lines, -1
}

// LinesBytes is how many bytes Set-Cookie lines take in a header.
func LinesBytes(lines []string) (n int) {
	for _, line := range lines {
		n += len("Set-Cookie: \r\n") + len(line)
	}
	return n
}

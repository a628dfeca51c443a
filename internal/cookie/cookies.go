package cookie

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

const (
	// maxSessionCookies bounds the work that one request can cause. Browsers
	// keep at most 180 cookies for a domain.
	MaxSessionCookies = 180

	// expirationBudget is how many bytes of Set-Cookie lines one answer gets.
	// With the rest of its header that stays below the 4 KB that many proxies
	// in front of us buffer; what does not fit goes with the next answer.
	ExpirationBudget = 2300

	// maxExpirationRounds bounds the answers that one logout spreads its
	// expirations over, and every roundsBetweenPages of them is a page:
	// browsers follow 19 redirects.
	maxExpirationRounds = 60
	RoundsBetweenPages  = 10

	// maxCookieName: browsers keep no longer ones (CK-13).
	MaxCookieName = 4096
)

type Cookie struct{ Name, Value string }

// eachCookie calls yield for the cookies of Cookie header lines until it
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
			if !found || !IsCookieName(name) {
				continue
			}
			if !yield(name, strings.Trim(value, " \t")) {
				return
			}
		}
	}
}

// withoutPairs takes cookies out of Cookie header lines. Lines of which nothing
// is taken stay as they are, and those of which nothing is left go.
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

func IsCookieName(name string) bool {
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

// cookieValue is the value of the first cookie with this name.
func Value(lines []string, name string) (value string) {
	Each(lines, func(n, v string) bool {
		if n == name {
			value = v
		}
		return n != name
	})
	return value
}

// variant is one identity that a cookie of a given name can have: browsers
// delete only what equals it in domain, host-only flag, path and partition
// (CK-01, CK-09), and the Cookie header tells none of them.
type Variant struct {
	Domain      string // "": host-only
	Path        string
	Partitioned bool
}

// unusual counts how far the variant is from the cookie most apps set. Of two
// oddities a path is the rarer one.
func (v Variant) unusual() (n int) {
	if v.Domain != "" {
		n += 4
	}
	if v.Path != "/" {
		n += 5
	}
	if v.Partitioned {
		n += 4
	}
	return n
}

// variantsFor lists what a cookie seen on a request to own can be, most likely
// first: at one of paths, or in a folder on the way there.
func Variants(own origin.Origin, paths ...string) []Variant {
	partitions := []bool{false}
	if own.Https() {
		partitions = append(partitions, true) // CHIPS: Partitioned needs Secure
	}
	domains, folders := CookieDomains(own.Hostname()), []string{"/"}
	for _, path := range paths {
		folders = Union(folders, CookiePaths(path))
	}
	all := make([]Variant, 0, len(partitions)*len(domains)*len(folders))
	for _, partitioned := range partitions {
		for _, domain := range domains {
			for _, p := range folders {
				all = append(all, Variant{domain, p, partitioned})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Variant) int { return a.unusual() - b.unusual() })
	return all
}

// cookieDomains are the Domain attributes a site may use: none, the
// registrable domain, and every name from it up to the host (CK-02, CK-03).
func CookieDomains(host string) []string {
	domains := []string{""}
	registrable := origin.Registrable(host)
	if registrable == "" {
		return domains
	}
	domains = append(domains, registrable)
	for name := host; name != registrable; {
		domains = append(domains, name)
		_, name, _ = strings.Cut(name, ".")
	}
	return domains
}

const maxCookieFolders = 4

// cookiePaths are the paths a cookie sent to path can have: the folders it
// lies in, each with and without a slash at its end (CK-20). Of a deep path
// the outermost and the innermost count: the app's own, and what browsers make
// the default for a cookie that was set beside it.
func CookiePaths(path string) []string {
	var folders []string
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && path[i-1] != '/' && isCookiePath(path[:i]) {
			folders = append(folders, path[:i])
		}
	}
	if extra := len(folders) - maxCookieFolders; extra > 0 {
		folders = slices.Delete(folders, maxCookieFolders/2, maxCookieFolders/2+extra)
	}
	paths := make([]string, 1, 1+2*len(folders))
	paths[0] = "/"
	for _, folder := range folders {
		paths = append(paths, folder, folder+"/")
	}
	return paths
}

func isCookiePath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.ContainsFunc(path, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || c == ';' || c == ','
	})
}

// expiration is the Set-Cookie line that deletes one variant of a name, or ""
// if browsers let no cookie of this name be that variant. It is our own
// serialiser because net/http drops odd names, and domains with an underscore
// lose their attribute there (CK-16).
func Expiration(name string, v Variant, own origin.Origin) string {
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
	if own.Https() || prefix != "" {
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

// expirations walks the lines that delete names, most likely variants of all
// names first, beginning with line number from. It returns the lines that fit
// the budget and the number of the first that did not, or -1 if that was all.
// A name that is "" is passed over: its cookie is gone already. So is what is
// spared, if that is not nil.
func Expirations(names []string, variants []Variant, own origin.Origin, from, budget int, spared func(string, Variant) bool) (lines []string, next int) {
	for n := from; n < len(names)*len(variants); n++ {
		name, v := names[n%len(names)], variants[n/len(names)]
		if name == "" || len(name) > MaxCookieName || spared != nil && spared(name, v) {
			continue
		}
		line := Expiration(name, v, own)
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

// setCookie is what matters of a Set-Cookie line of an app.
type Set struct {
	Name, Value  string
	Domain, Path string
	Partitioned  bool
	Expired      bool
}

// parseSetCookie reads a line as browsers do (RFC 6265bis 5.6).
func ParseSet(line string, now time.Time) Set {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, found := strings.Cut(pair, "=")
	if !found {
		return Set{Value: strings.Trim(pair, " \t")}
	}
	sc := Set{Name: strings.Trim(name, " \t"), Value: strings.Trim(value, " \t")}
	maxAge, expires := "", ""
	for attribute := range strings.SplitSeq(attributes, ";") {
		key, val, _ := strings.Cut(attribute, "=")
		val = strings.Trim(val, " \t")
		switch strings.ToLower(strings.Trim(key, " \t")) {
		case "max-age":
			maxAge = val // the last one wins
		case "expires":
			expires = val
		case "domain":
			sc.Domain = strings.ToLower(strings.TrimPrefix(val, "."))
		case "path":
			sc.Path = val
		case "partitioned":
			sc.Partitioned = true
		}
	}
	switch {
	case isNumber(maxAge):
		sc.Expired = strings.HasPrefix(maxAge, "-") || strings.Trim(maxAge, "0") == ""
	case expires != "":
		// Two-digit years and dashes are what old frameworks write.
		for _, layout := range []string{http.TimeFormat, "Mon, 02-Jan-2006 15:04:05 MST", "Mon, 02-Jan-06 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 MST"} {
			if t, err := time.Parse(layout, expires); err == nil {
				sc.Expired = t.Before(now)
				break
			}
		}
	}
	return sc
}

func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}

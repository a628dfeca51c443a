package universallogout

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// jar keeps cookies as RFC 6265bis 5.6 to 5.8 and CHIPS say, strictly: where
// browsers differ it refuses what any of them refuses.
type jar struct {
	cookies []jarCookie
	now     time.Time
}

type jarCookie struct {
	name, value, domain, path string
	hostOnly, secure          bool
	httpOnly, partitioned     bool
	sameSite                  string
}

func (j *jar) store(host, requestPath string, https bool, lines []string) {
	for _, line := range lines {
		j.storeLine(host, requestPath, https, line)
	}
}

func (j *jar) storeLine(host, requestPath string, https bool, line string) {
	pair, rest, _ := strings.Cut(line, ";")
	name, value, found := strings.Cut(pair, "=")
	if !found {
		return // Chromium and WebKit take it for a nameless cookie
	}
	c := jarCookie{name: strings.Trim(name, " \t"), value: strings.Trim(value, " \t"), domain: host, hostOnly: true, path: defaultPath(requestPath)}
	if len(c.name)+len(c.value) > 4096 {
		return
	}
	var expired, hasMaxAge bool
	for attribute := range strings.SplitSeq(rest, ";") {
		key, val, _ := strings.Cut(strings.Trim(attribute, " \t"), "=")
		if len(val) > 1024 {
			continue
		}
		switch strings.ToLower(key) {
		case "domain":
			if val = strings.ToLower(strings.TrimPrefix(val, ".")); val != "" {
				c.domain, c.hostOnly = val, false
			}
		case "path":
			if strings.HasPrefix(val, "/") {
				c.path = val
			}
		case "max-age":
			if n, err := strconv.Atoi(val); err == nil {
				hasMaxAge, expired = true, n <= 0
			}
		case "expires":
			if t, err := http.ParseTime(val); err == nil && !hasMaxAge {
				expired = t.Before(j.now)
			}
		case "secure":
			c.secure = true
		case "httponly":
			c.httpOnly = true
		case "partitioned":
			c.partitioned = true
		case "samesite":
			c.sameSite = strings.ToLower(val)
		}
	}
	if !j.acceptable(host, https, c) {
		return
	}
	same := func(o jarCookie) bool {
		return o.name == c.name && o.domain == c.domain && o.hostOnly == c.hostOnly && o.path == c.path && o.partitioned == c.partitioned
	}
	if !https && slices.ContainsFunc(j.cookies, func(o jarCookie) bool { return o.secure && o.name == c.name }) {
		return // leave secure cookies alone
	}
	j.cookies = slices.DeleteFunc(j.cookies, same)
	if !expired {
		j.cookies = append(j.cookies, c)
	}
}

func (j *jar) acceptable(host string, https bool, c jarCookie) bool {
	if c.secure && !https || c.sameSite == "none" && !c.secure || c.partitioned && !c.secure {
		return false
	}
	if !c.hostOnly {
		suffix, _ := publicsuffix.PublicSuffix(c.domain)
		if c.domain == suffix || (host != c.domain && !strings.HasSuffix(host, "."+c.domain)) {
			return false
		}
	}
	lower := strings.ToLower(c.name)
	switch {
	case strings.HasPrefix(lower, "__host-http-"):
		return c.secure && c.httpOnly && c.path == "/" && c.hostOnly
	case strings.HasPrefix(lower, "__host-"):
		return c.secure && c.path == "/" && c.hostOnly
	case strings.HasPrefix(lower, "__http-"):
		return c.secure && c.httpOnly
	case strings.HasPrefix(lower, "__secure-"):
		return c.secure
	}
	return true
}

// header is what the jar sends to host and path.
func (j *jar) header(host, path string, https bool) string {
	var pairs []string
	for _, c := range slices.SortedStableFunc(slices.Values(j.cookies), func(a, b jarCookie) int { return len(b.path) - len(a.path) }) {
		if (c.hostOnly && c.domain == host || !c.hostOnly && (c.domain == host || strings.HasSuffix(host, "."+c.domain))) &&
			pathMatch(path, c.path) && (https || !c.secure) {
			pairs = append(pairs, c.name+"="+c.value)
		}
	}
	return strings.Join(pairs, "; ")
}

// sent is what goes with a request, as far as SameSite lets it: with another
// site's form only None, with its links Lax too.
func (j *jar) sent(r *http.Request) string {
	strict := jar{now: j.now}
	foreign := r.Header.Get("Sec-Fetch-Site") == "cross-site"
	for _, c := range j.cookies {
		if foreign && c.sameSite != "none" && (c.sameSite == "strict" || r.Method != http.MethodGet) {
			continue
		}
		strict.cookies = append(strict.cookies, c)
	}
	return strict.header(r.URL.Hostname(), r.URL.Path, r.URL.Scheme == "https")
}

func (j *jar) names() (names []string) {
	for _, c := range j.cookies {
		names = append(names, c.name)
	}
	return names
}

func defaultPath(requestPath string) string {
	i := strings.LastIndexByte(requestPath, '/')
	if i <= 0 {
		return "/"
	}
	return requestPath[:i]
}

func pathMatch(request, cookie string) bool {
	return request == cookie || strings.HasPrefix(request, cookie) &&
		(strings.HasSuffix(cookie, "/") || request[len(cookie)] == '/')
}

package universallogout

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
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

// followed is what a person with this jar sees: one click, every redirect.
type followed struct {
	*http.Response
	body      string
	redirects int
	headers   []int    // bytes of each answer's header
	visited   []string // the addresses of all answers
	pages     []string // and the bodies
}

// follow sends a navigation and goes wherever the answers lead, pages that go
// on by themselves included, as a browser would.
func (s *site) follow(j *jar, r *http.Request) followed {
	s.t.Helper()
	return s.followUntil(j, r, func(*http.Response) bool { return false })
}

// followUntil stops at the first answer that is wanted.
func (s *site) followUntil(j *jar, r *http.Request, wanted func(*http.Response) bool) followed {
	s.t.Helper()
	var f followed
	chain := []*url.URL{r.URL} // since the last page
	for range 120 {
		f.visited = append(f.visited, r.URL.String())
		if cookies := j.sent(r); cookies != "" {
			r.Header.Set("Cookie", cookies)
		}
		if s.op != nil && strings.HasPrefix(r.URL.String(), s.op.Issuer()) {
			f.Response = s.atProvider(r)
		} else {
			f.Response = s.do(r)
		}
		f.body = bodyOf(s.t, f.Response)
		f.pages = append(f.pages, f.body)
		f.headers = append(f.headers, headerBytes(f.Response))
		j.store(r.URL.Hostname(), r.URL.Path, r.URL.Scheme == "https", f.Header["Set-Cookie"])
		if wanted(f.Response) {
			return f
		}
		next := f.Header.Get("Location")
		if next == "" {
			f.redirects = -1 // a page: browsers count anew
			chain = []*url.URL{r.URL}
			if form := s.runScript(j, r.URL, f.body); form != nil {
				r = form
				continue
			}
			if next = metaRefresh(f.body); next != "" && !strings.Contains(next, "universal-logout") {
				return f // we have arrived; the app's page is next
			}
		}
		if next == "" {
			return f
		}
		u, err := r.URL.Parse(next)
		if err != nil {
			s.t.Fatalf("Location %q: %v", next, err)
		}
		f.redirects++
		chain = append(chain, u)
		r = request("GET", u.String(), "", with(clicked[1:], "Sec-Fetch-Site: "+fetchSite(chain))...)
	}
	s.t.Fatal("goes round in circles")
	return f
}

// fetchSite is what browsers call a navigation at the end of a way (CSRF-04).
func fetchSite(chain []*url.URL) string {
	site, last := "same-origin", chain[len(chain)-1]
	for _, u := range chain {
		switch {
		case u.Scheme == last.Scheme && u.Host == last.Host:
		case u.Scheme == last.Scheme && origin.Registrable(u.Hostname()) != "" && origin.Registrable(u.Hostname()) == origin.Registrable(last.Hostname()):
			site = "same-site"
		default:
			return "cross-site"
		}
	}
	return site
}

func metaRefresh(page string) string {
	_, after, found := strings.Cut(page, `http-equiv="refresh" content="0;url=`)
	if !found {
		return ""
	}
	target, _, _ := strings.Cut(after, `"`)
	return strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(target)
}

// hrefIn is the first link of a page that begins like this.
func hrefIn(page, begin string) string {
	_, after, found := strings.Cut(page, `href="`+begin)
	if !found {
		return ""
	}
	rest, _, _ := strings.Cut(after, `"`)
	return begin + strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(rest)
}

func checkLanding(t *testing.T, f followed, want outcome.Outcome) {
	t.Helper()
	if !strings.Contains(f.body, `data-page="landing"`) || f.Header.Get("Location") != "" {
		t.Errorf("ends on no landing page: %v\n%s", f.Header, f.body)
	}
	if f.Header.Get("Clear-Site-Data") != `"storage"` {
		t.Errorf("the landing page has Clear-Site-Data %q (BR-01: WebKit takes it from no redirect)", f.Header.Get("Clear-Site-Data"))
	}
	if stuck := strings.Contains(f.body, pages.Landing{Outcome: outcome.Failed}.Page().Title); stuck != (want == outcome.Failed) {
		t.Errorf("says that it failed: %v, outcome is %s", stuck, want)
	}
	if strings.Contains(f.body, "elsewhere.example") {
		t.Error("leads off-site")
	}
}

package main

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

// openPage is what a browser remembers of the page it shows, for the requests that the page causes.
type openPage struct {
	url      *url.URL
	referrer string // its policy
	html     string
}

func pageAt(t *testing.T, address string) openPage { return openPage{url: mustParse(t, address)} }

// step is where a page sends the browser: by itself, or by a click.
type step struct {
	from   openPage
	method string
	to     *url.URL
	form   url.Values
	passed []*url.URL // the redirects on the way
}

// travel goes where a step leads, and on to wherever the answers send a browser in which no script runs. It returns the
// addresses on its way and the last page.
func (b *browser) travel(s step) (way []string, last openPage) {
	b.t.Helper()
	for len(way) < 30 {
		way = append(way, s.method+" "+s.to.String())
		resp, err := b.sending(s).Do(b.request(s, "navigate", "document"))
		if err != nil {
			b.t.Fatal(err)
		}
		status, body := b.read(resp, nil)
		if to := resp.Header.Get("Location"); to != "" {
			s = b.redirected(s, to, status)
			continue
		}
		last = openPage{url: s.to, referrer: referrerPolicy(resp.Header, body), html: body}
		var on bool
		if s, on = b.byItself(last); !on {
			want(b.t, "the way ends with "+way[len(way)-1], status, body, 200, "")
			return way, last
		}
	}
	b.t.Fatalf("the way does not end:\n%s", strings.Join(way, "\n"))
	return nil, openPage{}
}

// sending is the client for a step. Every cookie of the demo is SameSite=Lax, so a post from another site has none.
func (b *browser) sending(s step) *http.Client {
	if s.method != http.MethodPost || s.site() != "cross-site" {
		return b.Client
	}
	c := *b.Client
	c.Jar = receivesOnly{b.Jar}
	return &c
}

type receivesOnly struct{ http.CookieJar }

func (receivesOnly) Cookies(*url.URL) []*http.Cookie { return nil }

// request is a step as a browser sends it: for a page that it is to show, or for a script.
func (b *browser) request(s step, mode, dest string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), s.method, s.to.String(), strings.NewReader(s.form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", s.site())
	req.Header.Set("Sec-Fetch-Mode", mode)
	req.Header.Set("Sec-Fetch-Dest", dest)
	foreign := origin(s.from.url) != origin(s.to)
	silent := s.from.referrer == "no-referrer" || s.from.referrer == "same-origin" && foreign
	if !silent {
		referer := *s.from.url
		if foreign || s.from.referrer == "strict-origin" {
			referer = url.URL{Scheme: referer.Scheme, Host: referer.Host, Path: "/"}
		}
		req.Header.Set("Referer", referer.String())
	}
	if s.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin(s.from.url))
		if silent && mode == "navigate" {
			req.Header.Set("Origin", "null")
		}
	}
	return req
}

// site is the Sec-Fetch-Site of a step: how far the page is from the farthest address on the way.
func (s step) site() string {
	site := "same-origin"
	for _, u := range append(slices.Clone(s.passed), s.to) {
		switch {
		case origin(u) == origin(s.from.url):
		case registrable(u) != registrable(s.from.url):
			return "cross-site"
		default:
			site = "same-site"
		}
	}
	return site
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// registrable is "" for no name, and no host here is one.
func registrable(u *url.URL) string {
	domain, _ := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
	return domain
}

func (b *browser) redirected(s step, to string, status int) step {
	b.t.Helper()
	target, err := s.to.Parse(to)
	if err != nil {
		b.t.Fatal(err)
	}
	s.passed, s.to = append(slices.Clone(s.passed), s.to), target
	if status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect {
		s.method, s.form = http.MethodGet, nil
	}
	return s
}

var (
	refresh  = regexp.MustCompile(`(?i)http-equiv="?refresh"? content="0; ?url=([^"]+)"`)
	hopForm  = regexp.MustCompile(`(?is)<form\b[^>]*\baction="([^"]*/\.universal-logout/(?:hop|done)\b[^"]*)"[^>]*>(.*?)</form>`)
	hidden   = regexp.MustCompile(`(?i)<input\b[^>]*\btype="?hidden"?[^>]*>`)
	nameOf   = regexp.MustCompile(`(?i)\bname="?([^"\s>]+)`)
	valueOf  = regexp.MustCompile(`(?i)\bvalue="([^"]*)"`)
	referrer = regexp.MustCompile(`(?i)<meta name="referrer" content="([^"]+)"`)
)

// byItself is where a page goes on to: by its refresh, or by the form that leads to the next site of a logout, whose
// button a person would press if no script does.
func (b *browser) byItself(p openPage) (step, bool) {
	b.t.Helper()
	next := step{from: p, method: http.MethodGet}
	var address string
	if m := refresh.FindStringSubmatch(p.html); m != nil {
		address = m[1]
	} else if m := hopForm.FindStringSubmatch(p.html); m != nil {
		address, next.method, next.form = m[1], http.MethodPost, url.Values{}
		for _, input := range hidden.FindAllString(m[2], -1) {
			if name := nameOf.FindStringSubmatch(input); name != nil {
				next.form.Set(name[1], field(input))
			}
		}
	} else {
		return step{}, false
	}
	to, err := p.url.Parse(html.UnescapeString(address))
	if err != nil {
		b.t.Fatal(err)
	}
	next.to = to
	return next, true
}

func field(input string) string {
	if m := valueOf.FindStringSubmatch(input); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

func referrerPolicy(hdr http.Header, page string) string {
	if m := referrer.FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return hdr.Get("Referrer-Policy")
}

// TestWayIsABrowsers: what the other tests take for granted about this one.
func TestWayIsABrowsers(t *testing.T) {
	b, d := open(t, "Notes")
	notes, chat, shop := d.apps[0].URL, d.apps[1].URL, d.apps[2].URL
	for _, c := range []struct {
		from, policy, method, to, passed string
		site, origin, referer            string
	}{
		{notes + "/a", "", "GET", notes + "/b", "", "same-origin", "", notes + "/a"},
		{notes + "/a", "", "POST", chat + "/b", "", "same-site", notes, notes + "/"},
		{notes + "/a", "strict-origin", "POST", shop + "/b", "", "cross-site", notes, notes + "/"},
		{notes + "/a", "strict-origin", "POST", notes + "/b", "", "same-origin", notes, notes + "/"},
		{notes + "/a", "no-referrer", "POST", shop + "/b", "", "cross-site", "null", ""},
		{notes + "/a", "same-origin", "POST", chat + "/b", "", "same-site", "null", ""},
		{notes + "/a", "", "GET", notes + "/b", shop + "/x", "cross-site", "", notes + "/a"},
	} {
		s := step{from: openPage{url: mustParse(t, c.from), referrer: c.policy}, method: c.method, to: mustParse(t, c.to)}
		if c.passed != "" {
			s.passed = []*url.URL{mustParse(t, c.passed)}
		}
		hdr := b.request(s, "navigate", "document").Header
		if hdr.Get("Sec-Fetch-Site") != c.site || hdr.Get("Origin") != c.origin || hdr.Get("Referer") != c.referer {
			t.Errorf("%+v: %v", c, hdr)
		}
	}

	p := pageAt(t, notes+"/.universal-logout/hop")
	p.html = `<p>Signing out…</p><form method="post" action="` + shop + `/.universal-logout/hop"><input type="hidden" name="t" value="a&amp;b"><input type=hidden name=o><button>Continue</button></form>`
	s, on := b.byItself(p)
	if !on || s.method != "POST" || s.to.String() != shop+"/.universal-logout/hop" || s.form.Encode() != "o=&t=a%26b" {
		t.Errorf("%v %+v", on, s)
	}
	p.html = `<form method="post" action="/logout"><button>Sign out</button></form>`
	if s, on := b.byItself(p); on {
		t.Errorf("a question answers itself: %+v", s)
	}
}

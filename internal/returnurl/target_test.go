package returnurl

import (
	"strings"
	"testing"

	whatwg "github.com/nlnwa/whatwg-url/url"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

var own = origin.Origin{Scheme: "https", Host: "app.example.com"}

func patterns(t testing.TB, entries ...string) (all []Pattern) {
	t.Helper()
	for _, e := range entries {
		p, err := ParsePattern(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// TestCorpus: no payload that a browser takes elsewhere gets through, by
// itself or as emitted.
func TestCorpus(t *testing.T) {
	for _, p := range labtest.Corpus(t, "testdata/redirect-corpus.json") {
		target, err := Target(p.In, own, nil)
		if err == nil && p.Browser != "same" {
			t.Errorf("%q became %q, a browser says %s", p.In, target, p.Browser)
		}
		if err == nil {
			staysWithin(t, p.In, target, nil)
		}
	}
}

// staysWithin reads what was emitted as a browser does.
func staysWithin(t testing.TB, in, target string, allowed []Pattern) {
	t.Helper()
	u, err := whatwg.ParseRef(own.String()+"/.universal-logout/done", target)
	if err != nil {
		t.Errorf("%q: a browser cannot read %q: %v", in, target, err)
		return
	}
	o := origin.New(u.Scheme(), u.Host())
	if o != own && !isAllowed(o, u.Pathname(), allowed) {
		t.Errorf("%q became %q: leads to %s", in, target, o)
	}
	if strings.ContainsAny(target, "\r\n\t\\ \"<>") {
		t.Errorf("%q became %q: unsafe in a header or a page", in, target)
	}
}

// TestMustPass: what people really use, and what is emitted for it.
func TestMustPass(t *testing.T) {
	allowed := patterns(t, "https://www.example.com", "https://*.apps.example.com", "https://docs.example.com/guide/*", "https://id.example.com:8443/signed-out", "http://localhost:3000")
	for in, want := range map[string]string{
		"/":                                       "/",
		"/ok?next=https://x":                      "/ok?next=https://x",
		"/ok?next=//evil.com":                     "/ok?next=//evil.com",
		"/ok#/route":                              "/ok#/route",
		"/app/#/dashboard?tab=settings":           "/app/#/dashboard?tab=settings",
		"https://app.example.com":                 "/",
		"https://app.example.com/":                "/",
		"https://app.example.com:443/x":           "/x",
		"https://APP.Example.COM/x":               "/x",
		"https://app.example.com?x=1":             "/?x=1",
		"/search?q=a+b&c=%2F%2e":                  "/search?q=a+b&c=%2F%2e",
		"/caf%C3%A9":                              "/caf%C3%A9",
		"https://www.example.com":                 "https://www.example.com/",
		"https://www.example.com:443/a?b#c":       "https://www.example.com/a?b#c",
		"https://grafana.apps.example.com/login":  "https://grafana.apps.example.com/login",
		"https://docs.example.com/guide/start":    "https://docs.example.com/guide/start",
		"https://id.example.com:8443/signed-out":  "https://id.example.com:8443/signed-out",
		"https://id.example.com:8443/signed-out?": "https://id.example.com:8443/signed-out",
		"http://localhost:3000/callback":          "http://localhost:3000/callback",
	} {
		got, err := Target(in, own, allowed)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

// TestMustNotPass: near misses of the same patterns.
func TestMustNotPass(t *testing.T) {
	allowed := patterns(t, "https://www.example.com", "https://*.apps.example.com", "https://docs.example.com/guide/*", "https://id.example.com:8443/signed-out")
	for _, in := range []string{
		"", "http://app.example.com/", "http://www.example.com/", "https://www.example.com:8443/", "https://www.example.com.evil.example/",
		"https://apps.example.com/", "https://a.b.apps.example.com/", "https://evilapps.example.com/", "https://.apps.example.com/",
		"https://docs.example.com/", "https://docs.example.com/guide", "https://docs.example.com/guide/../secret", "https://docs.example.com/guide/%2e%2e/secret",
		"https://docs.example.com/guidelines", "https://id.example.com/signed-out", "https://id.example.com:8443/signed-out/more",
		"https://www.example.com:0443/", "https://www.example.com:/", "https://www.example.com:99999/", "https://user@www.example.com/",
		"/a b", "/a\tb", "/ä", "/a'b", "/a//b", "/./a", "/a/..;/b", "app.example.com", "?x", "#x", "javascript:alert(1)",
		"https://app.example.com./", "https://[::1]/", "/" + strings.Repeat("a", 2048),
	} {
		if got, err := Target(in, own, allowed); err == nil {
			t.Errorf("%q became %q", in, got)
		}
	}
}

// FuzzReturnTarget: nothing let through may leave the allowed origins, as a
// browser's parser reads it.
func FuzzReturnTarget(f *testing.F) {
	for _, p := range labtest.Corpus(f, "testdata/redirect-corpus.json") {
		f.Add(p.In)
	}
	f.Add("https://www.example.com/a/b?c#d")
	allowed := patterns(f, "https://www.example.com", "https://*.apps.example.com", "https://docs.example.com/guide/*")
	f.Fuzz(func(t *testing.T, in string) {
		target, err := Target(in, own, allowed)
		if err != nil {
			return
		}
		staysWithin(t, in, target, allowed)
		if again, err := Target(target, own, allowed); err != nil || again != target {
			t.Errorf("%q became %q became %q, %v", in, target, again, err)
		}
	})
}

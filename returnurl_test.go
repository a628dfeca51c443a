package universallogout

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/pages"

	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

var testOwn = origin.Origin{Scheme: "https", Host: "app.example.com"}

func patterns(t testing.TB, entries ...string) (all []returnurl.Pattern) {
	t.Helper()
	for _, e := range entries {
		p, err := returnurl.ParsePattern(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

type payload struct{ In, Browser string }

func corpus(t testing.TB) (payloads []payload) {
	t.Helper()
	file, err := os.ReadFile("testdata/redirect-corpus.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &payloads); err != nil {
		t.Fatal(err)
	}
	if len(payloads) < 100 {
		t.Fatalf("only %d payloads", len(payloads))
	}
	return payloads
}

// TestCorpus: no payload that a browser takes elsewhere gets through, by
// itself or as emitted.
func TestCorpus(t *testing.T) {
	for _, p := range corpus(t) {
		target, err := returnurl.Target(p.In, testOwn, nil)
		if err == nil && p.Browser != "same" {
			t.Errorf("%q became %q, a browser says %s", p.In, target, p.Browser)
		}
		if err == nil {
			staysWithin(t, p.In, target, nil)
		}
	}
}

// TestCorpusEverywhere: in every place that takes a return URL, nothing leaks
// into Location, the page or the JSON.
func TestCorpusEverywhere(t *testing.T) {
	var location string
	app := newSessions(t, func(w http.ResponseWriter, _ *http.Request) {
		expire(w)
		if location != "" {
			w.Header()["Location"] = []string{location}
			w.WriteHeader(302)
		}
	})
	s := newSite(t, "", `app.example.com {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	places := map[string]func(in string) *http.Request{
		"query": func(in string) *http.Request {
			return request("GET", "https://app.example.com/logout?rd="+url.QueryEscape(in), "", with(clicked, "Cookie: sessionid=one")...)
		},
		"form": func(in string) *http.Request {
			return request("POST", "https://app.example.com/logout", "post_logout_redirect_uri="+url.QueryEscape(in), with(submitted, "Cookie: sessionid=one")...)
		},
		"JSON": func(in string) *http.Request {
			body, _ := json.Marshal(map[string]string{"return_to": in})
			location = "/login"
			return request("POST", "https://app.example.com/logout", string(body), with(fetched, "Cookie: sessionid=one", "Content-Type: application/json")...)
		},
		"the app's Location": func(in string) *http.Request {
			location = in
			return request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...)
		},
	}
	for place, ask := range places {
		for _, p := range corpus(t) {
			if p.Browser == "same" || strings.ContainsAny(p.In, "\r\n\x00") && place == "the app's Location" {
				continue
			}
			location = ""
			r := ask(p.In)
			f := s.follow(&jar{}, r)
			out := f.body
			if place == "JSON" {
				var answer pages.LogoutAnswer
				if err := json.Unmarshal([]byte(f.body), &answer); err != nil {
					t.Fatal(err)
				}
				out += bodyOf(t, s.do(request("GET", "https://app.example.com"+answer.RedirectURL, "", clicked...)))
			}
			if strings.Contains(out, "evil.") || strings.Contains(out, "evil%") || strings.Contains(out, "javascript:") { // no sealed token has a dot or %
				t.Errorf("%s: %q gets into\n%s", place, p.In, out)
			}
		}
	}
}

// staysWithin reads what was emitted as a browser does.
func staysWithin(t testing.TB, in, target string, allowed []returnurl.Pattern) {
	t.Helper()
	u, err := whatwg.ParseRef(testOwn.String()+"/.universal-logout/done", target)
	if err != nil {
		t.Errorf("%q: a browser cannot read %q: %v", in, target, err)
		return
	}
	o := origin.New(u.Scheme(), u.Host())
	if o != testOwn && !returnurl.AllowedReturn(o, u.Pathname(), allowed) {
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
		got, err := returnurl.Target(in, testOwn, allowed)
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
		"https://app.example.com./", "https://[::1]/", "/" + strings.Repeat("a", origin.MaxURL),
	} {
		if got, err := returnurl.Target(in, testOwn, allowed); err == nil {
			t.Errorf("%q became %q", in, got)
		}
	}
}

// TestReturnParameters: which of several counts, and where each may stand.
func TestReturnParameters(t *testing.T) {
	multipart := "--b\r\nContent-Disposition: form-data; name=\"return_to\"\r\n\r\n/m\r\n--b--\r\n"
	for _, tc := range []struct{ name, query, contentType, body, want string }{
		{"query", "?rd=/q", "", "", "/q"},
		{"form", "", "application/x-www-form-urlencoded", "redirect_uri=%2Ff", "/f"},
		{"JSON", "", "application/json; charset=utf-8", `{"post_logout_redirect_uri":"/j"}`, "/j"},
		{"multipart form", "", "multipart/form-data; boundary=b", multipart, "/m"},
		{"the first name that is allowed", "?post_logout_redirect_uri=https://evil.example/&rd=/q", "", "", "/q"},
		{"query before body", "?rd=/q", "application/x-www-form-urlencoded", "rd=/f", "/q"},
		{"a broken body stops nothing", "", "application/json", `{"return_to":`, "/configured"},
		{"a body of another kind", "", "application/json", `["/x"]`, "/configured"},
		{"a number", "", "application/json", `{"return_to":1}`, "/configured"},
		{"broken escape", "?rd=%zz", "", "", "/configured"},
		{"a logout path would go round in circles", "?rd=/logout", "", "", "/configured"},
		{"so would another spelling", "?rd=/Logout/%23x", "", "", "/configured"},
		{"our own pages are none", "?rd=/.universal-logout/done", "", "", "/configured"},
		{"nothing", "", "", "", "/configured"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			app := newSessions(t, endsSession)
			s := newSite(t, "", `app.example.com {
				universal_logout {
					return_to /configured
				}
				reverse_proxy `+app.addr()+`
			}`)
			r := request("POST", "https://app.example.com/logout"+tc.query, tc.body, "Cookie: sessionid=one", "Accept: text/html", "Origin: https://app.example.com")
			if tc.contentType != "" {
				r.Header.Set("Content-Type", tc.contentType)
			}
			res := s.do(r)
			if got := metaRefresh(bodyOf(t, res)); res.StatusCode != 200 || got != tc.want {
				t.Errorf("%d goes on to %q, want %q", res.StatusCode, got, tc.want)
			}
		})
	}
}

// TestAppLocation: the app's own target is the last that counts.
func TestAppLocation(t *testing.T) {
	for location, want := range map[string]string{
		"/login":                          "/login",
		"https://app.example.com/bye":     "/bye",
		"login":                           "/deep/login",
		"../login?x=1":                    "/login?x=1",
		"?done":                           "",
		"":                                "",
		"/deep/logout":                    "",
		"//evil.example":                  "",
		"https://evil.example/":           "",
		"https://www.example.com/bye":     "https://www.example.com/bye",
		"https:evil.example":              "",
		"/%2f/evil.example":               "",
		"/login?next=/deep/logout":        "/login?next=/deep/logout",
		"http://app.example.com/insecure": "",
	} {
		app := newSessions(t, redirectTo(location))
		s := newSite(t, "universal_logout {\n allowed_return_urls https://www.example.com\n}", `app.example.com {
			universal_logout {
				paths /deep/logout
			}
			reverse_proxy `+app.addr()+`
		}`)
		f := s.follow(&jar{}, request("GET", "https://app.example.com/deep/logout", "", with(clicked, "Cookie: sessionid=one")...))
		if got := metaRefresh(f.body); got != want {
			t.Errorf("Location %q: goes on to %q, want %q", location, got, want)
		}
	}
}

// TestNoCircles: whoever names it, a target that would log out again is none,
// and without a session a page of the site is reached by a click only.
func TestNoCircles(t *testing.T) {
	app := newSessions(t, redirectTo("https://app.example.com/logout"))
	for _, tc := range []struct{ returnTo, query, cookie, next string }{
		{"https://app.example.com/logout", "", "sessionid=one", ""},
		{"https://app.example.com/Logout/", "", "sessionid=one", ""},
		{"/home", "?rd=https://app.example.com/logout", "sessionid=one", "/home"},
		{"/home", "", "", ""},
		{"https://www.example.com/", "", "", "https://www.example.com/"},
	} {
		s := newSite(t, "", "app.example.com {\n universal_logout {\n return_to "+tc.returnTo+"\n }\n reverse_proxy "+app.addr()+"\n}")
		f := s.follow(&jar{}, request("GET", "https://app.example.com/logout"+tc.query, "", with(clicked, "Cookie: "+tc.cookie)...))
		if got := metaRefresh(f.body); got != tc.next {
			t.Errorf("return_to %s%s, cookie %q: goes on to %q, want %q", tc.returnTo, tc.query, tc.cookie, got, tc.next)
		}
	}
}

// TestReturnPatterns: entries of the config that nobody can mean.
func TestReturnPatterns(t *testing.T) {
	for _, entry := range []string{
		"", "www.example.com", "*", "https://", "https://*", "https://*.com", "https://*.co.uk", "https://*.github.io", "https://www.*.com",
		"https://w*.example.com", "http://www.example.com", "ftp://www.example.com", "https://www.example.com/a*", "https://www.example.com/*/b",
		"https://www.example.com/a b", "https://www.example.com/a%2fb", "https://www.example.com/../c", "https://bücher.example", "https://www.example.com?x", "https://www.example.com#x", "https://user@www.example.com", "https://www.example.com:99999", "https://0x7f.1",
	} {
		if p, err := returnurl.ParsePattern(entry); err == nil {
			t.Errorf("%q is taken for %+v", entry, p)
		}
	}
}

// FuzzReturnTarget: nothing let through may leave the allowed origins, as a
// browser's parser reads it.
func FuzzReturnTarget(f *testing.F) {
	for _, p := range corpus(f) {
		f.Add(p.In)
	}
	f.Add("https://www.example.com/a/b?c#d")
	allowed := patterns(f, "https://www.example.com", "https://*.apps.example.com", "https://docs.example.com/guide/*")
	f.Fuzz(func(t *testing.T, in string) {
		target, err := returnurl.Target(in, testOwn, allowed)
		if err != nil {
			return
		}
		staysWithin(t, in, target, allowed)
		if again, err := returnurl.Target(target, testOwn, allowed); err != nil || again != target {
			t.Errorf("%q became %q became %q, %v", in, target, again, err)
		}
	})
}

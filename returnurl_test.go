package universallogout

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

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
		for _, p := range labtest.Corpus(t, "internal/returnurl/testdata/redirect-corpus.json") {
			if p.Browser == "same" || strings.ContainsAny(p.In, "\r\n\x00") && place == "the app's Location" {
				continue
			}
			location = ""
			r := ask(p.In)
			f := s.follow(&jar{}, r)
			out := f.body
			if place == "JSON" {
				var answer pages.Answer
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

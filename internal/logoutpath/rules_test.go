package logoutpath

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

func rulesFor(t testing.TB, base string, entries ...string) *Rules {
	t.Helper()
	rules, err := Compile(entries, base)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func isLogout(t testing.TB, rules *Rules, method, target string) bool {
	t.Helper()
	u, err := url.Parse("https://app.example.com" + target)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: method, URL: u}
	matched := rules.Match(r)
	if matched && !rules.MayMatch(u.Path) {
		t.Errorf("%s matches, but the cheap question says no", target)
	}
	return matched && rules.MayMatch(u.Path)
}

// TestPaths: paths in all its forms.
func TestPaths(t *testing.T) {
	for _, tc := range []struct {
		entries  string // parted by |
		base     string
		yes, not string // method and target, parted by spaces
	}{
		{
			"", "", "GET:/logout POST:/logout DELETE:/logout HEAD:/logout GET:/logout/ GET:/LOGOUT GET://logout GET:/logout;a=b GET:/x/../logout GET:/logout/. GET:/logout?x=1 OPTIONS:/logout TRACE:/logout",
			"GET:/ GET:/logout/x GET:/logouts GET:/xlogout GET:/x/logout GET:/log-out GET:/logout/.. GET:/about GET:/checkout",
		},
		{"", "/grafana", "GET:/grafana/logout", "GET:/logout GET:/grafana"},
		{"/signout", "", "GET:/signout", "GET:/logout"},
		{"+/signout", "", "GET:/signout GET:/logout", "GET:/x"},
		{"+/signout|/bye", "", "GET:/signout GET:/bye", "GET:/logout"},
		{"POST /session/end", "", "POST:/session/end", "GET:/session/end HEAD:/session/end PUT:/session/end"},
		{"POST /a|GET /b", "", "POST:/a GET:/b HEAD:/b", "GET:/a POST:/b"},
		{"DELETE +/session", "", "DELETE:/session GET:/logout", "GET:/session"},
		{"/users/*/logout", "", "GET:/users/42/logout GET:/users/a%2Fb/../logout", "GET:/users/logout GET:/users/1/2/logout"},
		{"/out/*", "", "GET:/out/x GET:/out/%C3%A4", "GET:/out GET:/out/x/y"},
		{
			"/index.php?action=logout", "", "GET:/index.php?action=logout GET:/index.php?x=1&action=logout&y GET:/index.php?action=log%6fut GET:/index.php?action=view&action=logout GET:/index.php?%20action=logout GET:/index.php?a;action=logout GET:/INDEX.PHP?action=logout",
			"GET:/index.php GET:/index.php?action=login GET:/index.php?action=logoutx GET:/index.php?action=logou GET:/index.php?xaction=logout GET:/?action=logout GET:/index.php?action",
		},
		{"/index.php?module=Login&action=logout", "", "GET:/index.php?action=logout&module=Login", "GET:/index.php?action=logout"},
		{"/?logout=1", "", "GET:/?logout=1", "GET:/ GET:/x?logout=1"},
		{"/abmelden/ä", "", "GET:/abmelden/%C3%A4", "GET:/abmelden/a"},
		{"/çıkış-yap", "", "GET:/%C3%A7%C4%B1k%C4%B1%C5%9F-yap GET:/%C3%A7%C4%B1k%C4%B1%C5%9F-YAP", "GET:/cikis-yap"},
		{"off", "", "", "GET:/logout POST:/logout GET:/"},
	} {
		var entries []string
		if tc.entries != "" {
			entries = strings.Split(tc.entries, "|")
		}
		rules := rulesFor(t, tc.base, entries...)
		for want, list := range map[bool]string{true: tc.yes, false: tc.not} {
			for item := range strings.FieldsSeq(list) {
				method, target, _ := strings.Cut(item, ":")
				if got := isLogout(t, rules, method, target); got != want {
					t.Errorf("paths %q: %s is a logout: %v", tc.entries, item, got)
				}
			}
		}
	}
}

// TestBadPaths: each has an error that says what to write.
func TestBadPaths(t *testing.T) {
	for entry, says := range map[string]string{
		"logout": "begin with /", "": "begin with /", "GET": "begin with /", "post /logout": "capitals", "HEAD /logout": "no method of a logout",
		"/a*": "one whole segment", "/a/*b/c": "one whole segment", "/a/../b": "no place", "/": "ordinary pages", "//": "ordinary pages", "/*": "ordinary pages", "/*/*": "ordinary pages", "/log%6fut": "decoded",
		"/x?a": "no pair", "/x?=b": "no pair", "/x#y": "#", "/a b": "character", "/a\\b": "character", "/a;b": "character", "POST off": "off stands alone",
		"https://app.example.com/logout": "begin with /", "/\x00": "character",
	} {
		if _, err := Compile([]string{entry, "/ok"}, ""); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want something about %q", entry, err, says)
		}
	}
}

// FuzzPaths: whatever the rule, the cheap questions never say no where the true
// ones say yes, another spelling of a logout is a logout, every logout is near
// itself, and nothing makes any of it fail.
func FuzzPaths(f *testing.F) {
	rules := []string{"/logout", "/users/*/signout", "/index.php?action=logout", "POST /K", "/?x=1", "/out/*", "/çıkış-yap", "DELETE +/session", "/a.b/c?d=e&f=g"}
	for i, seed := range []string{"/logout", "/a/../logout;x/", "//logout//.", "/index.php?action=logout", "/ſignout", "/users/1/logout", ";", "/..", "/%6cogout"} {
		f.Add(rules[i], seed, "GET")
	}
	f.Fuzz(func(t *testing.T, entry, target, method string) {
		rs, err := Compile([]string{entry}, "")
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(target, "?")
		r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}}
		matches := rs.Match(r)
		if matches && !rs.MayMatch(path) {
			t.Errorf("paths %q: %q matches, but the cheap question says no", entry, target)
		}
		if !strings.HasPrefix(path, "/") {
			return
		}
		near, inBody := rs.Lookalike(r)
		if near && !rs.MayConcernUs(path, query) {
			t.Errorf("paths %q: %q is near, but the cheap question says no", entry, target)
		}
		if !origin.IsASCII(path+entry) || strings.ContainsAny(path, "%;") {
			return
		}
		other := &http.Request{Method: method, URL: &url.URL{Path: "/." + strings.ToUpper(path) + "//", RawQuery: query}}
		if matches != rs.Match(other) {
			t.Errorf("paths %q: %q and its capitals differ", entry, target)
		}
		if matches && !near && !inBody && !strings.Contains(path, "..") && isLogoutMethod(method) {
			t.Errorf("paths %q: %q is a logout, but not near one", entry, target)
		}
	})
}

func isLogoutMethod(method string) bool { return slices.Contains(guard.LogoutMethods, method) }

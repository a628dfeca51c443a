package identify

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// TestSubjects: what is no name of a user binds nothing.
func TestSubjects(t *testing.T) {
	for sub, ok := range map[string]bool{
		"ana": true, "Änne Müller": true, "ana@example.com": true, "uid=ana,dc=example": true, strings.Repeat("x", 255): true, "🦊": true,
		"": false, strings.Repeat("x", 256): false, "a\x00b": false, "a\nb": false, "a\tb": false, "a\x7fb": false, "\xff": false, "a\u202eb": false, "a\u2028b": false,
	} {
		if isSubject(sub) != ok {
			t.Errorf("%q: %t", sub, !ok)
		}
	}
}

// TestForget: what clients say about themselves is deleted, and whoever means
// another proxy hears of it once.
func TestForget(t *testing.T) {
	for name, tc := range map[string]struct {
		src     *Source
		proxied bool
		values  []string
		left    bool
		told    int
	}{
		"a client's":          {&Source{Header: "Remote-User"}, false, []string{"mallory"}, false, 0},
		"twice":               {&Source{Header: "Remote-User"}, false, []string{"mallory", "ana"}, false, 0},
		"empty":               {&Source{Header: "Remote-User"}, false, []string{""}, false, 0},
		"a trusted proxy's":   {&Source{Header: "Remote-User"}, true, []string{"ana"}, false, 1},
		"none":                {&Source{Header: "Remote-User"}, true, nil, false, 0},
		"of a layer in front": {&Source{Header: "Remote-User", InFront: true}, true, []string{"ana"}, true, 0},
		"not used":            {&Source{Placeholder: "http.auth.user.id"}, false, []string{"mallory"}, true, 0},
	} {
		lab := newLab(t, tc.src)
		for range 2 {
			r := request(tc.proxied, "")
			if tc.values != nil {
				r.Header["Remote-User"] = tc.values
			}
			lab.Forget(r)
			if left := r.Header["Remote-User"] != nil; left != tc.left {
				t.Errorf("%s: left is %t", name, left)
			}
		}
		if n := lab.logged.Len(); n != tc.told {
			t.Errorf("%s: told %d times", name, n)
		}
		for _, entry := range lab.logged.All() {
			if !strings.Contains(entry.Message, "{http.request.header.Remote-User}") {
				t.Errorf("%s: does not say what to write: %s", name, entry.Message)
			}
		}
	}
}

// TestWhoNamesTheUser: the auth layer alone, and once.
func TestWhoNamesTheUser(t *testing.T) {
	for name, tc := range map[string]struct {
		src     *Source
		proxied bool
		values  []string
		want    string
	}{
		"header":                 {&Source{Header: "Remote-User"}, false, []string{"ana"}, "ana"},
		"no header":              {&Source{Header: "Remote-User"}, false, nil, ""},
		"two":                    {&Source{Header: "Remote-User"}, false, []string{"ana", "mallory"}, ""},
		"no name":                {&Source{Header: "Remote-User"}, false, []string{"a\tb"}, ""},
		"in front":               {&Source{Header: "Remote-User", InFront: true}, true, []string{"ana"}, "ana"},
		"in front, by nobody":    {&Source{Header: "Remote-User", InFront: true}, false, []string{"mallory"}, ""},
		"placeholder":            {&Source{Placeholder: "http.auth.user.id"}, false, nil, "ben"},
		"another placeholder":    {&Source{Placeholder: "http.auth.user.name"}, false, nil, ""},
		"placeholder, no header": {&Source{Placeholder: "http.auth.user.id"}, false, []string{"mallory"}, "ben"},
	} {
		r := request(tc.proxied, "")
		if tc.values != nil {
			r.Header["Remote-User"] = tc.values
		}
		r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("http.auth.user.id", "ben")
		if got := tc.src.subjectOf(r); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if sub := (&Source{Placeholder: "http.auth.user.id"}).subjectOf(httptest.NewRequest("GET", "/", nil)); sub != "" {
		t.Errorf("outside of Caddy: %q", sub)
	}
}

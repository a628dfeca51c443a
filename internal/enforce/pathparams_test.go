package enforce

import (
	"strings"
	"testing"
)

// FuzzParameters: of a path nothing goes but the values that are refused, and
// the cheap question finds them all.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{"", "/", "/a;b", "/a;jsessionid=x/b", "/a;b=c=d;e", "/;;/;=", ";a", "/a;b;b", "//;x"} {
		f.Add(seed, "b")
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, path, value string) {
		if strings.ContainsAny(value, ";/") {
			return // ends a value
		}
		asked := 0
		same := withoutParameters(path, func(string) bool { asked++; return false })
		if same != path {
			t.Errorf("%q became %q, with nothing refused", path, same)
		}
		kept := withoutParameters(path, func(v string) bool { return v == value })
		if again := withoutParameters(kept, func(v string) bool { return v == value && v != "" }); again != kept || len(kept) > len(path) {
			t.Errorf("%q became %q, and then %q", path, kept, again)
		}
		if strings.Count(kept, ";") != strings.Count(path, ";") || strings.Count(kept, "/") != strings.Count(path, "/") {
			t.Errorf("%q became %q: it has another shape", path, kept)
		}
		if asked > strings.Count(path, ";") {
			t.Errorf("%q has %d parameters", path, asked)
		}
	})
}

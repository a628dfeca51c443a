package cookie

import (
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// FuzzCookies: the scanner finds what is there, loses nothing, invents
// nothing, and never makes a line that a browser would read differently.
func FuzzCookies(f *testing.F) {
	for _, seed := range []string{"a=b; c=d", "s[id]=x; =y; z", "a=\"b;c\"; d", " \t=;;;=", "__HOST-x=1; __Secure-y.0=2", "a=b=c; a=b", "\x00=1; ä=ö; a b=c"} {
		f.Add(seed, "/app/x", "app.example.com")
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	rules, err := NewRules(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line, path, host string) {
		count := 0
		Each([]string{line}, func(name, value string) bool {
			count++
			if name == "" || strings.ContainsAny(name, ";=\r\n\x00") || !strings.Contains(line, name) || !strings.Contains(line, value) {
				t.Errorf("%q has a cookie %q=%q", line, name, value)
			}
			return true
		})
		if count > strings.Count(line, "=") {
			t.Errorf("%q has %d cookies", line, count)
		}
		own := origin.New("https", host)
		var names []string
		for _, c := range rules.In([]string{line}) {
			names = append(names, c.Name)
		}
		lines, _ := Expirations(names, Variants(own, path), own, 0, ExpirationBudget, nil)
		for _, line := range lines {
			if strings.ContainsAny(line, "\r\n\x00") || len(line) > ExpirationBudget && len(lines) > 1 {
				t.Errorf("line %q", line)
			}
			if parsed := ParseSet(line, now); !parsed.Expired || parsed.Value != "" {
				t.Errorf("%q deletes nothing", line)
			}
		}
	})
}

package enforce

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestHeaderCredentials: what a logout finds in headers.
func TestHeaderCredentials(t *testing.T) {
	p := &Policy{Headers: []string{"Authorization", "X-Api-Token"}}
	r, _ := http.NewRequest("GET", "https://app.example.com/", nil)
	for _, line := range []string{"Basic " + revoked, "Bearer " + alive, "bearer " + revoked, "Bearer " + alive, "Bearer short", revoked + "x"} {
		r.Header.Add("Authorization", line)
	}
	r.Header.Add("X-Api-Token", "0123456789abcdef")
	if got, want := p.headerCredentials(r), []string{alive, revoked, "0123456789abcdef"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for i := range 100 {
		r.Header.Add("Authorization", "Bearer "+strings.Repeat(string(rune('!'+i)), 20))
	}
	if got := p.headerCredentials(r); len(got) != maxRevoked {
		t.Errorf("%d credentials", len(got))
	}
}

// FuzzHeaderCredentials: what is found stands in the line, and a refused token
// behind Bearer is found whatever stands around it.
func FuzzHeaderCredentials(f *testing.F) {
	for _, seed := range []string{"Bearer abc", "bearer\tabc,def", "Basic abc", "", "Bearer", "Bearer bearer abc", ",,Bearer,abc "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, name := range []string{headerAuthorization, "X-Token"} {
			found := 0
			eachHeaderCredential(name, line, func(value string) bool {
				if value == "" || !strings.Contains(line, value) {
					t.Errorf("%q holds %q", line, value)
				}
				found++
				return true
			})
			if found > len(line) {
				t.Errorf("%q holds %d", line, found)
			}
		}
		last := ""
		eachHeaderCredential(headerAuthorization, line+" Bearer "+revoked, func(value string) bool {
			last = value
			return true
		})
		if last != revoked {
			t.Errorf("%q hides it", line)
		}
	})
}

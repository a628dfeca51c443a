package placeholders

import (
	"slices"
	"strings"
	"testing"
)

// TestTemplate: our own placeholders stay, the braces of JSON are none, and an
// error names what is known.
func TestTemplate(t *testing.T) {
	t.Setenv("UL_HOST", "sso.example.com")
	got, err := ResolveTemplate(`https://{env.UL_HOST}/{sid}?{"a":{"b":1}}`, "{sid}", "{sub}")
	if want := `https://sso.example.com/{sid}?{"a":{"b":1}}`; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := ResolveTemplate("{http.request.host}", "{sid}"); err == nil || !strings.HasSuffix(err.Error(), "; known here are {sid}, {env.*}, {file.*}") {
		t.Errorf("a placeholder of a request: %v", err)
	}
	if _, err := ResolveTemplate("{sub}", "{sid}"); err == nil {
		t.Error("a placeholder of ours that is not known here is taken")
	}
}

func TestAll(t *testing.T) {
	t.Setenv("UL_HOST", "sso.example.com")
	got, err := ResolveAll("hosts", []string{"a", "{env.UL_HOST}"})
	if err != nil || !slices.Equal(got, []string{"a", "sso.example.com"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ResolveAll("hosts", []string{"{http.request.host}"}); err == nil || !strings.HasPrefix(err.Error(), "hosts: ") {
		t.Errorf("a placeholder of a request: %v", err)
	}
}

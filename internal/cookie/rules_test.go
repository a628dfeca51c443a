package cookie

import (
	"strings"
	"testing"
)

// TestMayBeIn: what is kept, ours, or short enough to be guessed is nobody's
// session; whatever else there is may be the app's.
func TestMayBeIn(t *testing.T) {
	rules, err := NewRules(nil, []string{"mine-*"})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("v", MinCredential)
	for line, want := range map[string]bool{
		"x=" + long: true, "a=1; x=" + long + "; b=2": true, "x=" + long[1:]: false, "": false,
		"mine-x=" + long: false, "_ga=" + long: false, "__Host-universal-logout-hop=" + long: false,
	} {
		if got := rules.MayBeIn([]string{line}); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

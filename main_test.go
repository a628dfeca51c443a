package universallogout

import (
	"os"
	"testing"
)

// TestMain keeps what a started Caddy would write out of the user's own data
// directory.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "universal-logout")
	if err != nil {
		panic(err)
	}
	if err := os.Setenv("XDG_DATA_HOME", dir); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

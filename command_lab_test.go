package universallogout

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// command runs caddy universal-logout.
func command(t testing.TB, stdin string, args ...string) (printed string, err error) {
	t.Helper()
	registered, ok := caddycmd.Commands()["universal-logout"]
	if !ok {
		t.Fatal("the command is not registered")
	}
	cmd := &cobra.Command{Use: registered.Name, SilenceUsage: true, SilenceErrors: true}
	registered.CobraFunc(cmd)
	var out bytes.Buffer
	cmd.SetArgs(append([]string{}, args...)) // nil would be those of the test
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetIn(strings.NewReader(stdin))
	err = cmd.Execute()
	return out.String(), err
}

// writeCaddyfile writes one, and returns where.
func writeCaddyfile(t testing.TB, globals, sites string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte("{"+testGlobals+globals+"\n}\n"+sites), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

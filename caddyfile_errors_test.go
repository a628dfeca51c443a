package universallogout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// TestCaddyfileErrors: testdata/errors_*.txtar pin what a mistake in a
// Caddyfile is answered with. An error must come with file, line and what to
// write instead; the line is counted from the beginning of the case.
//
// UPDATE_GOLDEN=1 writes the errors anew; read the diff.
func TestCaddyfileErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors_*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files of errors, %v", len(files), err)
	}
	for _, file := range files {
		group := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".txtar"), "errors_")
		t.Run(group, func(t *testing.T) {
			about, cases := readErrorCases(t, file)
			for i := range cases {
				t.Run(cases[i].name, func(t *testing.T) { cases[i].check(t) })
			}
			if os.Getenv("UPDATE_GOLDEN") != "" {
				writeErrorCases(t, file, about, cases)
			}
		})
	}
}

// errorCase is one mistake, written as
//
//	-- name --
//	<Caddyfile>
//	----------
//	<error>
type errorCase struct{ name, config, want string }

func (c *errorCase) check(t *testing.T) {
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(c.config+"\n"), map[string]any{"filename": "Caddyfile"})
	if err == nil {
		t.Fatalf("adapts without an error, want:\n%s", c.want)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		c.want = err.Error()
	}
	if err.Error() != c.want {
		t.Errorf("error:\n%s\nwant:\n%s", err, c.want)
	}
	if !strings.Contains(c.want, "Caddyfile:") {
		t.Error("the error has no file and line")
	}
}

// readErrorCases reads what a file is about, and its cases.
func readErrorCases(t *testing.T, file string) (about string, cases []errorCase) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split("\n"+string(content), "\n-- ")
	for _, part := range parts[1:] {
		name, rest, named := strings.Cut(part, " --\n")
		config, want, divided := strings.Cut(rest, goldenSeparator)
		want = strings.TrimSpace(want)
		// A second line would be the next case, whose name is written wrongly.
		if !named || !divided || strings.Contains(want, "\n") {
			t.Fatalf("%s: write a case as -- name --, Caddyfile, ten dashes and one line of error:\n%s", file, part)
		}
		cases = append(cases, errorCase{name, config, want})
	}
	if len(cases) == 0 {
		t.Fatalf("%s has no case", file)
	}
	return strings.TrimSpace(parts[0]), cases
}

func writeErrorCases(t *testing.T, file, about string, cases []errorCase) {
	t.Helper()
	var content strings.Builder
	content.WriteString(about + "\n")
	for _, c := range cases {
		content.WriteString("\n-- " + c.name + " --\n" + c.config + goldenSeparator + c.want + "\n")
	}
	if err := os.WriteFile(file, []byte(content.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

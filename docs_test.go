package universallogout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// TestSnippetsOfDocs: what people copy from the documentation is a Caddyfile.
func TestSnippetsOfDocs(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := 0
	for _, page := range append(pages, "README.md") {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(content), "```caddyfile\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			snippets++
			_, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(wholeCaddyfile(block)), map[string]any{"filename": "Caddyfile"})
			if err != nil {
				t.Errorf("%s: %v\n%s", page, err, block)
			}
			for _, w := range warnings {
				if !strings.Contains(w.Message, "not formatted") { // columns are for readers
					t.Errorf("%s: %s\n%s", page, w.Message, block)
				}
			}
		}
	}
	if snippets < 10 {
		t.Errorf("%d snippets found", snippets)
	}
}

// wholeCaddyfile puts around a snippet what its page leaves out.
func wholeCaddyfile(snippet string) string {
	const provider = "provider main https://sso.example.com/realms/main {\n\t\t\tclient_id edge\n\t\t}"
	const site = "\nsite.example.org {\n\tuniversal_logout\n\trespond app\n}\n"
	indented := func(by string) string { return by + strings.ReplaceAll(strings.TrimSpace(snippet), "\n", "\n"+by) }
	switch {
	case strings.HasPrefix(snippet, "provider "):
		return "{\n\tuniversal_logout {\n" + indented("\t\t") + "\n\t}\n}\n" + site
	case strings.HasPrefix(snippet, "log "):
		return "app.example.com {\n\tuniversal_logout\n" + indented("\t") + "\n\trespond app\n}\n"
	case strings.HasPrefix(snippet, "{"):
		return snippet + site
	}
	return "{\n\tuniversal_logout {\n\t\t" + provider + "\n\t}\n}\n\n" + snippet
}

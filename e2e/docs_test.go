package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the documentation tells people to import into Keycloak is what the tests import.
func TestDocumentedKeycloakClientIsTheTestedOne(t *testing.T) {
	tested, err := os.ReadFile(filepath.Join("keycloak", "universal-logout.json"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "docs", "keycloak.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```json\n"+string(tested)+"```") {
		t.Error("docs/keycloak.md has another client than e2e/keycloak/universal-logout.json")
	}
}

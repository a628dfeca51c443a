package universallogout

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// running reports whether any of our functions is on the stack of a goroutine.
// They are named like appcall.Ask and tour.(*Steps).Find; a name that the
// sources do not have fails the test, for it would never be found running.
func running(t testing.TB, functions ...string) bool {
	t.Helper()
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	found := false
	for _, f := range functions {
		pkg, name, _ := strings.Cut(f, ".")
		path := "internal/" + pkg
		if pkg == "universallogout" {
			pkg, path = "caddy-universal-logout", "."
		}
		if !isFunction(t, path, name) {
			t.Fatalf("%s is no function of ours any more", f)
		}
		found = found || strings.Contains(string(stacks), "/"+pkg+"."+name+"(") || strings.Contains(string(stacks), "/"+pkg+"."+name+".")
	}
	return found
}

func isFunction(t testing.TB, path, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(path, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	decl := `(?m)^func ` + regexp.QuoteMeta(name) + `\(`
	if typ, method, ok := strings.Cut(strings.TrimPrefix(name, "(*"), "."); ok {
		star := ""
		if strings.HasPrefix(name, "(*") {
			star, typ = `\*`, strings.TrimSuffix(typ, ")")
		}
		decl = `(?m)^func \(\w+ ` + star + typ + `\) ` + method + `\(`
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(decl).Match(source) {
			return true
		}
	}
	return false
}

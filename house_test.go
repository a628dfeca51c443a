package universallogout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors are those of docs/house.md, the lowest first.
var floors = [][]string{
	{"seal", "journal", "jwks", "oidctest", "labtest", "origin", "outcome", "limit", "placeholders", "nested", "finalheader", "work", "bounded"},
	{"guard", "cookie", "returnurl", "inbound", "sites", "oauth", "revocation"},
	{"logoutpath", "pages", "provider"},
	{"tour", "appcall"},
	{"enforce", "identify", "journey", "telemetry"},
}

// never are the imports that a package must do without, besides those of its own
// floor and above, and why.
var never = []struct {
	pkgs    []string
	imports string // a path, or the beginning of one
	why     string
}{
	{[]string{"seal", "journal", "jwks", "oauth", "revocation", "work", "origin", "outcome", "limit", "guard", "cookie", "returnurl", "logoutpath", "provider", "tour", "journey"}, "github.com/caddyserver/caddy/", "it has rules of its own, which must be understood, and tested, without Caddy"},
	{[]string{"guard"}, oursBelow + "cookie", "who may ask does not hang on what they present"},
	{[]string{"logoutpath"}, oursBelow + "cookie", "which path is a logout does not hang on what is presented"},
	{[]string{"pages"}, oursBelow + "seal", "a page shows what it is given"},
	{[]string{"provider"}, oursBelow + "pages", "a provider answers to us, not to a browser"},
	{[]string{"tour"}, oursBelow + "pages", "the way through the sites is not how it looks"},
	{[]string{"appcall"}, oursBelow + "pages", "what an app says is not what a person reads"},
	{[]string{"appcall"}, oursBelow + "provider", "an app ends its own session, whoever signed its user in"},
	{[]string{"enforce"}, oursBelow + "tour", "the old session is refused wherever its browser is"},
	{[]string{"enforce"}, oursBelow + "provider", "a request is judged without asking anybody"},
}

const oursBelow = "github.com/universal-logout/caddy-universal-logout/internal/"

// TestImportsGoDown: a package imports those of the floors below it, and nobody
// but the root and the tests knows all of them.
func TestImportsGoDown(t *testing.T) {
	floorOf := make(map[string]int)
	for n, packages := range floors {
		for _, name := range packages {
			floorOf[name] = n + 1
		}
	}
	house, err := os.ReadFile("docs/house.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, imports := range importsBelow(t, "internal") {
		floor, ok := floorOf[name]
		if !ok {
			t.Errorf("internal/%s has no floor: give it one here and in docs/house.md", name)
			continue
		}
		if !strings.Contains(string(house), name+"[") && !strings.HasSuffix(name, "test") {
			t.Errorf("docs/house.md does not show internal/%s", name)
		}
		for _, imported := range imports {
			other, isOurs := strings.CutPrefix(imported, oursBelow)
			switch {
			case other == "labtest":
				t.Errorf("internal/%s imports internal/labtest, which is for tests alone", name)
			case isOurs && floorOf[other] >= floor:
				t.Errorf("internal/%s (floor %d) imports internal/%s (floor %d): imports go down only; pass a value or a function instead", name, floor, other, floorOf[other])
			case strings.TrimSuffix(oursBelow, "internal/") == imported+"/":
				t.Errorf("internal/%s imports the root", name)
			}
			for _, rule := range never {
				if slices.Contains(rule.pkgs, name) && strings.HasPrefix(imported+"/", rule.imports) {
					t.Errorf("internal/%s imports %s, which it must not: %s", name, imported, rule.why)
				}
			}
		}
		delete(floorOf, name)
	}
	for name := range floorOf {
		t.Errorf("internal/%s is on a floor and does not exist", name)
	}
}

// importsBelow are the imports of each package below a folder, tests aside.
func importsBelow(t *testing.T, folder string) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		name := path.Base(filepath.ToSlash(filepath.Dir(file)))
		all[name] = append(all[name], "") // one without imports is there, too
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all[name] = append(all[name], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRootIsSmall: what has rules of its own lives below, so that the root stays
// what a reader can keep in mind.
func TestRootIsSmall(t *testing.T) {
	const maxFiles, maxLines = 36, 7500
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	count, lines := 0, 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		count++
		lines += strings.Count(string(text), "\n")
	}
	if count > maxFiles || lines > maxLines {
		t.Errorf("%d files with %d lines; at most %d and %d", count, lines, maxFiles, maxLines)
	}
}

// TestHelpersAreInLabs: what several files of tests use is in a file
// <noun>_lab_test.go, where it is found by its name, and no test is beside it.
func TestHelpersAreInLabs(t *testing.T) {
	const lab, test = "_lab_test.go", "_test.go"
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, path := range paths {
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasSuffix(path, lab) && isTest(f.Name.Name) {
				t.Errorf("%s is in %s: tests have files of their own", f.Name.Name, path)
			}
		}
	}
	// Nothing is imported, so much is an error. Our own names are known all the same.
	info := types.Info{Uses: make(map[*ast.Ident]types.Object)}
	_, _ = (&types.Config{Error: func(error) {}}).Check("", fset, files, &info)
	users := make(map[types.Object]string)
	for id, object := range info.Uses {
		declared, used := fset.Position(object.Pos()).Filename, fset.Position(id.Pos()).Filename
		if field, ok := object.(*types.Var); ok && field.IsField() || declared == used {
			continue
		}
		if strings.HasSuffix(declared, test) && !strings.HasSuffix(declared, lab) {
			users[object] = used
		}
	}
	for object, used := range users {
		t.Errorf("%s of %s is used in %s: move it to a file *%s", object.Name(), fset.Position(object.Pos()).Filename, used, lab)
	}
}

func isTest(name string) bool {
	return strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Benchmark") || strings.HasPrefix(name, "Fuzz")
}

package universallogout

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
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

// eventually waits for what happens in the background.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// alone gives a site a place for background work of its own, and a log.
func (s *site) alone(places int) *observer.ObservedLogs {
	s.app.use(s.app.process.again(s.t, func() time.Time { return s.app.now() }))
	s.app.work.Places = make(chan struct{}, places)
	core, logged := observer.New(zap.DebugLevel)
	s.app.logger = zap.New(core)
	for _, h := range s.handlers() {
		h.logger = s.app.logger
	}
	return logged
}

// isIdle: nothing is left running for any logout.
func (s *site) isIdle() bool { return len(s.app.work.Places) == 0 }

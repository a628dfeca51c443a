// Package e2e runs real logouts: real browsers, a real Caddy built from this repository, real apps behind it.
//
// Everything listens on 127.0.0.1. Host names are invented per test and reach Caddy through an HTTP CONNECT proxy, so
// that every test has registrable domains of its own and browsers can be shared: isolation costs nothing.
package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

var (
	workDir     string         // temporary, removed at the end
	caddyBinary string         // ./cmd/caddy
	proxy       *browser.Proxy // from every browser to the Caddy that serves the host
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(workDir)
	defer proxy.Close()
	defer closeBrowsers()
	defer func() {
		for _, end := range atExit {
			end()
		}
	}()
	return m.Run()
}

// atExit is what has to be ended after the last test.
var atExit []func()

func setUp() (err error) {
	if workDir, err = os.MkdirTemp("", "universal-logout-e2e-"); err != nil {
		return err
	}
	caddyBinary = filepath.Join(workDir, "caddy")
	build := exec.Command("go", "build", "-o", caddyBinary, "../cmd/caddy")
	if out, err := build.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("building cmd/caddy: %w\n%s", err, out), os.RemoveAll(workDir))
	}
	proxy, err = browser.StartProxy()
	return err
}

// newDomain returns a registrable domain that no other test uses. Its suffix is a real one because WebKitGTK takes hosts
// below ".test" for third parties of each other.
func newDomain() string { return fmt.Sprintf("a%d.com", 16+domains.Add(1)) }

var domains atomic.Int64

// A profile is a way to start a browser.
type profile struct {
	engine  browser.Engine
	options browser.Options
}

// shared is one browser that the tests of one profile use one after the other.
type shared struct {
	inUse   sync.Mutex
	browser *browser.Browser // nil before the first use and after a failed test
}

var (
	browsersMu sync.Mutex
	browsers   = map[profile]*shared{}
)

// open lends the test the browser of a profile until the test ends.
func open(t *testing.T, engine browser.Engine, o browser.Options) *visitor {
	t.Helper()
	o.Proxy = proxy.Addr()
	browsersMu.Lock()
	s := browsers[profile{engine, o}]
	if s == nil {
		s = &shared{}
		browsers[profile{engine, o}] = s
	}
	browsersMu.Unlock()

	s.inUse.Lock()
	t.Cleanup(s.inUse.Unlock)
	if s.browser == nil {
		b, err := browser.Start(engine, o)
		if err != nil {
			t.Fatal(err)
		}
		s.browser = b
	}
	t.Cleanup(func() {
		// A browser that may be stuck must not fail the next test as well.
		if t.Failed() || s.browser.Reset() != nil {
			s.browser.Close()
			s.browser = nil
		}
	})
	return &visitor{Browser: s.browser, t: t}
}

func closeBrowsers() {
	var wg sync.WaitGroup
	for _, s := range browsers {
		if s.browser != nil {
			wg.Go(s.browser.Close)
		}
	}
	wg.Wait()
}

// inEveryEngine runs a test in Chromium, Firefox and WebKit.
func inEveryEngine(t *testing.T, test func(t *testing.T, v *visitor)) {
	t.Helper()
	withOptions(t, browser.Options{}, test)
}

func withOptions(t *testing.T, o browser.Options, test func(t *testing.T, v *visitor)) {
	t.Helper()
	for _, engine := range browser.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			test(t, open(t, engine, o))
		})
	}
}

package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A caddyServer is a running Caddy, with this module, that a test started.
type caddyServer struct {
	addr string // where it serves HTTPS

	mu     sync.Mutex
	access []accessEntry
	other  bytes.Buffer  // the rest of its log
	all    bytes.Buffer  // all of its log
	fresh  chan struct{} // closed and replaced at every line of the access log
}

// accessEntry is a line of Caddy's access log.
type accessEntry struct {
	Level   string
	Logger  string
	Status  int
	Request struct {
		Method, Host, URI string
		Headers           http.Header
	}
	RespHeaders http.Header `json:"resp_headers"`
}

const (
	startTimeout = 30 * time.Second
	logTimeout   = 10 * time.Second
)

// sites maps host names to the directives of their site.
type sites map[string]string

// startCaddy starts Caddy with the given body of the universal_logout option ("" for none) and sites, makes the sites
// reachable for the browsers, and waits until it serves them all. It ends with the test.
func startCaddy(t *testing.T, option string, s sites) *caddyServer {
	t.Helper()
	return startCaddyWith(t, "", option, s)
}

// startCaddyWith is startCaddy with more global options.
func startCaddyWith(t *testing.T, globals, option string, s sites) *caddyServer {
	t.Helper()
	for range 3 { // another process may take a port between its choice and its use
		c, inUse := tryCaddy(t, globals, option, s)
		if !inUse {
			return c
		}
	}
	t.Fatal("no free ports for Caddy")
	return nil
}

func tryCaddy(t *testing.T, globals, option string, s sites) (c *caddyServer, portInUse bool) {
	t.Helper()
	httpPort, httpsPort := freePort(t), freePort(t)
	dir := t.TempDir()
	if option != "" {
		option = "\tuniversal_logout {\n" + option + "\n\t}\n"
	}
	// The storage is shared by all tests: one local CA, made once.
	config := fmt.Sprintf(`{
	admin off
	default_bind 127.0.0.1
	http_port %d
	https_port %d
	storage file_system %s
	skip_install_trust
	local_certs
	grace_period 1s
	servers {
		protocols h1 h2
	}
%s
%s}
`, httpPort, httpsPort, filepath.Join(workDir, "storage"), globals, option)
	hosts := slices.Sorted(maps.Keys(s))
	for _, host := range hosts {
		config += fmt.Sprintf("%s {\n\tlog\n%s\n}\n", host, s[host])
	}
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(caddyBinary, "run", "--config", file, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir,
		"HTTPS_PROXY=http://"+proxy.Addr(), "NO_PROXY=127.0.0.1") // the providers of the tests are where the proxy says
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c = &caddyServer{addr: fmt.Sprintf("127.0.0.1:%d", httpsPort), fresh: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		c.readLog(stderr)
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Error("Caddy did not end within 5 s of SIGTERM")
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("Caddyfile:\n%s\nCaddy's log without the access log:\n%s", config, c.log())
		}
	})
	for _, host := range hosts {
		if err := c.waitForTLS(host, ended); err != nil {
			if strings.Contains(c.log(), "address already in use") {
				return nil, true
			}
			t.Fatalf("%v\n%s", err, config)
		}
		proxy.Route(host, c.addr)
	}
	return c, false
}

// waitForTLS waits until a host answers with a certificate.
func (c *caddyServer) waitForTLS(host string, ended <-chan struct{}) error {
	dialer := &net.Dialer{Timeout: time.Second}
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		conn, err := tls.DialWithDialer(dialer, "tcp", c.addr, &tls.Config{ServerName: host, InsecureSkipVerify: true}) // its own CA
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("the Caddy under test ended: %s", c.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not answer over TLS", host)
}

// readLog sorts Caddy's log until Caddy ends.
func (c *caddyServer) readLog(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry accessEntry
		err := json.Unmarshal(lines.Bytes(), &entry)
		c.mu.Lock()
		c.all.Write(lines.Bytes())
		c.all.WriteByte('\n')
		switch {
		case err == nil && strings.HasPrefix(entry.Logger, "http.log.access"):
			c.access = append(c.access, entry)
			close(c.fresh)
			c.fresh = make(chan struct{})
		case err == nil && (entry.Level == "info" || entry.Level == "debug") && !strings.Contains(entry.Logger, "universal_logout"):
		default:
			c.other.Write(lines.Bytes())
			c.other.WriteByte('\n')
		}
		c.mu.Unlock()
	}
}

// log returns what Caddy logged besides the requests.
func (c *caddyServer) log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.other.String()
}

// written returns everything that Caddy logged after the first n bytes.
func (c *caddyServer) written(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.all.Bytes()[n:])
}

// requests returns the logged requests to a host, oldest first.
func (c *caddyServer) requests(host string) (found []accessEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.access {
		if e.Request.Host == host {
			found = append(found, e)
		}
	}
	return found
}

// count is how many requests Caddy has logged so far, for since.
func (c *caddyServer) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.access)
}

// since returns the requests logged after the first n, of all hosts, oldest first.
func (c *caddyServer) since(n int) []accessEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.access[n:])
}

// waitForRequest waits until Caddy has answered a request that fits. Tests use it to know that what must not happen had
// its chance to happen.
func (c *caddyServer) waitForRequest(t *testing.T, what string, fits func(accessEntry) bool) accessEntry {
	t.Helper()
	return c.waitForRequestSince(t, 0, what, fits)
}

// waitForRequestSince looks at the requests after the first n only.
func (c *caddyServer) waitForRequestSince(t *testing.T, n int, what string, fits func(accessEntry) bool) accessEntry {
	t.Helper()
	timeout := time.After(logTimeout)
	for {
		c.mu.Lock()
		i := slices.IndexFunc(c.access[n:], fits)
		fresh := c.fresh
		var found accessEntry
		if i >= 0 {
			found = c.access[n+i]
		}
		c.mu.Unlock()
		if i >= 0 {
			return found
		}
		select {
		case <-fresh:
		case <-timeout:
			t.Fatalf("the browser never sent %s", what)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := unusedPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func unusedPort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// output collects what the demo prints, and tells when it has printed something.
type output struct{ lines chan string }

func (o output) Write(p []byte) (int, error) {
	o.lines <- string(p)
	return len(p), nil
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// startDemo runs the demo until the test ends, and returns a client that trusts it and finds its hosts.
func startDemo(t *testing.T, port int) (client *http.Client, printed string) {
	t.Helper()
	data := t.TempDir()
	// Caddy keeps a few small things of its own beside the storage. Not in the home directory of who tests.
	t.Setenv("XDG_DATA_HOME", data)
	t.Setenv("XDG_CONFIG_HOME", data)

	ctx, stop := context.WithCancel(t.Context())
	out := output{lines: make(chan string, 100)}
	done := make(chan error, 1)
	go func() { done <- run(ctx, port, data, out) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the demo ended with: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the demo does not stop")
		}
	})

	// All of the greeting: the template writes it piece by piece.
	deadline := time.After(60 * time.Second)
	for !strings.Contains(printed, "Ctrl-C") {
		select {
		case s := <-out.lines:
			printed += s
		case err := <-done:
			done <- err
			t.Fatalf("the demo did not start: %v", err)
		case <-deadline:
			t.Fatal("the demo does not start")
		}
	}

	pem, err := os.ReadFile(rootCertificate(data))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port)) // browsers know *.localhost, Go does not
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}, printed
}

func TestDemo(t *testing.T) {
	port := freePort(t)
	client, printed := startDemo(t, port)

	t.Run("says where to go and what to trust", func(t *testing.T) {
		for _, text := range []string{
			fmt.Sprintf("https://notes.work.localhost:%d\n", port),
			fmt.Sprintf("https://chat.work.localhost:%d\n", port),
			fmt.Sprintf("https://shop.localhost:%d\n", port),
			fmt.Sprintf("https://login.localhost:%d\n", port),
			"any password",
			reach,
			"/pki/authorities/local/root.crt\n",
			"warn about the certificate",
		} {
			if !strings.Contains(printed, text) {
				t.Errorf("%q is missing in:\n%s", text, printed)
			}
		}
	})

	t.Run("a second one says that the port is taken", func(t *testing.T) {
		err := run(t.Context(), port, t.TempDir(), output{})
		if err == nil || !strings.Contains(err.Error(), "-port") {
			t.Errorf("got %v", err)
		}
	})

	d := newDemo(port) // the same names and addresses
	for _, s := range d.apps {
		t.Run("one click in "+s.Name, func(t *testing.T) { logOutOf(t, newBrowser(t, client, s.URL), d, s) })
	}
}

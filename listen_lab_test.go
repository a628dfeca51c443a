package universallogout

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/caddyserver/caddy/v2/caddytest"
)

// Everything that needs a listener runs in one Caddy after the other, by
// Caddy's own harness: it has one admin port for the whole process. So the
// ports are fixed, and the name of every such test has overListener in it:
// `make check` leaves them out by it.
const overListener = "OverListener"

const listenerGlobals = `{
	admin localhost:2999
	persist_config off
	skip_install_trust
	local_certs
	http_port 9080
	https_port 9443
	grace_period 1ns
	storage file_system %s
	log {
		output file %s
		level DEBUG
	}
	universal_logout {
		timeout 500ms
	}
}
`

// listen starts Caddy with these sites and returns the file it logs to.
func listen(t *testing.T, sites string) (*caddytest.Tester, string) {
	t.Helper()
	return listenWith(t, listenerGlobals, sites)
}

func listenWith(t *testing.T, globals, sites string) (*caddytest.Tester, string) {
	t.Helper()
	if !strings.Contains(t.Name(), overListener) {
		t.Fatalf("a test that needs a listener has %s in its name", overListener)
	}
	if err := listenerPorts(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	tester := caddytest.NewTester(t).WithDefaultOverrides(caddytest.Config{AdminPort: 2999, LoadRequestTimeout: 30 * time.Second, TestRequestTimeout: 20 * time.Second})
	// Not t.TempDir: Caddy may still be writing certificates when a test ends.
	storage, err := os.MkdirTemp("", "universal_logout")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(storage) })
	mark := rand.Text()
	tester.InitServer(fmt.Sprintf(globals, storage, log)+sites+"\nready.localhost:9443 {\n\trespond "+mark+"\n}\n", "caddyfile")
	waitUntilServed(t, mark)
	tester.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return tester, log
}

// listenerPorts looks once whether the ports are free, before our first Caddy
// has them. Caddy itself does not say it: a Caddy of somebody else would be
// given our configuration, and others share a port without a word.
var listenerPorts = sync.OnceValue(func() error { return portsTaken(2999, 9080, 9443) })

// portsTaken names the first port that another program has.
func portsTaken(ports ...int) error {
	for _, port := range ports {
		for _, host := range []string{"127.0.0.1", "::1"} {
			address := net.JoinHostPort(host, strconv.Itoa(port))
			l, err := net.Listen("tcp", address)
			if err == nil {
				_ = l.Close()
				var c net.PacketConn
				if c, err = net.ListenPacket("udp", address); err == nil { // of HTTP/3
					_ = c.Close()
				}
			}
			if errors.Is(err, syscall.EADDRINUSE) { // another error: this machine has no IPv6
				return fmt.Errorf("port %d is taken by another program: end it, then run the tests again", port)
			}
		}
	}
	return nil
}

// waitUntilServed: for a moment, the configuration before may still take
// connections, whose app is gone.
func waitUntilServed(t *testing.T, mark string) {
	t.Helper()
	inARow := 0
	for began := time.Now(); inARow < 5; {
		if time.Since(began) > 10*time.Second {
			t.Fatal("Caddy does not serve the configuration that it was given")
		}
		c := &http.Client{Timeout: time.Second, Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // Caddy's internal CA
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:9443")
			},
		}}
		res, err := c.Get("https://ready.localhost:9443/")
		if err != nil {
			inARow = 0
			time.Sleep(10 * time.Millisecond) // it may have no certificate yet
			continue
		}
		if bodyOf(t, res) == mark {
			inARow++
		} else {
			inARow = 0
		}
		_ = res.Body.Close()
	}
}

// clients are one for each version of HTTP, all going to our Caddy.
func clients(t *testing.T) map[string]*http.Client {
	t.Helper()
	insecure := func() *tls.Config { return &tls.Config{InsecureSkipVerify: true} } //nolint:gosec // Caddy's internal CA
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:9443")
	}
	h1, h2 := &http.Transport{TLSClientConfig: insecure(), DialContext: dial, DisableCompression: true}, &http.Transport{TLSClientConfig: insecure(), DialContext: dial, ForceAttemptHTTP2: true, DisableCompression: true}
	h3 := &http3.Transport{TLSClientConfig: insecure(), DisableCompression: true, Dial: func(ctx context.Context, _ string, tlsConfig *tls.Config, config *quic.Config) (*quic.Conn, error) {
		return quic.DialAddrEarly(ctx, "127.0.0.1:9443", tlsConfig, config)
	}}
	t.Cleanup(func() { h1.CloseIdleConnections(); h2.CloseIdleConnections(); _ = h3.Close() })
	all := make(map[string]*http.Client)
	for name, transport := range map[string]http.RoundTripper{"HTTP/1.1": h1, "HTTP/2.0": h2, "HTTP/3.0": h3} {
		all[name] = &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return all
}

// send repeats what fails because Caddy has no certificate yet, or because the
// listener of the config before is just closing.
func send(t *testing.T, c *http.Client, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	var last error
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		r, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Add(name, value)
		}
		res, err := c.Do(r)
		if err == nil {
			return res
		}
		last = err
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal(last)
	return nil
}

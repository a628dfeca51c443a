package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/universal-logout/caddy-universal-logout"
)

// caddyfile is the demo's whole configuration. It keeps to itself: no admin address, nothing saved or trusted on this
// machine, only loopback, and certificates from a CA of its own.
func caddyfile(d *demo, upstream string, port int, data string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{
	admin off
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	local_certs
	https_port %d
	default_bind 127.0.0.1
	grace_period 2s
	storage file_system "%s"
	servers {
		protocols h1 h2
	}
	log {
		level ERROR
		exclude universal_logout http.handlers.universal_logout
	}
	log universal_logout {
		include universal_logout http.handlers.universal_logout
		format console
	}
%s}
`, port, data, edgeOption(d.login.URL, d.secret))
	for _, s := range d.sites() {
		fmt.Fprintf(&b, "\n%s {\n%s\treverse_proxy %s\n}\n", s.URL, edgeDirective(s.Host), upstream)
	}
	return b.String()
}

// checkPort tells a taken port plainly. Caddy would not notice: it shares its port with whoever shares back, such as a
// second demo.
func checkPort(port int) error {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("port %d is not free (%w); choose another: make demo PORT=9443, or go run ./cmd/demo -port 9443", port, err)
	}
	return ln.Close()
}

func startCaddy(config string) error {
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			fmt.Fprintln(os.Stderr, "demo: Caddyfile:", w)
		}
	}
	return caddy.Load(adapted, true)
}

func stopCaddy() {
	if err := caddy.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
}

// rootCertificate is where Caddy's internal CA keeps the certificate that a browser would have to trust.
func rootCertificate(data string) string {
	return filepath.Join(data, "pki", "authorities", "local", "root.crt")
}

// waitReady returns when every site answers with a certificate of the demo's CA: Caddy issues them in the background.
func waitReady(ctx context.Context, sites []*site, port int, root string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	pem, err := os.ReadFile(root)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return errors.New(root + " holds no certificate")
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for _, s := range sites {
		dialer := tls.Dialer{Config: &tls.Config{ServerName: s.Host, RootCAs: roots}}
		for {
			conn, err := dialer.DialContext(ctx, "tcp", addr)
			if err == nil {
				conn.Close()
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s does not answer: %w", s.URL, err)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// Command demo shows universal_logout at work: one process that runs Caddy with three small web apps behind it, each
// with a logout of its own kind, and the OpenID provider that they sign in at. Nothing else has to be installed.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	port := flag.Int("port", 8443, "port of all sites")
	data := flag.String("data", dataDir(), "directory for the demo's certificates")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *port, *data, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, says on out what to do with it, and stops it when ctx ends.
func run(ctx context.Context, port int, data string, out io.Writer) error {
	if err := checkPort(port); err != nil {
		return err
	}
	d := newDemo(port)
	apps, err := serveApps(d)
	if err != nil {
		return err
	}
	defer apps.Close()

	if err := startCaddy(caddyfile(d, apps.addr, port, data)); err != nil {
		return err
	}
	defer stopCaddy()
	if err := waitReady(ctx, d.sites(), port, rootCertificate(data)); err != nil {
		return err
	}

	if err := greet(out, d, rootCertificate(data)); err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(out, "\nStopping.")
	return nil
}

// dataDir stays the same between runs, so that a certificate once trusted stays trusted.
func dataDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "universal-logout-demo")
}

// Command demo shows universal_logout at work: one process that runs Caddy with three small web apps behind it, each
// with a logout of its own kind. Nothing else has to be installed.
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
	port := flag.Int("port", 8443, "port of the three sites")
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
	sites := newSites(port)
	apps, err := serveApps(sites)
	if err != nil {
		return err
	}
	defer apps.Close()

	if err := startCaddy(caddyfile(sites, apps.addr, port, data)); err != nil {
		return err
	}
	defer stopCaddy()
	if err := waitReady(ctx, sites, port, rootCertificate(data)); err != nil {
		return err
	}

	if err := greet(out, sites, rootCertificate(data)); err != nil {
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

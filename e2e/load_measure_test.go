//go:build bench

package e2e

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
	"github.com/universal-logout/caddy-universal-logout/internal/seal"
)

const (
	loadPages   = 2000 // per second
	loadLogouts = 100
)

// TestMeasureLoad: for a minute, nobody waits in vain and nobody gets somebody else's answer.
func TestMeasureLoad(t *testing.T) {
	const duration = time.Minute
	e := newEdge(t)
	e.start()
	t.Logf("load average %s; before: %s", loadAverage(t), e.size())
	l := newLoad(e, loadPages, loadLogouts, 0)
	<-time.After(duration)
	t.Logf("under load: %s", e.size())
	l.end()
	l.check(t)
	e.client.CloseIdleConnections()
	e.app.CloseClientConnections()
	t.Logf("%d pages, %s; %d logouts, %s; afterwards: %s; load average %s",
		len(l.pages), quantiles(l.pages), len(l.logouts), quantiles(l.logouts), e.size(), loadAverage(t))
}

// TestMeasureKill is TestKilledCaddyForgetsNoLogout at the full load.
func TestMeasureKill(t *testing.T) {
	e := newEdge(t)
	e.start()
	killAndCheck(t, e, loadPages, loadLogouts, 30*loadLogouts)
}

// TestMeasureRestart says how long a Caddy that knows a million revocations takes from its start until it refuses.
func TestMeasureRestart(t *testing.T) {
	e := newEdge(t)
	e.start()
	if err := e.logout(newSession()); err != nil { // the key is there when it is answered
		t.Fatal(err)
	}
	e.kill()
	for _, n := range []int{0, 1_000_000} {
		refused := e.fill(t, max(1, n))
		for range 5 {
			began := time.Now()
			e.launch()
			given, err := e.firstAnswer(refused)
			took := time.Since(began)
			if err != nil || given == refused {
				t.Fatalf("the first answer after the start was given to a session that is refused: %v", err)
			}
			t.Logf("%d revocations: refuses %d ms after its start; %s; load average %s", n, took.Milliseconds(), e.size(), loadAverage(t))
			e.kill()
		}
	}
}

// fill adds revocations to what a Caddy that does not run knows, as this node would have, and returns a session that is refused.
func (e *edge) fill(t *testing.T, n int) (session string) {
	t.Helper()
	dir := filepath.Join(e.dir, "caddy", "universal_logout")
	file, err := os.ReadFile(filepath.Join(dir, "fingerprint_key.json"))
	if err != nil {
		t.Fatal(err)
	}
	var key seal.Key
	if err := json.Unmarshal(file, &key); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	list, err := revocation.Open(ctx, revocation.Options{
		Key: revocation.Key(key.Secret[:16]), Dir: filepath.Join(dir, hex.EncodeToString(key.ID)),
		Storage: &certmagic.FileStorage{Path: e.storage()}, Lifetime: 30 * 24 * time.Hour, Now: time.Now, Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for batch := range slices.Chunk(make([]struct{}, n), 1000) {
		var revocations []revocation.Revocation
		for range batch {
			session = newSession()
			f, ok := list.Fingerprint(session)
			if !ok {
				t.Fatal("not a session")
			}
			revocations = append(revocations, list.OfCredential(f, time.Time{}))
		}
		if err := list.Revoke(ctx, revocations...); err != nil {
			t.Fatal(err)
		}
	}
	if err := list.Close(); err != nil {
		t.Fatal(err)
	}
	return session
}

// size is Caddy's memory and its goroutines.
func (e *edge) size() string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.process.Pid))
	if err != nil {
		e.t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	memory, _, _ := strings.Cut(string(rest), "\n")
	res, err := e.client.Get("http://" + e.admin + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	profile, err := io.ReadAll(res.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	goroutines, _, _ := strings.Cut(string(profile), "\n")
	return strings.TrimSpace(memory) + " of memory, " + strings.TrimPrefix(goroutines, "goroutine profile: total ") + " goroutines"
}

func quantiles(took []time.Duration) string {
	slices.Sort(took)
	at := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))].Round(10 * time.Microsecond) }
	return fmt.Sprintf("median %s, 99 %% within %s, longest %s", at(0.5), at(0.99), at(1))
}

package seal

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

func newRing(t testing.TB) *Ring {
	t.Helper()
	r, err := NewRing()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refresh brings the shared keys, with a clock that stands at ahead of now.
func refresh(t testing.TB, r *Ring, storage certmagic.Storage, ahead time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.Refresh(ctx, storage, func() time.Time { return time.Now().Add(ahead) }); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyItsOwnPurpose(t *testing.T) {
	r, other := newRing(t), newRing(t)
	token := r.Seal("landing", []byte("secret"))
	if plain, err := r.Open("landing", token); err != nil || string(plain) != "secret" {
		t.Fatalf("%q %v", plain, err)
	}
	if strings.ContainsAny(token, "+/=;, ") {
		t.Errorf("%q is not safe in URLs and cookies", token)
	}
	changed := []byte(token)
	changed[len(changed)-3] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return r.Open("marker", token) },
		"another ring":    func() ([]byte, error) { return other.Open("landing", token) },
		"changed":         func() ([]byte, error) { return r.Open("landing", string(changed)) },
		"broken lines":    func() ([]byte, error) { return r.Open("landing", token+"\r") },
		"cut":             func() ([]byte, error) { return r.Open("landing", token[:20]) },
		"empty":           func() ([]byte, error) { return r.Open("landing", "") },
		"too long":        func() ([]byte, error) { return r.Open("landing", strings.Repeat("A", maxToken+1)) },
	} {
		if plain, err := open(); !errors.Is(err, ErrToken) || plain != nil {
			t.Errorf("%s: %q %v", name, plain, err)
		}
	}
	if again := r.Seal("landing", []byte("secret")); again == token {
		t.Error("two tokens are alike")
	}
}

// TestNodesShare: any node, and the next start of one, opens what one sealed,
// also if they all start at once.
func TestNodesShare(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	rings := []*Ring{newRing(t), newRing(t), newRing(t)}
	own := rings[0].Seal("p", []byte("before"))
	var wg sync.WaitGroup
	for _, r := range rings {
		wg.Go(func() { refresh(t, r, storage, 0) })
	}
	wg.Wait()
	for _, from := range rings {
		if !from.Shared() {
			t.Error("not shared")
		}
		token := from.Seal("p", []byte("x"))
		for _, to := range append(rings, restarted(t, storage)) {
			if plain, err := to.Open("p", token); err != nil || string(plain) != "x" {
				t.Errorf("%q %v", plain, err)
			}
		}
	}
	if _, err := rings[0].Open("p", own); err != nil {
		t.Error("what this process sealed before is lost")
	}
}

func restarted(t testing.TB, storage certmagic.Storage) *Ring {
	t.Helper()
	r := newRing(t)
	refresh(t, r, storage, 0)
	return r
}

// TestRotation: a new key opens at once, seals when every node knows it, and
// the old one opens on.
func TestRotation(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	a, b := restarted(t, storage), restarted(t, storage)
	old := a.Seal("p", []byte("old"))

	late := rotateAfter + time.Hour
	refresh(t, a, storage, late)
	if token := a.Seal("p", []byte("x")); !opens(b, token) {
		t.Error("a seals with a key that b had no time to read")
	}
	refresh(t, a, storage, late+sealAfter)
	token := a.Seal("p", []byte("new"))
	if opens(b, token) {
		t.Error("no new key seals")
	}
	refresh(t, b, storage, late+sealAfter)
	if !opens(b, token) || !opens(b, old) || !opens(a, old) {
		t.Error("a key is lost")
	}
	for i := range 6 { // many rotations later the file is still short
		refresh(t, a, storage, late*time.Duration(i+2))
	}
	file, err := storage.Load(t.Context(), keysPath)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := parseKeys(keysPath, file); err != nil || len(keys) != keepKeys {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func opens(r *Ring, token string) bool {
	_, err := r.Open("p", token)
	return err == nil
}

// TestStorageAway: the ring goes on with what it has.
func TestStorageAway(t *testing.T) {
	r := newRing(t)
	token := r.Seal("p", []byte("x"))
	dir := t.TempDir()
	damaged := filepath.Join(dir, "universal_logout")
	if err := os.MkdirAll(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, "keys.json"), []byte(`[{"id":"AAAA"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	later := func() time.Time { return time.Now().Add(time.Hour) }
	for name, storage := range map[string]certmagic.Storage{
		"damaged": &certmagic.FileStorage{Path: dir},
		"refuses": refusing{&certmagic.FileStorage{Path: t.TempDir()}},
	} {
		if err := r.Refresh(t.Context(), storage, later); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !opens(r, token) || !opens(r, r.Seal("p", nil)) || r.Shared() {
			t.Errorf("%s: the ring is spoilt", name)
		}
	}
}

type refusing struct{ *certmagic.FileStorage }

func (refusing) Store(context.Context, string, []byte) error { return fs.ErrPermission }

// TestStaleLock: a node that crashed with the lock does not end up with a key
// of its own, whatever the others do meanwhile.
func TestStaleLock(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	if err := storage.Lock(t.Context(), keysLock); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	r := newRing(t)
	own := r.sealing.ID
	if err := r.Refresh(ctx, storage, time.Now); err == nil {
		t.Error("went past the lock")
	}
	if !bytes.Equal(r.sealing.ID, own) || r.Shared() {
		t.Error("adopted a key that nobody stored")
	}
}

func FuzzOpen(f *testing.F) {
	r := newRing(f)
	f.Add(r.Seal("p", []byte("x")))
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if plain, err := r.Open("other", token); err == nil {
			t.Errorf("opened %q", plain)
		}
	})
}

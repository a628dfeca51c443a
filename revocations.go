package universallogout

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
	"github.com/universal-logout/caddy-universal-logout/internal/seal"
)

const (
	sharedStorage = "storage"
	sharedOff     = "off"

	defaultSessionLifetime = 30 * 24 * time.Hour
)

func checkShared(shared string) error {
	if shared != sharedStorage && shared != sharedOff {
		return fmt.Errorf("shared: %q is none of storage, off", shared)
	}
	return nil
}

func checkSessionLifetime(lifetime time.Duration) error {
	if lifetime < time.Minute || lifetime > 400*24*time.Hour {
		return fmt.Errorf("session_lifetime: %s is not how long sessions last; write one between 1m and 400d, 30d is usual", lifetime)
	}
	return nil
}

// revocations hold the list of what is refused. It is opened when the first
// config that needs it starts, and outlives reloads.
type revocations struct {
	list  atomic.Pointer[revocation.List] // nil until it is open
	start sync.Once
	began atomic.Int64  // when opening began, Unix nanoseconds
	mode  string        // whether it is shared, as the config said that opened it
	ready chan struct{} // closed when list is there
	stop  context.CancelFunc
}

func newRevocations() *revocations { return &revocations{ready: make(chan struct{})} }

// stats are nil while the list is not open.
func (rv *revocations) stats() *revocation.Stats {
	list := rv.list.Load()
	if list == nil {
		return nil
	}
	stats := list.Stats()
	return &stats
}

// open begins to open the list, once, and returns at once.
func (rv *revocations) open(a *App) {
	rv.start.Do(func() {
		ctx, stop := context.WithCancel(context.Background()) // for as long as the process has our module
		rv.stop = stop
		rv.began.Store(time.Now().UnixNano())
		rv.mode = a.Shared
		go func() {
			list, err := a.openList(ctx)
			if err != nil {
				if ctx.Err() == nil {
					a.logger.Error("no revocations: sessions are ended, but not refused afterwards", zap.Error(err))
				}
				return
			}
			rv.list.Store(list)
			close(rv.ready)
		}()
	})
}

// awaitList returns the list when it is open, or nil when the time is up that
// requests wait for it after a start.
func (a *App) awaitList(ctx context.Context) *revocation.List {
	rv := a.process.revocations
	if list := rv.list.Load(); list != nil {
		return list
	}
	rv.open(a)
	timeout := time.NewTimer(time.Until(time.Unix(0, rv.began.Load()).Add(time.Duration(a.Timeout))))
	defer timeout.Stop()
	select {
	case <-rv.ready:
	case <-ctx.Done():
	case <-timeout.C:
	}
	return rv.list.Load()
}

// Destruct implements caddy.Destructor.
func (rv *revocations) Destruct() error {
	if rv.stop != nil {
		rv.stop()
	}
	if list := rv.list.Load(); list != nil {
		return list.Close()
	}
	return nil
}

const dataDir = "universal_logout"

// openList waits for the journal to be read, but for other nodes' part of it
// no longer than a logout may take.
func (a *App) openList(ctx context.Context) (*revocation.List, error) {
	dir := filepath.Join(caddy.AppDataDir(), dataDir)
	key, err := a.fingerprintKey(ctx, dir)
	if err != nil {
		return nil, err
	}
	opening, done := context.WithTimeout(ctx, time.Duration(a.Timeout))
	defer done()
	o := revocation.Options{
		Key:      revocation.Key(key.Secret[:16]),
		Dir:      filepath.Join(dir, hex.EncodeToString(key.ID)), // fingerprints of another key say nothing
		Lifetime: time.Duration(a.SessionLifetime), Now: a.now, Logger: a.lastingLogger(),
	}
	if a.Shared == sharedStorage {
		o.Storage = a.ctx.Storage()
	}
	return revocation.Open(opening, o)
}

// fingerprintKey is the key of all nodes, or while there is no storage the one
// that this node had last, or makes for itself.
func (a *App) fingerprintKey(ctx context.Context, dir string) (seal.Key, error) {
	path := filepath.Join(dir, "fingerprint_key.json")
	var own, none seal.Key
	file, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(file, &own)
	}
	if err == nil && !own.IsValid() {
		err = errors.New("it is damaged")
	}
	if err != nil {
		own = none
		if !errors.Is(err, fs.ErrNotExist) {
			a.logger.Warn("this node's copy of the key of all fingerprints is read as if it were not there", zap.String("file", path), zap.Error(err))
		}
	}
	asking, done := context.WithTimeout(ctx, time.Duration(a.Timeout))
	defer done()
	key := own
	if a.Shared == sharedStorage {
		key, err = seal.Secret(asking, a.ctx.Storage(), a.now)
		if err != nil {
			what := "the shared key cannot be read; this node goes on with the copy that it has"
			if own.ID == nil {
				what = "no shared key: until the next start, what this node revokes is refused by no other node, and then by none if there is a shared key by then"
			}
			a.logger.Warn(what, zap.Error(err))
			key = own
		}
	}
	if key.ID == nil {
		key = seal.NewKey(a.now())
	}
	if bytes.Equal(own.ID, key.ID) {
		return key, nil
	}
	if own.ID != nil {
		a.logger.Warn("the nodes share another key than this node had: what it revoked alone is not refused any more")
	}
	if err := writeKey(path, key); err != nil {
		a.logger.Warn("the key of all fingerprints is not in this node's data directory: the next start forgets what was revoked, unless it has the key from the storage", zap.Error(err))
	}
	return key, nil
}

func writeKey(path string, key seal.Key) error {
	file, err := json.Marshal(key) //nolint:gosec // it is a file of secrets
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return os.WriteFile(path, file, 0o600) //nolint:gosec // in our own data directory
}

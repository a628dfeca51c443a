package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"time"

	"github.com/caddyserver/certmagic"
)

const (
	keysPath   = "universal_logout/keys.json"
	secretPath = "universal_logout/fingerprint_key.json"
	keysLock   = "universal_logout_keys"

	// settle is how long a stored file must have been there before it is
	// believed. Storage locks go stale after a crash, so two nodes may both
	// write a first key: the last one written wins, and nobody may have used
	// the other by then.
	settle = time.Second

	// Rotation. A new key opens at once and seals only when every node has had
	// time to read it; an old one opens until nothing it sealed can be valid.
	rotateAfter = 30 * 24 * time.Hour
	sealAfter   = 5 * time.Minute
	keepKeys    = 3
)

// Refresh reads the shared keys from the storage, makes the first one and new
// ones when it is time, and lets the ring use them. While it fails the ring
// goes on with the keys it has.
func (r *Ring) Refresh(ctx context.Context, storage certmagic.Storage, now func() time.Time) error {
	keys, err := settledKeys(ctx, storage, keysPath, now)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		keys, err = addKey(ctx, storage, keysPath, now, nil)
	case err == nil && now().Sub(newest(keys).Created) > rotateAfter:
		keys, err = addKey(ctx, storage, keysPath, now, keys)
	}
	if err != nil {
		return fmt.Errorf("shared keys: %w", err)
	}
	return r.adopt(keys, now())
}

// Secret is a key that is made once, shared by all nodes, and never changes:
// what is hashed with it is compared for as long as it is kept.
func Secret(ctx context.Context, storage certmagic.Storage, now func() time.Time) (Key, error) {
	keys, err := settledKeys(ctx, storage, secretPath, now)
	if errors.Is(err, fs.ErrNotExist) {
		keys, err = addKey(ctx, storage, secretPath, now, nil)
	}
	if err != nil {
		return Key{}, fmt.Errorf("shared key: %w", err)
	}
	return slices.MinFunc(keys, byAge), nil
}

func (r *Ring) adopt(keys []Key, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		if err := r.add(k); err != nil {
			return err
		}
	}
	r.sealing, r.isShared = sealingKey(keys, now), true
	return nil
}

// sealingKey is the newest key that every node has had time to read.
func sealingKey(keys []Key, now time.Time) Key {
	best := slices.MinFunc(keys, byAge)
	for _, k := range keys {
		if k.Created.After(best.Created) && now.Sub(k.Created) >= sealAfter {
			best = k
		}
	}
	return best
}

func newest(keys []Key) Key { return slices.MaxFunc(keys, byAge) }
func byAge(a, b Key) int    { return a.Created.Compare(b.Created) }
func wait(d time.Duration, ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// addKey stores a new key beside those in old, unless another node was faster.
func addKey(ctx context.Context, storage certmagic.Storage, path string, now func() time.Time, old []Key) ([]Key, error) {
	if err := storage.Lock(ctx, keysLock); err != nil {
		return nil, fmt.Errorf("waiting for the lock: %w", err)
	}
	defer func() {
		// A lock that stays is stale soon, and nobody needs it to read the keys.
		_ = storage.Unlock(context.WithoutCancel(ctx), keysLock)
	}()
	stored, err := settledKeys(ctx, storage, path, now)
	if err == nil && (len(old) == 0 || !newest(stored).Created.Equal(newest(old).Created)) {
		return stored, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	keys := append(slices.Clone(stored), NewKey(now()))
	sort.Slice(keys, func(i, j int) bool { return keys[i].Created.Before(keys[j].Created) })
	if len(keys) > keepKeys {
		keys = keys[len(keys)-keepKeys:]
	}
	file, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	if err := storage.Store(ctx, path, file); err != nil {
		return nil, fmt.Errorf("storing %s: %w", path, err)
	}
	return settledKeys(ctx, storage, path, now) // what is stored counts, not what was meant to be
}

func settledKeys(ctx context.Context, storage certmagic.Storage, path string, now func() time.Time) ([]Key, error) {
	for {
		file, err := storage.Load(ctx, path)
		if err != nil {
			return nil, err
		}
		info, err := storage.Stat(ctx, path)
		if err != nil {
			return nil, err
		}
		age := now().Sub(info.Modified)
		if age >= settle || age < 0 { // written by a clock ahead of ours: nothing to wait for
			return parseKeys(path, file)
		}
		if err := wait(settle-age+10*time.Millisecond, ctx); err != nil {
			return nil, err
		}
	}
}

func parseKeys(path string, file []byte) ([]Key, error) {
	var keys []Key
	if err := json.Unmarshal(file, &keys); err != nil {
		return nil, fmt.Errorf("%s is damaged, delete it: %w", path, err)
	}
	if len(keys) == 0 || slices.ContainsFunc(keys, func(k Key) bool { return !k.IsValid() }) {
		return nil, fmt.Errorf("%s is damaged, delete it", path)
	}
	return keys, nil
}

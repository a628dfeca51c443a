// Package seal makes short tokens that only the edge can read or write: what
// one answer of a logout tells the next travels with the browser in them.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	idSize   = 4
	keySize  = 32
	maxToken = 8 << 10 // longer input is refused before it is decoded
)

// ErrToken is returned for every token that cannot be opened, whatever the
// reason: telling the reasons apart would help nobody but an attacker.
var ErrToken = errors.New("the token was not made by this edge, or its key is gone")

var encoding = base64.RawURLEncoding.Strict()

// Key is one AES-256-GCM key with the id that tokens name it by.
type Key struct {
	ID      []byte    `json:"id"`
	Secret  []byte    `json:"secret"`
	Created time.Time `json:"created"`
}

// NewKey returns a fresh one.
func NewKey(now time.Time) Key {
	k := Key{ID: make([]byte, idSize), Secret: make([]byte, keySize), Created: now.UTC().Truncate(time.Second)}
	rand.Read(k.ID)
	rand.Read(k.Secret)
	return k
}

// IsValid reports whether the key can be used.
func (k Key) IsValid() bool { return len(k.ID) == idSize && len(k.Secret) == keySize }

// Ring seals with one key and opens with all it knows. It works from the
// first moment, with a key of this process; Refresh brings the shared ones.
type Ring struct {
	mu       sync.RWMutex
	sealing  Key
	aeads    map[[idSize]byte]cipher.AEAD
	isShared bool
}

// NewRing returns a ring that holds one key of this process.
func NewRing() (*Ring, error) {
	r := &Ring{aeads: make(map[[idSize]byte]cipher.AEAD)}
	k := NewKey(time.Now())
	if err := r.add(k); err != nil {
		return nil, err
	}
	r.sealing = k
	return r, nil
}

// Shared reports whether the sealing key came from the storage, so that other
// nodes and the next start of this one can open what it seals.
func (r *Ring) Shared() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.isShared
}

func (r *Ring) add(k Key) error {
	if !k.IsValid() {
		return fmt.Errorf("a key has %d bytes and an id of %d, want %d and %d", len(k.Secret), len(k.ID), keySize, idSize)
	}
	block, err := aes.NewCipher(k.Secret)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	r.aeads[[idSize]byte(k.ID)] = aead
	return nil
}

// Seal encrypts and authenticates plain for one purpose; only Open with the
// same purpose gives it back. The result is safe in URLs and cookies.
func (r *Ring) Seal(purpose string, plain []byte) string {
	r.mu.RLock()
	id := [idSize]byte(r.sealing.ID)
	aead := r.aeads[id]
	r.mu.RUnlock()

	out := make([]byte, idSize+aead.NonceSize(), idSize+aead.NonceSize()+len(plain)+aead.Overhead())
	copy(out, id[:])
	nonce := out[idSize:]
	rand.Read(nonce)
	return encoding.EncodeToString(aead.Seal(out, nonce, plain, []byte(purpose)))
}

// Open returns what Seal was given, or ErrToken.
func (r *Ring) Open(purpose, token string) ([]byte, error) {
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") { // which the decoder would pass over: no form makes a token
		return nil, ErrToken
	}
	raw, err := encoding.DecodeString(token)
	if err != nil || len(raw) < idSize {
		return nil, ErrToken
	}
	r.mu.RLock()
	aead := r.aeads[[idSize]byte(raw)]
	r.mu.RUnlock()
	if aead == nil || len(raw) < idSize+aead.NonceSize() {
		return nil, ErrToken
	}
	nonce, sealed := raw[idSize:idSize+aead.NonceSize()], raw[idSize+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, sealed, []byte(purpose))
	if err != nil {
		return nil, ErrToken
	}
	return plain, nil
}

package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// What a node appends is in objects of the shared storage that it alone writes:
// universal_logout/revocations/<run>-<number>.log. A run is one time that a
// journal is open, and its name is random: nodes made of one image, a directory
// that was restored from a copy, or a storage that lists late would make two
// writers of one name, or one that overwrites its own objects.
const (
	objectsPath = "universal_logout/revocations"
	runSize     = 8
	maxObject   = 4 << 20 // bytes. Ours have a sixteenth of it
)

func newRun() string {
	id := make([]byte, runSize)
	rand.Read(id)
	return hex.EncodeToString(id)
}

func objectKey(run string, number int) string {
	return objectsPath + "/" + run + "-" + segmentName(number)
}

// parseKey is false for what is not ours.
func parseKey(key string) (run string, number int, ok bool) {
	run, name, ok := strings.Cut(key[strings.LastIndexByte(key, '/')+1:], "-")
	if !ok {
		return "", 0, false
	}
	id, err := hex.DecodeString(run)
	number, ok = segmentNumber(name)
	return run, number, ok && err == nil && len(id) == runSize && key == objectKey(run, number)
}

// asked are the calls of a storage that are under way. Some storages do not
// look at their contexts.
type asked struct {
	storage certmagic.Storage
	limit   time.Duration
	running *sync.WaitGroup
	slots   chan struct{}
}

func newAsked(j *Journal, atOnce int) asked {
	return asked{j.o.Storage, j.limits.call, &j.running, make(chan struct{}, atOnce)}
}

// ask returns when a call has, or when time is up. Calls that hang all the same
// are bounded in their number.
func ask[T any](ctx context.Context, a *asked, call func(context.Context, certmagic.Storage) (T, error)) (T, error) {
	var none T
	select {
	case a.slots <- struct{}{}:
	default:
		return none, errors.New("the storage has not answered " + strconv.Itoa(cap(a.slots)) + " calls")
	}
	ctx, cancel := context.WithTimeout(ctx, a.limit)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	got := make(chan answer, 1)
	a.running.Go(func() {
		value, err := call(ctx, a.storage)
		<-a.slots
		got <- answer{value, err}
	})
	select {
	case an := <-got:
		return an.value, an.err
	case <-ctx.Done():
		return none, fmt.Errorf("the storage does not answer: %w", ctx.Err())
	}
}

func (a *asked) delete(ctx context.Context, key string) error {
	_, err := ask(ctx, a, func(ctx context.Context, s certmagic.Storage) (struct{}, error) {
		return struct{}{}, s.Delete(ctx, key)
	})
	return err
}

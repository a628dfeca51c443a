// Package journal keeps an ordered log of small records: on this node's own
// disk, durable before Append returns, and in the storage that all nodes share.
// What the records mean is their owner's business.
package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Record is what the owner makes of it, but for its first four bytes: the
// moment in Unix seconds, big endian, from which on nobody needs the record.
type Record [60]byte

// Expires is the moment from which on nobody needs the record.
func (r *Record) Expires() time.Time { return time.Unix(int64(binary.BigEndian.Uint32(r[:])), 0) }

// Options say where a journal is kept.
type Options struct {
	Dir     string            // for this node's files; made if it is not there. Empty: nothing is kept
	Storage certmagic.Storage // shared with other nodes; nil: with none
	Apply   func([]Record)    // gets what is replayed and what other nodes append, in batches, one after another; they are its own only until it returns. Records may come twice, or be over
	Now     func() time.Time
	Logger  *zap.Logger
}

// Stats say how a journal is doing.
type Stats struct {
	Appended uint64        // records since it was opened, by this node
	Merged   uint64        // records of other nodes since it was opened
	Replayed uint64        // records found when it was opened
	Skipped  uint64        // records or files that were damaged
	Waiting  int           // records that are not yet on the local disk, because it refuses them
	Lag      time.Duration // how long the oldest record waits for the shared storage
	Local    error         // why records wait for the disk, nil if they do not
	Shared   error         // why records wait for the storage
}

// limits are the same for all but tests.
type limits struct {
	every   time.Duration // between two tries of whatever is tried again and again
	segment int           // records in a file before the next one begins
	tidy    int           // records in files below which it is not worth the trouble to take out expired ones
	queue   int           // records that wait for the disk, or for the storage
	object  int           // records in an object of the shared storage
	call    time.Duration // that the storage has for an answer
	closing time.Duration // that Close waits for what hangs

	// fault fails a step of a file's life, nil if it does not.
	fault func(step string, file *os.File) error
}

func standard() limits {
	return limits{
		every: time.Second, segment: 1 << 20, tidy: 1 << 18, queue: 1 << 20, object: 4096, call: 5 * time.Second, closing: 2 * time.Second,
		fault: func(string, *os.File) error { return nil },
	}
}

const batchSize = 4096 // records that Apply gets at a time

// ErrFull is returned for records that were not kept at all: too many wait
// already.
var ErrFull = errors.New("too many records wait for the disk already")

var errClosed = errors.New("the journal is closed")

// Journal is safe for concurrent use.
type Journal struct {
	o         Options
	limits    limits
	clock     *clock
	disk      *disk      // nil without a directory
	publisher *publisher // nil without a shared storage
	merger    *merger    // nil without a shared storage

	appended, merged, replayed, skipped atomic.Uint64

	stopped context.Context
	stop    context.CancelFunc
	ready   chan struct{} // closed when all was read once
	running sync.WaitGroup
	once    sync.Once
	closed  error
}

// Open replays what there is and returns a journal that works, whatever state
// its files are in: what it cannot read it skips, and says so in its Stats and
// in the log. It returns when ctx is done at the latest, and goes on reading by
// itself. It fails for options that make no sense only.
func Open(ctx context.Context, o Options) (*Journal, error) { return openDir(ctx, o, standard()) }

func openDir(ctx context.Context, o Options, l limits) (*Journal, error) {
	if o.Apply == nil || o.Now == nil || o.Logger == nil {
		return nil, errors.New("a journal needs Apply, Now and Logger")
	}
	j := &Journal{o: o, limits: l, clock: &clock{now: o.Now}, ready: make(chan struct{})}
	j.stopped, j.stop = context.WithCancel(context.Background())
	if o.Dir != "" {
		j.disk = newDisk(j)
	}
	if o.Storage != nil {
		j.publisher, j.merger = newPublisher(j), newMerger(j)
		j.running.Go(j.publisher.publish)
	}
	j.running.Go(j.read)
	select {
	case <-j.ready:
	case <-ctx.Done():
		o.Logger.Warn("the journal works, but not all of it has been read yet", zap.Error(ctx.Err()))
	}
	return j, nil
}

// read replays the files and merges from then on.
func (j *Journal) read() {
	var held *seen
	if j.merger != nil {
		held = newSeen()
	}
	if j.disk != nil {
		files := j.disk.open() // before the first one of our own is among them
		j.readClock(files)
		j.running.Go(j.disk.run)
		j.replay(files, held)
		j.running.Go(j.disk.tidyAll)
	}
	if j.merger != nil {
		j.merger.begin(held)
		j.merger.pass(j.stopped)
	}
	close(j.ready)
	if j.merger != nil {
		each(j.stopped, j.limits.every, func() { j.merger.pass(j.stopped) })
	}
}

// each calls f again and again until ctx is done.
func each(ctx context.Context, every time.Duration, f func()) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}

// Append returns when the records are durable on this node, or with the reason
// why they are not yet; then they are kept, and written when that is possible.
// With ErrFull they are not kept.
func (j *Journal) Append(ctx context.Context, records ...Record) error {
	if len(records) == 0 {
		return nil
	}
	if j.stopped.Err() != nil {
		return errClosed
	}
	var b *batch
	var err error
	if j.disk != nil {
		b, err = j.disk.append(records, ownFrame)
	}
	if errors.Is(err, ErrFull) || errors.Is(err, errClosed) {
		return err
	}
	j.appended.Add(uint64(len(records)))
	if j.publisher != nil {
		j.publisher.add(records) // now: other nodes need not wait for our disk
	}
	if err != nil {
		return fmt.Errorf("not on disk yet: %w", err)
	}
	if b == nil {
		return nil
	}
	select {
	case <-b.done:
		if b.err != nil {
			return fmt.Errorf("not on disk yet: %w", b.err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats are those of this moment.
func (j *Journal) Stats() Stats {
	s := Stats{Appended: j.appended.Load(), Merged: j.merged.Load(), Replayed: j.replayed.Load(), Skipped: j.skipped.Load()}
	if j.disk != nil {
		s.Waiting, s.Local = j.disk.waiting()
	}
	if j.publisher != nil {
		s.Lag, s.Shared = j.publisher.lag(), j.publisher.trouble.current()
		if s.Shared == nil {
			s.Shared = j.merger.trouble.current()
		}
	}
	return s
}

// Close writes and shares what waits, if that takes no longer than a moment. It
// returns when nothing of the journal runs any more; what hangs in a disk or in
// a storage it leaves behind, and says so.
func (j *Journal) Close() error {
	j.once.Do(func() { j.closed = j.shut() })
	return j.closed
}

func (j *Journal) shut() error {
	j.stop()
	over := make(chan struct{})
	go func() {
		j.running.Wait()
		close(over)
	}()
	limit := time.NewTimer(j.limits.closing)
	defer limit.Stop()
	select {
	case <-over:
	case <-limit.C:
		return errors.New("the disk or the storage hangs: the journal is closed without it")
	}
	if s := j.Stats(); s.Waiting > 0 {
		return fmt.Errorf("%d records are not on disk: %w", s.Waiting, s.Local)
	}
	return nil
}

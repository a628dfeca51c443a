package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"go.uber.org/zap"
)

// batch is what is written, and made durable, at one go.
type batch struct {
	frames []byte
	done   chan struct{} // closed when err stands
	err    error
}

func newBatch(frames []byte) *batch { return &batch{frames: frames, done: make(chan struct{})} }

func (b *batch) finish(err error) {
	b.err = err
	close(b.done)
}

// disk is the log on this node's own disk. One goroutine writes: all that came
// while it was writing goes together, with one fsync.
type disk struct {
	j       *Journal
	logger  *zap.Logger
	trouble trouble
	more    chan struct{} // holds a word while there is something to write

	mu     sync.Mutex
	next   *batch
	spare  []byte // a batch's bytes, to be used again
	queued int    // records in next, and in the batch under way
	err    error  // of the last try. While it is there nobody waits for the next one
	closed bool
	dir    string              // ours, "" if we have none
	path   string              // of the segment that is written to
	ended  map[string]*segment // those in dir that are not written to any more, by their paths

	writing sync.Mutex // guards what follows
	lock    *flock.Flock
	number  int // of the next segment
	file    *os.File
	info    fs.FileInfo // of file
	active  *segment    // file's

	tidying sync.Mutex
	untidy  trouble
	tidied  int // passes
}

func newDisk(j *Journal) *disk {
	return &disk{
		j: j, logger: j.o.Logger, next: newBatch(nil), ended: make(map[string]*segment), more: make(chan struct{}, 1),
		trouble: trouble{logger: j.o.Logger, begin: "the data directory takes nothing: what is revoked is in memory only, and a restart forgets it, until it does", over: "the data directory takes what is revoked again"},
		untidy:  trouble{logger: j.o.Logger, begin: "expired records cannot be taken out of the journal", over: "expired records are taken out of the journal again"},
	}
}

// append queues records. The batch is to be waited for.
func (d *disk) append(records []Record, kind uint32) (*batch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	limit := d.j.limits.queue
	if kind == mergedFrame {
		limit /= 2 // they are in the storage: there must be room for what is only here
	}
	if d.queued+len(records) > limit {
		return nil, ErrFull
	}
	for i := range records {
		d.next.frames = appendFrame(d.next.frames, &records[i], kind)
	}
	d.queued += len(records)
	if d.err != nil {
		return nil, d.err
	}
	d.wake()
	return d.next, nil
}

func (d *disk) wake() {
	select {
	case d.more <- struct{}{}:
	default: // it is woken already
	}
}

// waiting are the records that the disk refuses, and why.
func (d *disk) waiting() (records int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		return 0, nil
	}
	return d.queued, d.err
}

func (d *disk) run() {
	ticker := time.NewTicker(d.j.limits.every)
	defer ticker.Stop()
	for {
		select {
		case <-d.more:
			d.commit(false)
		case <-ticker.C:
			d.commit(true)
		case <-d.j.stopped.Done():
			d.mu.Lock()
			d.closed = true
			d.mu.Unlock()
			d.commit(true)
			d.tidying.Lock() // it must not go on in a directory that is not ours any more
			d.release()
			d.tidying.Unlock()
			return
		}
	}
}

// commit writes what is queued. After a failure it does nothing unless it is to
// try again.
func (d *disk) commit(again bool) {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.mu.Lock()
	failing := d.err != nil
	if failing && !again || !failing && len(d.next.frames) == 0 {
		d.mu.Unlock()
		return
	}
	b := d.next
	d.next, d.spare = newBatch(d.spare), nil
	d.mu.Unlock()

	err := d.write(b.frames)
	if err != nil && !failing {
		err = d.write(b.frames) // the directory has been deleted, perhaps: once more at once, then each second
	}

	d.mu.Lock()
	d.err = err
	rest := d.next
	if err != nil {
		// Whoever waits for the rest already would wait for the next try.
		d.next = newBatch(append(b.frames, rest.frames...))
	} else {
		d.queued -= len(b.frames) / frameSize
		if cap(b.frames) <= blockSize {
			d.spare = b.frames[:0]
		}
		if len(rest.frames) > 0 {
			d.wake()
		}
	}
	d.mu.Unlock()
	if err != nil {
		rest.finish(err)
	}
	b.finish(err)
	d.trouble.set(err)
}

// write returns when the frames are durable. After an error nobody knows what
// the file holds of them: the next try writes all to another one. What is on
// disk twice does no harm.
func (d *disk) write(frames []byte) (err error) {
	defer func() {
		if err != nil {
			d.endSegment()
		}
	}()
	if d.file == nil && !d.holdsLock() {
		d.release()
		if err := d.claim(); err != nil {
			return err
		}
	}
	if len(frames) == 0 {
		return nil
	}
	if d.file == nil {
		if err := d.beginSegment(); err != nil {
			return err
		}
	}
	if err := d.j.limits.fault("write", d.file); err != nil {
		return err
	}
	if _, err := d.file.Write(frames); err != nil {
		return err
	}
	if err := d.sync(d.file); err != nil {
		return err
	}
	// A file that somebody has deleted takes everything and keeps nothing.
	if there, err := os.Lstat(d.file.Name()); err != nil {
		return err
	} else if !os.SameFile(there, d.info) {
		return fmt.Errorf("%s has been replaced", d.file.Name())
	}
	for b := frames; len(b) > 0; b = b[frameSize:] {
		d.active.add(binary.BigEndian.Uint32(b))
	}
	if d.active.records >= d.j.limits.segment {
		d.endSegment()
	}
	return nil
}

func (d *disk) beginSegment() error {
	path := filepath.Join(d.dir, segmentName(d.number))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		d.number++ // not ours, and not there when we looked
	}
	if err != nil {
		return err
	}
	d.number++
	d.file, d.active = file, newSegment()
	d.mu.Lock()
	d.path = path
	d.mu.Unlock()
	if d.info, err = file.Stat(); err != nil {
		return err
	}
	if err := d.j.limits.fault("header", file); err != nil {
		return err
	}
	if _, err := file.Write(newHeader(d.j.clock.trusted())); err != nil {
		return err
	}
	return d.syncDir(d.dir)
}

// endSegment closes the file. The next one begins with the next batch.
func (d *disk) endSegment() {
	if d.file == nil {
		return
	}
	_ = d.file.Close() // all that counts has been synced
	if d.active.records == 0 {
		_ = os.Remove(d.file.Name()) // of a try that failed: nothing in it was acknowledged
	}
	d.mu.Lock()
	d.ended[d.path] = d.active
	d.path = ""
	d.mu.Unlock()
	d.file, d.info, d.active = nil, nil, nil
}

func (d *disk) sync(f *os.File) error {
	if err := d.j.limits.fault("sync", f); err != nil {
		return err
	}
	return f.Sync()
}

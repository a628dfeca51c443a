package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
	"go.uber.org/zap"
)

// Two processes may have the same data directory, on purpose or for the moment
// of a restart. So each writes to a directory of its own below it, the first
// one that nobody else has locked; all are read.
const (
	nodePrefix    = "node-"
	segmentSuffix = ".log"
	tempSuffix    = ".tmp" // of a file that is not yet what it is to be
	lockName      = "lock"
	maxNodes      = 64
)

func segmentName(number int) string { return fmt.Sprintf("%08d%s", number, segmentSuffix) }

func segmentNumber(name string) (int, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	number, err := strconv.ParseUint(digits, 10, 31)
	return int(number), ok && err == nil && name == segmentName(int(number))
}

func isNode(name string) bool {
	digits, ok := strings.CutPrefix(name, nodePrefix)
	_, err := strconv.ParseUint(digits, 10, 31)
	return ok && err == nil
}

// claim takes a directory that no other process has.
func (d *disk) claim() error {
	var failed error
	for i := range maxNodes {
		dir := filepath.Join(d.j.o.Dir, nodePrefix+strconv.Itoa(i))
		lock, err := d.claimDir(dir)
		if lock != nil {
			d.lock = lock
			d.mu.Lock()
			d.dir = dir
			d.mu.Unlock()
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		if failed == nil {
			failed = err // another user made it, perhaps: the next may do
		}
	}
	if failed == nil {
		failed = fmt.Errorf("%d processes have all the directories in %s", maxNodes, d.j.o.Dir)
	}
	return failed
}

// claimDir returns nil for a directory that another process has.
func (d *disk) claimDir(dir string) (*flock.Flock, error) {
	if err := d.j.limits.fault("claim", nil); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, lockName))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("locking %s: %w", lock.Path(), err)
	} else if !ok {
		return nil, nil
	}
	if err := d.settle(dir); err != nil {
		_ = lock.Unlock()
		return nil, err
	}
	return lock, nil
}

// settle makes a directory that is ours durable, finds the number that comes
// next there, and deletes what an interrupted process has left half done.
func (d *disk) settle(dir string) error {
	_ = d.syncDir(filepath.Dir(d.j.o.Dir)) // not ours: we may not be allowed to
	for _, made := range []string{d.j.o.Dir, dir} {
		if err := d.syncDir(made); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	d.number = 1
	for _, e := range entries {
		if number, ok := segmentNumber(e.Name()); ok {
			d.number = max(d.number, number+1)
		}
		if strings.HasSuffix(e.Name(), segmentSuffix+tempSuffix) {
			_ = os.Remove(filepath.Join(dir, e.Name())) // once more next time
		}
	}
	return nil
}

// holdsLock is false before the first claim, and when somebody has deleted the
// directory since.
func (d *disk) holdsLock() bool {
	if d.lock == nil {
		return false
	}
	there, err := os.Lstat(d.lock.Path())
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	held, err := d.lock.Stat()
	return err == nil && os.SameFile(there, held)
}

func (d *disk) release() {
	d.endSegment()
	if d.lock != nil {
		_ = d.lock.Unlock()
	}
	d.lock = nil
	d.mu.Lock()
	d.dir = ""
	clear(d.ended)
	d.mu.Unlock()
}

// open claims a directory and lists the segments of all nodes here, those of
// one node in the order in which they were written.
func (d *disk) open() (files []string) {
	d.writing.Lock()
	defer d.writing.Unlock()
	err := d.claim()
	d.mu.Lock()
	d.err = err
	d.mu.Unlock()
	d.trouble.set(err)
	return d.files()
}

func (d *disk) files() (files []string) {
	nodes, err := os.ReadDir(d.j.o.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.j.skip(1, "the journal cannot be read", d.j.o.Dir, err)
	}
	for _, node := range nodes {
		if !isNode(node.Name()) {
			continue
		}
		dir := filepath.Join(d.j.o.Dir, node.Name())
		entries, err := os.ReadDir(dir)
		if err != nil {
			d.j.skip(1, "a part of the journal cannot be read", dir, err)
		}
		var numbers []int
		for _, e := range entries {
			if number, ok := segmentNumber(e.Name()); ok {
				numbers = append(numbers, number)
			}
		}
		slices.Sort(numbers)
		for _, number := range numbers {
			files = append(files, filepath.Join(dir, segmentName(number)))
		}
	}
	return files
}

// skip tells of what is left out.
func (j *Journal) skip(n int, what, where string, err error) {
	j.skipped.Add(uint64(n))
	j.o.Logger.Warn(what, zap.String("file", where), zap.Int("left_out", n), zap.Error(err))
}

// syncDir makes what was made in a directory, or renamed, durable. Windows
// cannot, and some file systems neither; what they do instead is theirs.
func (d *disk) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := d.j.limits.fault("syncdir", f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

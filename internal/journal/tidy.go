package journal

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
)

const (
	tidyEvery    = 60 // seconds
	othersEvery  = 60 // of these: the directories of processes that have ended
	tidySegments = 64 // more are made one, however few records are in them

	// syncRecords are written anew between two syncs: with much more, a file
	// system lets those wait that sync something else.
	syncRecords = 1 << 14
)

func (d *disk) tidyAll() {
	each(d.j.stopped, d.j.limits.every*tidyEvery, func() { d.tidy(d.j.stopped) })
}

// tidy takes out what has expired: whole segments, and if more than half of all
// is over, the rest is written anew. Nobody who appends waits for it.
func (d *disk) tidy(ctx context.Context) {
	d.tidying.Lock()
	defer d.tidying.Unlock()
	dir := d.ownDir()
	if dir == "" {
		return
	}
	err := d.dropExpired(ctx, dir)
	if err == nil && d.tidied%othersEvery == 0 {
		err = d.tidyOthers(ctx, dir)
	}
	d.tidied++
	if ctx.Err() == nil {
		d.untidy.set(err)
	}
}

// tidyOthers does so for directories that no process has any more.
func (d *disk) tidyOthers(ctx context.Context, own string) error {
	nodes, err := os.ReadDir(d.j.o.Dir)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		dir := filepath.Join(d.j.o.Dir, node.Name())
		if !isNode(node.Name()) || dir == own {
			continue
		}
		lock := flock.New(filepath.Join(dir, lockName))
		if ok, err := lock.TryLock(); !ok || err != nil {
			continue // a process has it, or another user
		}
		err := d.dropExpired(ctx, dir)
		_ = lock.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) dropExpired(ctx context.Context, dir string) error {
	segments, err := d.endedSegments(ctx, dir)
	if err != nil {
		return err
	}
	now := d.j.clock.trusted()
	records, over := 0, 0
	for path, s := range segments {
		n := s.over(now)
		if n < s.records {
			records, over = records+s.records, over+n
			continue
		}
		if err := d.remove(path); err != nil {
			return err
		}
		delete(segments, path)
	}
	if len(segments) > tidySegments || records > d.j.limits.tidy && over > records/2 {
		return d.rewrite(ctx, slices.Sorted(maps.Keys(segments)))
	}
	return nil
}

// endedSegments are all in a directory that nobody writes to any more and that
// we may touch, by their paths.
func (d *disk) endedSegments(ctx context.Context, dir string) (map[string]*segment, error) {
	entries, err := os.ReadDir(dir) // before d.path is asked for: no segment that is written to may pass for an ended one
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	active, known := d.path, maps.Clone(d.ended)
	d.mu.Unlock()
	segments := make(map[string]*segment)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if _, ok := segmentNumber(e.Name()); !ok || path == active {
			continue
		}
		s := known[path]
		if s == nil {
			s, _, err = scanSegment(path, func([]byte, uint32) error { return ctx.Err() })
			if ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			d.knowSegment(path, s)
		}
		if !s.foreign {
			segments[path] = s
		}
	}
	return segments, nil
}

// rewrite makes one segment of several, without what has expired. It takes the
// place of the last one, in one step, and the others go after that: at each
// moment all is there, some of it twice, and in its order.
func (d *disk) rewrite(ctx context.Context, paths []string) error {
	place := paths[len(paths)-1]
	temp := place + tempSuffix
	s, err := d.writeRest(ctx, temp, paths)
	if err == nil {
		err = d.j.limits.fault("rename", nil)
	}
	if err == nil {
		err = os.Rename(temp, place)
	}
	if err != nil {
		_ = os.Remove(temp) // or when the directory is claimed the next time
		return err
	}
	d.knowSegment(place, s)
	if err := d.syncDir(filepath.Dir(place)); err != nil {
		return err
	}
	for _, path := range paths[:len(paths)-1] {
		if err := d.remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) writeRest(ctx context.Context, temp string, paths []string) (*segment, error) {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	now := d.j.clock.trusted()
	w := bufio.NewWriterSize(f, blockSize)
	if _, err := w.Write(newHeader(now)); err != nil {
		return nil, err
	}
	rest := newSegment()
	for _, path := range paths {
		if err := d.j.limits.fault("rewrite", f); err != nil {
			return nil, err
		}
		if _, err := scanFile(path, func(frame []byte, _ uint32) error {
			if isOver(expires(frame), now) {
				return nil
			}
			rest.add(expires(frame))
			if _, err := w.Write(frame); err != nil || rest.records%syncRecords != 0 {
				return err
			}
			return errors.Join(ctx.Err(), w.Flush(), d.sync(f))
		}); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(w.Flush(), d.sync(f)); err != nil {
		return nil, err
	}
	return rest, f.Close()
}

func (d *disk) remove(path string) error {
	if err := d.j.limits.fault("remove", nil); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.mu.Lock()
	delete(d.ended, path)
	d.mu.Unlock()
	return nil
}

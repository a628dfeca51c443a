package journal

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"time"
)

// replay hands over what the files hold, and learns from it what must not be
// kept twice. A file may go while others are read: what it held is then in one
// with a higher number.
func (j *Journal) replay(files []string, held *seen) {
	now := j.clock.trusted()
	batch := make([]Record, 0, batchSize)
	for _, path := range files {
		s, c, err := scanSegment(path, func(frame []byte, kind uint32) error {
			if held != nil {
				held.add(frame, kind)
			}
			if isOver(expires(frame), now) {
				return nil
			}
			batch = append(batch, Record(frame[:len(Record{})]))
			if len(batch) < cap(batch) {
				return nil
			}
			j.apply(batch)
			batch = batch[:0]
			return j.stopped.Err()
		})
		if j.stopped.Err() != nil {
			return
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		j.disk.knowSegment(path, s)
		j.tell(path, c, err)
	}
	if len(batch) > 0 {
		j.apply(batch)
	}
}

func (j *Journal) apply(batch []Record) {
	j.replayed.Add(uint64(len(batch)))
	j.o.Apply(batch)
}

// tell what was left out of a file.
func (j *Journal) tell(path string, c contents, err error) {
	left := c.damaged
	switch {
	case err != nil || errors.Is(c.header, errVersion):
		j.skip(left+1, "a file of the journal is left out", path, errors.Join(err, c.header))
		return
	case c.header != nil:
		left++
	}
	if c.torn && filepath.Dir(path) == j.disk.ownDir() { // another process may be writing just now
		left++
	}
	if left > 0 {
		j.skip(left, "damaged parts of a file of the journal are left out", path, c.header)
	}
}

// readClock finds the newest time that the files know.
func (j *Journal) readClock(files []string) {
	for _, path := range files {
		if created, err := readCreated(path); err == nil { // the replay tells what is wrong
			j.clock.saw(created)
		}
	}
}

func readCreated(path string) (created time.Time, err error) {
	f, _, err := openFile(path)
	if err != nil {
		return created, err
	}
	defer f.Close()
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(f, header); err != nil {
		return created, err
	}
	return parseHeader(header)
}

package journal

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// segment says how much of a file is still needed.
type segment struct {
	records int
	hours   map[uint32]int // records by the hour in which they expire
	foreign bool           // it is not to be touched: nothing of ours is in it, or nothing we can read
}

func newSegment() *segment { return &segment{hours: make(map[uint32]int)} }

func (s *segment) add(expires uint32) {
	s.records++
	s.hours[expires/3600]++
}

// over is how many records have expired.
func (s *segment) over(now time.Time) (n int) {
	for hour, records := range s.hours {
		if (int64(hour)+1)*3600 <= now.Unix() {
			n += records
		}
	}
	return n
}

// expires is the moment of a frame's record.
func expires(frame []byte) uint32 { return binary.BigEndian.Uint32(frame) }

func isOver(expires uint32, now time.Time) bool { return int64(expires) <= now.Unix() }

var errNoFile = errors.New("it is not a file")

func openFile(path string) (f *os.File, size int64, err error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile // opening a pipe would wait for somebody who writes
	}
	if err != nil {
		return nil, 0, err
	}
	f, err = os.Open(path)
	return f, info.Size(), err
}

func scanFile(path string, each func(frame []byte, kind uint32) error) (contents, error) {
	f, size, err := openFile(path)
	if err != nil {
		return contents{}, err
	}
	defer f.Close()
	return scan(f, size, each)
}

// scanSegment is scanFile that also finds out how much of it is still needed.
func scanSegment(path string, each func(frame []byte, kind uint32) error) (*segment, contents, error) {
	s := newSegment()
	c, err := scanFile(path, func(frame []byte, kind uint32) error {
		s.add(expires(frame))
		return each(frame, kind)
	})
	s.foreign = err != nil || errors.Is(c.header, errVersion) || c.header != nil && s.records == 0
	return s, c, err
}

// knowSegment keeps what is known of a segment in our own directory; those of
// others may grow.
func (d *disk) knowSegment(path string, s *segment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if filepath.Dir(path) == d.dir {
		d.ended[path] = s
	}
}

func (d *disk) ownDir() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dir
}

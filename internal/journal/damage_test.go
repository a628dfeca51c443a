package journal

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap/zapcore"
)

// first is the path of the segment that damage is done to.
func (l *lab) first() string { return filepath.Join(l.dir, "node-0", segmentName(1)) }

// TestCutOff at each byte of the last three records: all before is there, and
// what is appended afterwards is, too.
func TestCutOff(t *testing.T) {
	l := newLab(t)
	whole := l.segmentOf(l.records(0, 10)...)
	for size := len(whole); size >= len(whole)-3*frameSize; size-- {
		os.RemoveAll(l.dir)
		write(t, l.first(), whole[:size])
		n := l.open()
		kept := (size - headerSize) / frameSize
		n.has(0, kept)
		torn := uint64(0)
		if size%frameSize != 0 {
			torn = 1
		}
		if s := n.Stats(); s.Skipped != torn || n.told(zapcore.WarnLevel) != int(torn) {
			t.Errorf("%d bytes: %+v", size, s)
		}
		if at := size % frameSize; at > 1 && at < frameSize-1 {
			n.close()
			continue
		}
		n.append(l.records(kept, 12)...)
		n.close()
		again := l.open()
		again.has(0, 12)
		again.close()
	}
}

// TestFlippedBits anywhere: all records but those that were hit are there.
func TestFlippedBits(t *testing.T) {
	l := newLab(t)
	whole := l.segmentOf(l.records(0, 50)...)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		damaged := slices.Clone(whole)
		hit := make(map[int]bool)
		for range 1 + random.IntN(8) {
			at := random.IntN(len(damaged))
			damaged[at] ^= 1 << random.IntN(8)
			hit[at/frameSize-1] = true // -1: the header
		}
		var want []int
		for i := range 50 {
			if !hit[i] || bytes.Equal(damaged[headerSize+i*frameSize:][:frameSize], whole[headerSize+i*frameSize:][:frameSize]) {
				want = append(want, i)
			}
		}
		os.RemoveAll(l.dir)
		write(t, l.first(), damaged)
		n := l.open()
		if got := n.numbers(); !slices.Equal(got, want) {
			t.Errorf("hit %v, got %v", hit, got)
		}
		n.close()
	}
}

// oldHeader is one of another version.
func oldHeader(created time.Time) []byte {
	b := newHeader(created)[:headerSize-checkSize]
	binary.BigEndian.PutUint32(b[len(magic):], version+1)
	return appendCheck(b, b, headerFrame)
}

// TestOddFiles: told, left out, left alone, and in nobody's way.
func TestOddFiles(t *testing.T) {
	l := newLab(t)
	old := l.segmentOf(l.records(0, 5)...)
	copy(old, oldHeader(l.time()))
	noHeader := l.segmentOf(l.records(0, 5)...)
	clear(noHeader[:headerSize])
	for name, test := range map[string]struct {
		content []byte
		read    int
		skipped uint64
	}{
		"another version":            {old, 0, 1},
		"a damaged header":           {noHeader, 5, 1},
		"empty":                      {nil, 0, 0},
		"a piece of a header":        {newHeader(l.time())[:20], 0, 1},
		"only a header":              {newHeader(l.time()), 0, 0},
		"somebody else's":            {bytes.Repeat([]byte("Lorem ipsum\n"), 100), 0, 1 + 17 + 1},
		"zeros, as after power loss": {append(l.segmentOf(l.records(0, 5)...), make([]byte, 4096)...), 5, 64},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			write(t, l.first(), test.content)
			n := l.open()
			n.has(0, test.read)
			if s := n.Stats(); s.Skipped != test.skipped || (n.told(zapcore.WarnLevel) == 1) != (test.skipped > 0) {
				t.Errorf("%+v, told %v", s, n.logs.All())
			}
			n.append(l.records(5, 10)...)
			if test.read == 0 && test.skipped > 0 { // nothing of ours that we can read
				l.pass(20 * lifetime)
				n.disk.tidy(t.Context())
				l.pass(2 * jumpStays)
				n.disk.tidy(t.Context())
				if !bytes.Equal(read(t, l.first()), test.content) {
					t.Error("it was changed")
				}
			}
			n.close()
		})
	}
	t.Run("a directory", func(t *testing.T) {
		l := newLab(t)
		write(t, filepath.Join(l.first(), "x"), nil)
		write(t, filepath.Join(l.dir, "node-0", segmentName(2)), l.segmentOf(l.records(0, 5)...))
		write(t, filepath.Join(l.dir, "node-0", "README"), nil)
		write(t, filepath.Join(l.dir, "node-x", segmentName(1)), l.segmentOf(l.records(5, 9)...))
		n := l.open()
		n.has(0, 5)
		if n.Stats().Skipped != 1 {
			t.Errorf("%+v", n.Stats())
		}
	})
}

// FuzzReplay: whatever is in a file, nothing breaks, and records that are whole
// and where they should be are found.
func FuzzReplay(f *testing.F) {
	l := newLab(f)
	good := l.segmentOf(l.records(0, 3)...)
	for _, seed := range [][]byte{nil, good, good[:100], good[headerSize:], bytes.Repeat([]byte{0}, 200), append(good[:70:70], good...)} {
		f.Add(seed, uint16(0))
	}
	f.Fuzz(func(t *testing.T, damaged []byte, seed uint16) {
		r := l.record(int(seed))
		frame := appendFrame(nil, &r, mergedFrame)
		body := damaged[:len(damaged)/frameSize*frameSize]
		file := slices.Concat(newHeader(l.time()), frame, body, frame, damaged)
		frames, found := 0, 0
		c, err := scan(bytes.NewReader(file), int64(seed), func(b []byte, kind uint32) error {
			frames++
			if bytes.Equal(b, frame) && kind == mergedFrame {
				found++
			}
			return nil
		})
		whole := (len(file) - headerSize) / frameSize
		if err != nil || found < 2 || frames+c.damaged != whole || c.torn != (len(damaged)%frameSize != 0) || c.header != nil {
			t.Errorf("%d found, %d frames, %+v, %v", found, frames, c, err)
		}
		if _, err := scan(bytes.NewReader(damaged), int64(len(damaged)), func([]byte, uint32) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

// FuzzObject: whatever another node's object holds, and becomes, nothing breaks,
// and a record is found that is whole and new.
func FuzzObject(f *testing.F) {
	l, s := newLab(f), newStorage(f)
	good := l.segmentOf(l.records(0, 3)...)
	for _, seed := range [][]byte{nil, good, good[:100], oldHeader(l.time()), bytes.Repeat([]byte{0}, 200)} {
		f.Add(seed, good)
		f.Add(good, seed)
	}
	n := l.open(in(""), sharing(s))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		o := &object{key: "x"}
		see := func(content []byte) {
			n.got = nil
			n.merger.read(t.Context(), o, loaded{content: content, info: certmagic.KeyInfo{Size: int64(len(content))}})
		}
		see(first)
		see(second)
		r := l.record(12345)
		whole := newHeader(l.time())
		for range o.frames {
			whole = append(whole, good[headerSize:headerSize+frameSize]...)
		}
		see(appendFrame(whole, &r, ownFrame))
		if !slices.Contains(n.got, 12345) {
			t.Error("not found")
		}
	})
}

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A file of the journal, and an object in the shared storage, is a header and
// after it frames: a record and a checksum each. All are of one size, so that
// after a damaged one reading goes on at the next.
const (
	frameSize  = len(Record{}) + checkSize
	checkSize  = 4
	headerSize = frameSize

	magic   = "UNILOGJ\n"
	version = 1

	blockSize = 1 << 20 // that files are read in
	maxFile   = 4 << 30 // nothing of ours is longer; what is there beyond is not read
)

// What a checksum is mixed with says what it belongs to: a header is never
// taken for a record, and who appended a record costs no byte.
const (
	ownFrame    uint32 = 0          // a record that was appended by the node which the file belongs to
	mergedFrame uint32 = 0xffffffff // one that it got from the shared storage
	headerFrame uint32 = 0x5555aaaa
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendCheck(b []byte, of []byte, kind uint32) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(of, castagnoli)^kind)
}

func appendFrame(b []byte, r *Record, kind uint32) []byte {
	return appendCheck(append(b, r[:]...), r[:], kind)
}

// kindOf is false for a frame that is damaged.
func kindOf(frame []byte) (kind uint32, ok bool) {
	of := len(frame) - checkSize
	kind = binary.BigEndian.Uint32(frame[of:]) ^ crc32.Checksum(frame[:of], castagnoli)
	return kind, kind == ownFrame || kind == mergedFrame
}

// newHeader is that of a file begun now. Magic, version and checksum stay where
// they are in all versions to come.
func newHeader(now time.Time) []byte {
	b := append(make([]byte, 0, headerSize), magic...)
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint64(b, uint64(now.Unix()))
	b = b[:headerSize-checkSize]
	return appendCheck(b, b, headerFrame)
}

var (
	errHeader  = errors.New("its header is damaged")
	errVersion = errors.New("it is of another version")
)

// parseHeader says when a file was begun. What follows a damaged header may be
// read, what follows one of another version may not.
func parseHeader(b []byte) (created time.Time, err error) {
	of := len(b) - checkSize
	if len(b) != headerSize || string(b[:len(magic)]) != magic || binary.BigEndian.Uint32(b[of:])^headerFrame != crc32.Checksum(b[:of], castagnoli) {
		return created, errHeader
	}
	if v := binary.BigEndian.Uint32(b[len(magic):]); v != version {
		return created, fmt.Errorf("%w: %d, not %d", errVersion, v, version)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b[len(magic)+4:])), 0), nil
}

// contents are what is in a file beside its good frames.
type contents struct {
	created time.Time // when it was begun
	header  error     // errHeader or errVersion
	damaged int       // frames
	torn    bool      // it ends in the middle of a frame
}

// scan hands over the good frames of a file, which has about that size. It ends
// with an error of r or of each.
func scan(r io.Reader, size int64, each func(frame []byte, kind uint32) error) (c contents, err error) {
	r = io.LimitReader(r, maxFile)
	block := make([]byte, min(blockSize, (size/int64(frameSize)+1)*int64(frameSize)))
	n, err := io.ReadFull(r, block[:headerSize])
	if err == io.EOF {
		return c, nil // made, and not yet written when the power failed
	}
	if c.created, c.header = parseHeader(block[:n]); errors.Is(c.header, errVersion) {
		return c, nil
	}
	for err == nil {
		n, err = io.ReadFull(r, block)
		for b := block[:n]; len(b) > 0; b = b[frameSize:] {
			if len(b) < frameSize {
				c.torn = true
				break
			}
			kind, ok := kindOf(b[:frameSize])
			if !ok {
				c.damaged++
				continue
			}
			if err := each(b[:frameSize], kind); err != nil {
				return c, err
			}
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return c, err
}

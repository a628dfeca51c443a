package revocation

import (
	"encoding/binary"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

// kind says what a record is about. Records of kinds and versions that are
// not known are a newer node's, and mean nothing here.
type kind byte

const (
	ofCredential kind = 1 + iota
	ofSession
	ofSubject
	ofBinding

	recordVersion = 1
)

// entry is what a record holds, and all that is ever known of a revocation or
// a binding: nothing in it says whose it is without the key.
type entry struct {
	kind        kind
	until       uint32
	fingerprint Fingerprint
	sid, sub    digest
	issuer      uint32
	moment      int64 // milliseconds: a binding's start, 0 if not known; a subject's not-before
}

func (e *entry) encode() (r journal.Record) {
	binary.BigEndian.PutUint32(r[0:], e.until)
	r[4], r[5] = byte(e.kind), recordVersion
	copy(r[8:], e.fingerprint[:])
	copy(r[24:], e.sid[:])
	copy(r[36:], e.sub[:])
	binary.BigEndian.PutUint32(r[48:], e.issuer)
	binary.BigEndian.PutUint64(r[52:], uint64(e.moment))
	return r
}

// decode is false for records that mean nothing here.
func decode(r *journal.Record) (e entry, ok bool) {
	if r[5] != recordVersion {
		return e, false
	}
	e = entry{
		kind: kind(r[4]), until: binary.BigEndian.Uint32(r[0:]),
		fingerprint: Fingerprint(r[8:24]), sid: digest(r[24:36]), sub: digest(r[36:48]),
		issuer: binary.BigEndian.Uint32(r[48:]), moment: int64(binary.BigEndian.Uint64(r[52:])),
	}
	switch e.kind {
	case ofCredential:
		return e, e.fingerprint != Fingerprint{}
	case ofSession:
		return e, e.sid != digest{}
	case ofSubject:
		return e, e.sub != digest{}
	case ofBinding:
		return e, e.fingerprint != Fingerprint{}
	}
	return e, false
}

// seconds are those of expiries. Before 1970 and after 2106 they stand still.
func seconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), 1<<32-1))
}

// milliseconds of a moment; 0 if it is not known.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

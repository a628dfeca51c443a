// Package revocation knows which credentials are refused. It knows them by
// keyed fingerprints only, in every spelling that an app could accept.
package revocation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

// Key is the secret behind all fingerprints. Nodes that share revocations have
// the same.
type Key [16]byte

// Options say what a list is like.
type Options struct {
	Key      Key
	Dir      string            // of the journal; empty: only in memory
	Storage  certmagic.Storage // shared with other nodes; nil: with none
	Lifetime time.Duration     // how long what nobody says an end of is kept
	Max      int               // entries; 0: 10 million
	Now      func() time.Time
	Logger   *zap.Logger
}

const (
	defaultMax      = 10_000_000
	defaultLifetime = 30 * 24 * time.Hour
)

// Fingerprint is what is left of a credential: a keyed hash of its value,
// alike for all spellings that an app could take for the same.
type Fingerprint [16]byte

// Session is what a provider knows of a session. Issuer is always there; Sid
// or Sub may be empty, and Started zero.
type Session struct {
	Issuer, Sid, Sub string
	Started          time.Time
}

// ErrFull is returned when the list takes no more.
var ErrFull = errors.New("the list of revocations is full")

// List says what is refused. It is safe for concurrent use.
type List struct {
	keys     keys
	journal  *journal.Journal
	logger   *zap.Logger
	now      func() time.Time
	max      int64
	lifetime atomic.Int64

	any     atomic.Bool
	changes atomic.Uint64

	// The way of a request: lines that are clean, the filter, then credentials. What binds
	// credentials to sessions is looked at when a session is revoked, and when
	// a credential is bound.
	clean       *cleanLines
	filter      filter
	credentials table
	sessions    table
	subjects    subjects
	bindings    bindings

	spare chan *chunks // for requests that have some
	alarm atomic.Int32 // how full it was when that was said
	bound records      // bindings on their way to the journal
	stop  context.CancelFunc
	group sync.WaitGroup
}

// Open replays the journal. It returns when ctx is done at the latest.
func Open(ctx context.Context, o Options) (*List, error) {
	list := &List{
		keys: *newKeys(o.Key), clean: newCleanLines(), logger: o.Logger, now: o.Now, max: int64(o.Max),
		subjects: subjects{entries: map[digest]subject{}}, bindings: newBindings(), bound: newRecords(),
		spare: make(chan *chunks, spareChunks),
	}
	if list.logger == nil {
		list.logger = zap.NewNop()
	}
	if list.now == nil {
		list.now = time.Now
	}
	if list.max <= 0 {
		list.max = defaultMax
	}
	list.SetLifetime(o.Lifetime)
	var err error
	list.journal, err = journal.Open(ctx, journal.Options{Dir: o.Dir, Storage: o.Storage, Apply: list.merge, Now: list.now, Logger: list.logger})
	if err != nil {
		return nil, fmt.Errorf("journal of revocations: %w", err)
	}
	background, stop := context.WithCancel(context.Background()) // until Close
	list.stop = stop
	list.group.Go(func() { list.sweepEach(background, sweepInterval) })
	list.group.Go(func() { list.writeBindings(background) })
	return list, nil
}

// Close returns when nothing of the list runs any more.
func (list *List) Close() error {
	list.stop()
	list.group.Wait()
	return list.journal.Close()
}

// SetLifetime changes how long what nobody says an end of is kept, from now
// on.
func (list *List) SetLifetime(lifetime time.Duration) {
	if lifetime <= 0 {
		lifetime = defaultLifetime
	}
	list.lifetime.Store(int64(lifetime))
}

// end of what is revoked or bound now.
func (list *List) end(now time.Time) time.Time {
	return now.Add(time.Duration(list.lifetime.Load()))
}

// IsEmpty is one atomic load: nothing at all is refused.
func (list *List) IsEmpty() bool { return !list.any.Load() }

// Version grows with every change to what is refused, by whichever node.
func (list *List) Version() uint64 { return list.changes.Load() }

// RefusesSession reports whether a session is refused: by its sid, or by its
// sub if it started before the moment named. The zero Started is before all.
func (list *List) RefusesSession(s Session) bool {
	return !list.IsEmpty() && list.refusedUntil(list.digests(s)) > 0
}

// HasSessions reports whether any (issuer, sid) or (issuer, sub) is refused: if
// not, RefusesSession need not be asked. It allocates nothing and takes no lock.
func (list *List) HasSessions() bool { return list.sessions.n.Load() > 0 || list.subjects.n.Load() > 0 }

// digests of a session, as they stand in a binding.
func (list *List) digests(s Session) *entry {
	hi, _ := list.keys.issuer.of(s.Issuer)
	return &entry{
		sid: list.keys.sid.digest(s.Issuer, s.Sid), sub: list.keys.sub.digest(s.Issuer, s.Sub),
		issuer: uint32(hi), moment: milliseconds(s.Started),
	}
}

// refusedUntil is the second until which a session is refused, 0 if it is not.
func (list *List) refusedUntil(s *entry) (until uint32) {
	now := seconds(list.now())
	if s.sid != (digest{}) {
		until = list.sessions.until(s.sid)
	}
	if s.sub != (digest{}) {
		if sub, ok := list.subjects.get(s.sub); ok && sub.refuses(s.moment) {
			until = max(until, sub.until)
		}
	}
	if until <= now {
		return 0
	}
	return until
}

// Revocation is one entry of the list to be.
type Revocation struct {
	entry entry
	until time.Time
}

// OfCredential refuses a fingerprint until then, or for the list's Lifetime if
// that is shorter or until is zero.
func (list *List) OfCredential(f Fingerprint, until time.Time) Revocation {
	return Revocation{entry{kind: ofCredential, fingerprint: f}, until}
}

// OfSession refuses all credentials bound to (issuer, sid).
func (list *List) OfSession(issuer, sid string) Revocation {
	return Revocation{entry: entry{kind: ofSession, sid: list.keys.sid.digest(issuer, sid)}}
}

// OfSubject refuses all sessions of (issuer, sub) that started before then. Of
// a session that started in the same second nobody knows whether it did, if
// only the second is known: who logs in again gets in.
func (list *List) OfSubject(issuer, sub string, notBefore time.Time) Revocation {
	return Revocation{entry: entry{kind: ofSubject, sub: list.keys.sub.digest(issuer, sub), moment: notBefore.UnixMilli()}}
}

// OfBound is OfSession for the session that a credential is bound to. It is
// false if there is none, or if its sid is not known.
func (list *List) OfBound(f Fingerprint) (Revocation, bool) {
	sid, ok := list.bindings.sid(f, seconds(list.now()))
	return Revocation{entry: entry{kind: ofSession, sid: sid}}, ok
}

// Revoke takes effect here at once. It returns when it is durable, or with the
// reason why it is not yet (it stays in effect), or with ErrFull.
func (list *List) Revoke(ctx context.Context, revocations ...Revocation) error {
	now := list.now()
	var full error
	written := make([]journal.Record, 0, len(revocations))
	for _, r := range revocations {
		until := list.end(now)
		if !r.until.IsZero() && r.until.Before(until) {
			until = r.until.Add(time.Second - 1) // a part of a second counts
		}
		r.entry.until = seconds(until)
		record := r.entry.encode()
		if _, ok := decode(&record); !ok || r.entry.until <= seconds(now) {
			continue // nothing is named, or it has expired by itself
		}
		if !list.apply(&r.entry, seconds(now)) {
			full = ErrFull
			continue
		}
		written = append(written, record)
	}
	if len(written) == 0 {
		return full
	}
	if err := list.journal.Append(ctx, written...); err != nil {
		return errors.Join(full, fmt.Errorf("in effect, but %w", err))
	}
	return full
}

// Bind ties a credential to a session. A credential that is bound to another
// sub already keeps that: then Bind is false. A later Started counts for
// nothing. It does not wait for the disk.
func (list *List) Bind(f Fingerprint, s Session) bool {
	e := list.digests(s)
	now := list.now()
	e.kind, e.fingerprint, e.until = ofBinding, f, seconds(list.end(now))
	if f == (Fingerprint{}) {
		return false
	}
	changed, ok := list.bindNow(e, seconds(now))
	if changed {
		list.bound.put(e.encode())
	}
	return ok
}

// IsBound reports whether a credential is bound. It allocates nothing.
func (list *List) IsBound(f Fingerprint) bool { return list.bindings.has(f, seconds(list.now())) }

// Stats say how the list is doing.
type Stats struct {
	Credentials, Sessions, Subjects, Bindings int
	Max                                       int // of the first three together
	MaxBindings                               int
	Journal                                   journal.Stats
}

// Stats are those of this moment. What expired in the last minutes may still
// be counted.
func (list *List) Stats() Stats {
	return Stats{
		Credentials: int(list.credentials.n.Load()), Sessions: int(list.sessions.n.Load()), Subjects: int(list.subjects.n.Load()),
		Bindings: list.bindings.len(), Max: int(list.max), MaxBindings: maxBindings, Journal: list.journal.Stats(),
	}
}

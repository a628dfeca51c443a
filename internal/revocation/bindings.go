package revocation

import (
	"sync"
	"sync/atomic"
)

const (
	maxBindings       = 2_000_000
	maxIssuerBindings = 1_000_000 // so that one issuer cannot take the room of all
	bindingsChunk     = 4096
)

// binding ties a fingerprint to a session. It is an element of two lists, of
// all with the same sid and of all with the same sub. Places count from 1, and
// 0 is none, so that there is nothing here for the garbage collector to follow.
type binding struct {
	fingerprint Fingerprint
	sid, sub    digest
	issuer      uint32
	until       uint32 // 0: the place is free
	started     int64
	bySid       link
	bySub       link
}

type link struct{ before, after uint32 }

// bindings are never evicted: a revocation of a session must find all of its
// credentials. New ones are turned away instead.
type bindings struct {
	mu          sync.RWMutex
	credentials map[Fingerprint]uint32
	sids, subs  map[digest]uint32 // the first of each list
	issuers     map[uint32]int
	chunks      [][]binding
	free        []uint32
	alarm       atomic.Bool
}

func newBindings() bindings {
	return bindings{credentials: map[Fingerprint]uint32{}, sids: map[digest]uint32{}, subs: map[digest]uint32{}, issuers: map[uint32]int{}}
}

func (b *bindings) at(place uint32) *binding {
	place--
	return &b.chunks[place/bindingsChunk][place%bindingsChunk]
}

// add makes e what is known of the credential now. It is not ok if it is bound
// to another sub.
func (b *bindings) add(e *entry, now uint32) (changed, ok, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if place := b.credentials[e.fingerprint]; place != 0 {
		if b.at(place).until > now {
			changed, ok = b.join(place, e)
			return changed, ok, false
		}
		b.remove(place)
	}
	if len(b.credentials) >= maxBindings || b.issuers[e.issuer] >= maxIssuerBindings {
		return false, true, true
	}
	place := b.place()
	*b.at(place) = binding{fingerprint: e.fingerprint, sid: e.sid, sub: e.sub, issuer: e.issuer, until: e.until, started: e.moment}
	b.credentials[e.fingerprint] = place
	b.issuers[e.issuer]++
	b.enlist(place, b.sids, e.sid, linkBySid)
	b.enlist(place, b.subs, e.sub, linkBySub)
	return true, true, false
}

// join adds what a binding did not say: the sid, the sub, an earlier start.
func (b *bindings) join(place uint32, e *entry) (changed, ok bool) {
	was := b.at(place)
	if was.issuer != e.issuer || was.sub != (digest{}) && e.sub != (digest{}) && was.sub != e.sub {
		return false, false
	}
	if was.sid == (digest{}) && e.sid != (digest{}) {
		was.sid, changed = e.sid, true
		b.enlist(place, b.sids, e.sid, linkBySid)
	}
	if was.sub == (digest{}) && e.sub != (digest{}) {
		was.sub, changed = e.sub, true
		b.enlist(place, b.subs, e.sub, linkBySub)
	}
	if e.moment != 0 && (was.started == 0 || e.moment < was.started) {
		was.started, changed = e.moment, true
	}
	e.sid, e.sub, e.moment, e.until = was.sid, was.sub, was.started, was.until
	return changed, true
}

func (b *bindings) place() uint32 {
	if n := len(b.free); n > 0 {
		place := b.free[n-1]
		b.free = b.free[:n-1]
		return place
	}
	last := len(b.chunks) - 1
	if last < 0 || len(b.chunks[last]) == bindingsChunk {
		b.chunks = append(b.chunks, make([]binding, 0, bindingsChunk))
		last++
	}
	b.chunks[last] = append(b.chunks[last], binding{})
	return uint32(last*bindingsChunk + len(b.chunks[last]))
}

func linkBySid(x *binding) *link { return &x.bySid }
func linkBySub(x *binding) *link { return &x.bySub }

func (b *bindings) enlist(place uint32, heads map[digest]uint32, d digest, of func(*binding) *link) {
	if d == (digest{}) {
		return
	}
	head := heads[d]
	*of(b.at(place)) = link{after: head}
	if head != 0 {
		of(b.at(head)).before = place
	}
	heads[d] = place
}

func (b *bindings) unlist(place uint32, heads map[digest]uint32, d digest, of func(*binding) *link) {
	if d == (digest{}) {
		return
	}
	own := *of(b.at(place))
	if own.after != 0 {
		of(b.at(own.after)).before = own.before
	}
	switch {
	case own.before != 0:
		of(b.at(own.before)).after = own.after
	case own.after != 0:
		heads[d] = own.after
	default:
		delete(heads, d)
	}
}

func (b *bindings) remove(place uint32) {
	x := b.at(place)
	b.unlist(place, b.sids, x.sid, linkBySid)
	b.unlist(place, b.subs, x.sub, linkBySub)
	delete(b.credentials, x.fingerprint)
	if b.issuers[x.issuer]--; b.issuers[x.issuer] == 0 {
		delete(b.issuers, x.issuer)
	}
	*x = binding{}
	b.free = append(b.free, place)
}

func (b *bindings) has(f Fingerprint, now uint32) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	place := b.credentials[f]
	return place != 0 && b.at(place).until > now
}

// sid of the session that a credential is bound to.
func (b *bindings) sid(f Fingerprint, now uint32) (sid digest, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if place := b.credentials[f]; place != 0 && b.at(place).until > now {
		sid = b.at(place).sid
	}
	return sid, sid != digest{}
}

// ofSession are the credentials of a session.
func (b *bindings) ofSession(sid digest, now uint32) (bound []Fingerprint) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for place := b.sids[sid]; place != 0; place = b.at(place).bySid.after {
		if b.at(place).until > now {
			bound = append(bound, b.at(place).fingerprint)
		}
	}
	return bound
}

// ofSubject are the credentials of the sessions of sub that a revocation hits.
func (b *bindings) ofSubject(sub digest, now uint32, hits func(started int64) bool) (bound []Fingerprint) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for place := b.subs[sub]; place != 0; place = b.at(place).bySub.after {
		if x := b.at(place); x.until > now && hits(x.started) {
			bound = append(bound, x.fingerprint)
		}
	}
	return bound
}

func (b *bindings) len() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.credentials)
}

// sweep frees the places of one chunk that expired. It is false behind the
// last chunk.
func (b *bindings) sweep(chunk int, now uint32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if chunk >= len(b.chunks) {
		b.alarm.Store(len(b.credentials) >= maxBindings/10*9 && b.alarm.Load())
		return false
	}
	for i := range b.chunks[chunk] {
		if until := b.chunks[chunk][i].until; until != 0 && until <= now {
			b.remove(uint32(chunk*bindingsChunk + i + 1))
		}
	}
	return true
}

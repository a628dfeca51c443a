package revocation

import (
	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

// apply puts a record into effect, whoever made it. It is false if there is no
// room for it.
func (list *List) apply(e *entry, now uint32) bool {
	switch e.kind {
	case ofCredential:
		// A flood of credentials leaves room for what providers and admins
		// revoke.
		if !list.refuse(e.fingerprint, e.until, now, list.hasRoom(list.max-list.max/10)) {
			return false
		}
	case ofSession:
		if !list.sessions.add(e.sid, e.until, now, list.hasRoom(list.max)) {
			return false
		}
		list.any.Store(true)
		for _, f := range list.bindings.ofSession(e.sid, now) {
			list.refuse(f, e.until, now, nil)
		}
	case ofSubject:
		if !list.subjects.add(e.sub, e.moment, e.until, now, list.hasRoom(list.max)) {
			return false
		}
		list.any.Store(true)
		before, _ := list.subjects.get(e.sub)
		for _, f := range list.bindings.ofSubject(e.sub, now, before.refuses) {
			list.refuse(f, e.until, now, nil)
		}
	case ofBinding:
		_, ok := list.bindNow(e, now)
		return ok
	}
	list.changes.Add(1)
	return true
}

// refuse a credential.
func (list *List) refuse(f Fingerprint, until, now uint32, room func() bool) bool {
	if !list.credentials.add(f.digest(), until, now, room) {
		return false
	}
	list.filter.add(f.sample(), now, until, uint32(min(list.lifetime.Load()/1e9, 1<<32-1)))
	list.any.Store(true)
	return true
}

func (list *List) used() int64 {
	return list.credentials.n.Load() + list.sessions.n.Load() + list.subjects.n.Load()
}

// hasRoom is asked before an entry is added that is not there yet.
func (list *List) hasRoom(limit int64) func() bool {
	return func() bool {
		used := list.used()
		if used >= limit {
			list.tell(2, "the list of revocations is full: new ones are turned away", used)
			return false
		}
		if used >= list.max*8/10 {
			list.tell(1, "the list of revocations is nearly full", used)
		}
		return true
	}
}

// tell says how full the list is, once for each level.
func (list *List) tell(level int32, message string, used int64) {
	if was := list.alarm.Load(); was < level && list.alarm.CompareAndSwap(was, level) {
		list.logger.Error(message, zap.Int64("entries", used), zap.Int64("max", list.max))
	}
}

// bindNow ties a credential to a session, whoever saw it, and makes e all that is
// known of it. It is false for one that belongs to somebody else.
func (list *List) bindNow(e *entry, now uint32) (changed, ok bool) {
	changed, ok, full := list.bindings.add(e, now)
	if full && list.bindings.alarm.CompareAndSwap(false, true) {
		list.logger.Error("no room for more bindings of credentials to sessions: revoking a session refuses no credential first seen now", zap.Int("max", maxBindings))
	}
	if !ok {
		return false, false
	}
	// The binding is there before we look: a revocation of the session that
	// comes after this finds it.
	if until := list.refusedUntil(e); until > 0 {
		list.refuse(e.fingerprint, until, now, nil)
		list.changes.Add(1)
	}
	return changed, true
}

// merge puts records into effect that the journal had, or other nodes wrote.
func (list *List) merge(records []journal.Record) {
	now := seconds(list.now())
	for i := range records {
		e, ok := decode(&records[i])
		if ok && e.until > now {
			list.apply(&e, now)
		}
	}
}

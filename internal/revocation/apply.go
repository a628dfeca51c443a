package revocation

import (
	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/journal"
)

// apply puts a record into effect, whoever made it. It is false if there is no
// room for it.
func (l *List) apply(e *entry, now uint32) bool {
	switch e.kind {
	case ofCredential:
		// A flood of credentials leaves room for what providers and admins
		// revoke.
		if !l.refuse(e.fingerprint, e.until, now, l.hasRoom(l.max-l.max/10)) {
			return false
		}
	case ofSession:
		if !l.sessions.add(e.sid, e.until, now, l.hasRoom(l.max)) {
			return false
		}
		l.any.Store(true)
		for _, f := range l.bindings.ofSession(e.sid, now) {
			l.refuse(f, e.until, now, nil)
		}
	case ofSubject:
		if !l.subjects.add(e.sub, e.moment, e.until, now, l.hasRoom(l.max)) {
			return false
		}
		l.any.Store(true)
		before, _ := l.subjects.get(e.sub)
		for _, f := range l.bindings.ofSubject(e.sub, now, before.refuses) {
			l.refuse(f, e.until, now, nil)
		}
	case ofBinding:
		_, ok := l.bind(e, now)
		return ok
	}
	l.version.Add(1)
	return true
}

// refuse a credential.
func (l *List) refuse(f Fingerprint, until, now uint32, room func() bool) bool {
	if !l.credentials.add(f.digest(), until, now, room) {
		return false
	}
	l.filter.add(f.sample(), now, until, uint32(min(l.lifetime.Load()/1e9, 1<<32-1)))
	l.any.Store(true)
	return true
}

func (l *List) used() int64 {
	return l.credentials.n.Load() + l.sessions.n.Load() + l.subjects.n.Load()
}

// hasRoom is asked before an entry is added that is not there yet.
func (l *List) hasRoom(limit int64) func() bool {
	return func() bool {
		used := l.used()
		if used >= limit {
			l.tell(2, "the list of revocations is full: new ones are turned away", used)
			return false
		}
		if used >= l.max*8/10 {
			l.tell(1, "the list of revocations is nearly full", used)
		}
		return true
	}
}

// tell says how full the list is, once for each level.
func (l *List) tell(level int32, message string, used int64) {
	if was := l.alarm.Load(); was < level && l.alarm.CompareAndSwap(was, level) {
		l.logger.Error(message, zap.Int64("entries", used), zap.Int64("max", l.max))
	}
}

// bind ties a credential to a session, whoever saw it, and makes e all that is
// known of it. It is false for one that belongs to somebody else.
func (l *List) bind(e *entry, now uint32) (changed, ok bool) {
	changed, ok, full := l.bindings.add(e, now)
	if full && l.bindings.alarm.CompareAndSwap(false, true) {
		l.logger.Error("no room for more bindings of credentials to sessions: revoking a session refuses no credential first seen now", zap.Int("max", maxBindings))
	}
	if !ok {
		return false, false
	}
	// The binding is there before we look: a revocation of the session that
	// comes after this finds it.
	if until := l.refusedUntil(e); until > 0 {
		l.refuse(e.fingerprint, until, now, nil)
		l.version.Add(1)
	}
	return changed, true
}

// merge puts records into effect that the journal had, or other nodes wrote.
func (l *List) merge(records []journal.Record) {
	now := seconds(l.now())
	for i := range records {
		e, ok := decode(&records[i])
		if ok && e.until > now {
			l.apply(&e, now)
		}
	}
}

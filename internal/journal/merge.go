package journal

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

const (
	loadsAtOnce  = 8
	hotPasses    = 2 * quietPasses // after which nobody rewrites an object any more, as far as can be told
	forgetPasses = 10 * rarePasses // after which an object is forgotten that is not listed: some storages list late
	maxFailures  = 10              // to load an object, until nobody waits for it
	deleteAfter  = 24 * time.Hour  // another node's object: its clock may be late
)

// merger reads from the shared storage what other nodes have appended, and this
// one before it was started again.
type merger struct {
	j       *Journal
	asked   asked
	trouble trouble

	passing sync.Mutex // guards what follows
	passes  int
	objects map[string]*object
	seen    *seen // nil when all has been read once
}

func newMerger(j *Journal) *merger {
	return &merger{
		j: j, asked: newAsked(j, 2*loadsAtOnce), objects: make(map[string]*object),
		trouble: trouble{logger: j.o.Logger, begin: "the shared storage cannot be read for what other nodes append", over: "the shared storage is read again"},
	}
}

// begin takes over what the files held.
func (m *merger) begin(s *seen) {
	m.passing.Lock()
	defer m.passing.Unlock()
	s.sort()
	m.seen = s
}

func (m *merger) pass(ctx context.Context) {
	m.passing.Lock()
	defer m.passing.Unlock()
	m.passes++
	if m.seen == nil && m.j.isSettled() && m.j.publisher.hasMissed() {
		m.again(ctx)
	}
	err := m.merge(ctx)
	if err == nil && m.passes%rarePasses == 0 {
		err = m.deleteExpired(ctx)
	}
	if ctx.Err() == nil {
		m.trouble.set(err)
	}
}

func (m *merger) merge(ctx context.Context) error {
	keys, whole, err := m.list(ctx)
	if err != nil {
		return err
	}
	var failed error
	for some := range slices.Chunk(m.due(keys), loadsAtOnce) {
		failures := 0
		for i, l := range m.loadAll(ctx, some) {
			if l.err != nil {
				some[i].failures++
				if !errors.Is(l.err, fs.ErrNotExist) { // deleted since it was listed, or not everywhere yet
					failures++
					failed = l.err
				}
				continue
			}
			some[i].failures = 0
			m.read(ctx, some[i], l)
		}
		if ctx.Err() != nil || failures == loadsAtOnce {
			return failed
		}
	}
	if m.seen != nil && whole && m.isComplete() {
		m.shareRest(ctx)
	}
	return failed
}

// list is not whole when another node renamed or deleted something meanwhile:
// the listing of a file system breaks off there. The next one will not.
func (m *merger) list(ctx context.Context) (keys []string, whole bool, err error) {
	keys, err = ask(ctx, &m.asked, func(ctx context.Context, s certmagic.Storage) ([]string, error) {
		keys, err := s.List(ctx, objectsPath, true)
		if !errors.Is(err, fs.ErrNotExist) {
			return keys, err
		}
		if !s.Exists(ctx, objectsPath) {
			return nil, nil // nobody has shared anything
		}
		return s.List(ctx, objectsPath, true)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return keys, false, nil
	}
	return keys, err == nil, err
}

// due are the objects to look at. Those that may still grow are looked at in
// each pass.
func (m *merger) due(keys []string) (due []*object) {
	newest := make(map[string]int)
	for _, key := range keys {
		if run, number, ok := parseKey(key); ok {
			newest[run] = max(newest[run], number)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		run, number, ok := parseKey(key)
		if !ok || run == m.j.publisher.run && m.seen == nil {
			continue
		}
		o := m.objects[key]
		if o == nil {
			o = &object{key: key, changed: m.passes}
			m.objects[key] = o
		}
		o.listed = m.passes
		o.older = number < newest[run]
		hot := !o.loaded || !o.older && m.passes-o.changed < hotPasses || o.older && !o.final
		if hot || (m.passes+number)%rarePasses == 0 {
			due = append(due, o)
		}
	}
	for key, o := range m.objects {
		if m.passes-o.listed > forgetPasses {
			delete(m.objects, key)
		}
	}
	return due
}

// isComplete reports whether all objects have been read, but for those that
// cannot be.
func (m *merger) isComplete() bool {
	for _, o := range m.objects {
		if !o.loaded && o.listed == m.passes && o.failures < maxFailures {
			return false
		}
	}
	return true
}

// shareRest has published what was appended here and is not in the storage:
// this node was stopped before, or the storage is another one now.
func (m *merger) shareRest(ctx context.Context) {
	held := m.seen
	m.seen = nil
	if m.j.disk == nil || !held.unshared() {
		return
	}
	now := m.j.clock.trusted()
	var rest []Record
	for _, path := range m.j.disk.files() {
		_, _ = scanFile(path, func(frame []byte, kind uint32) error { // what is damaged has been told
			if kind == ownFrame && !isOver(expires(frame), now) && held.take(frame) {
				rest = append(rest, Record(frame[:len(Record{})]))
			}
			if len(rest) == batchSize {
				m.j.publisher.add(rest)
				rest = rest[:0]
			}
			return ctx.Err()
		})
	}
	m.j.publisher.add(rest)
}

// isSettled: the files hold all that was appended.
func (j *Journal) isSettled() bool {
	if j.disk == nil {
		return true
	}
	waiting, _ := j.disk.waiting()
	return waiting == 0
}

// again compares files and storage once more, as at the start: more records
// were appended while the storage was away than could wait.
func (m *merger) again(ctx context.Context) {
	if m.j.disk == nil {
		m.j.o.Logger.Error("records will never be shared: too many waited for the storage, and there is no directory to keep them in")
		return
	}
	m.seen = newSeen()
	for _, path := range m.j.disk.files() {
		_, _ = scanFile(path, func(frame []byte, kind uint32) error {
			m.seen.add(frame, kind)
			return ctx.Err()
		})
	}
	m.seen.sort()
	clear(m.objects)
}

// deleteExpired deletes the objects of other nodes of which nothing is needed
// any more: nodes come and go.
func (m *merger) deleteExpired(ctx context.Context) error {
	now := m.j.clock.trusted().Add(-deleteAfter)
	deleted := 0
	for key, o := range m.objects {
		if o.expires == 0 || !isOver(o.expires, now) {
			continue
		}
		if err := m.asked.delete(ctx, key); err != nil {
			return err
		}
		delete(m.objects, key)
		if deleted++; deleted == maxDeletes {
			break
		}
	}
	return nil
}

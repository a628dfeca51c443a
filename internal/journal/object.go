package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// object is one of another node.
type object struct {
	key      string
	size     int64
	modified time.Time
	loaded   bool
	failures int
	frames   int    // so many have been read
	bad      []int  // of these, the damaged ones
	expires  uint32 // of the record that is the last to expire
	changed  int    // the pass that saw it change last
	listed   int    // the pass that saw it last
	older    bool   // its node has begun another one since
	final    bool   // and it has been looked at after that
}

// loaded is what a look at an object brought.
type loaded struct {
	same    bool // as at the last look
	content []byte
	info    certmagic.KeyInfo
	err     error
}

var errTooLong = errors.New("it is too long to be one of ours")

// loadAll asks for several objects at once: a storage may be far away.
func (m *merger) loadAll(ctx context.Context, objects []*object) []loaded {
	answers := make([]loaded, len(objects))
	var wg sync.WaitGroup
	for i, o := range objects {
		wg.Go(func() { answers[i] = m.load(ctx, o) })
	}
	wg.Wait()
	return answers
}

// load looks at an object first. What changes in between is seen next time.
func (m *merger) load(ctx context.Context, o *object) loaded {
	key, before, size, modified := o.key, o.loaded, o.size, o.modified // the call may outlive this one
	l, err := ask(ctx, &m.asked, func(ctx context.Context, s certmagic.Storage) (l loaded, err error) {
		if l.info, err = s.Stat(ctx, key); err != nil || l.info.Size > maxObject {
			return l, err
		}
		tells := l.info.Size != 0 || !l.info.Modified.IsZero() // both are optional
		if before && tells && l.info.Size == size && l.info.Modified.Equal(modified) {
			l.same = true
			return l, nil
		}
		l.content, err = s.Load(ctx, key)
		return l, err
	})
	if err != nil {
		l.err = fmt.Errorf("%s: %w", key, err)
	}
	return l
}

// read takes what is new in an object: it has grown, or what was damaged is not
// any more.
func (m *merger) read(ctx context.Context, o *object, l loaded) {
	o.final = o.older
	if l.same {
		return
	}
	first := !o.loaded
	o.loaded, o.changed, o.size, o.modified = true, m.passes, l.info.Size, l.info.Modified
	if l.info.Size > maxObject || len(l.content) > maxObject {
		if first {
			m.j.skip(1, "an object in the shared storage is left out", o.key, errTooLong)
		}
		return
	}
	_, err := parseHeader(l.content[:min(headerSize, len(l.content))])
	if err != nil && first {
		m.j.skip(1, "an object in the shared storage is damaged or of another version", o.key, err)
	}
	if errors.Is(err, errVersion) {
		return
	}
	body := l.content[min(headerSize, len(l.content)):]
	check := o.bad
	for i := o.frames; i < len(body)/frameSize; i++ {
		check = append(check, i)
	}
	before := len(o.bad)
	o.frames, o.bad = max(o.frames, len(body)/frameSize), nil
	m.take(ctx, o, body, check)
	if damaged := len(o.bad) - before; damaged > 0 {
		m.j.skip(damaged, "damaged parts of an object in the shared storage are left out", o.key, nil)
	}
}

// take applies the frames of those numbers, but for what is known or over.
func (m *merger) take(ctx context.Context, o *object, body []byte, numbers []int) {
	now := m.j.clock.trusted()
	var fresh []Record
	for _, i := range numbers {
		if (i+1)*frameSize > len(body) {
			o.bad = append(o.bad, i)
			continue
		}
		frame := body[i*frameSize : (i+1)*frameSize]
		if _, ok := kindOf(frame); !ok {
			o.bad = append(o.bad, i)
			continue
		}
		o.expires = max(o.expires, expires(frame))
		if isOver(expires(frame), now) || m.seen != nil && m.seen.share(frame) {
			continue
		}
		fresh = append(fresh, Record(frame[:len(Record{})]))
	}
	for len(fresh) > 0 {
		n := min(len(fresh), batchSize)
		m.j.merged.Add(uint64(n))
		m.j.o.Apply(fresh[:n])
		m.keep(ctx, fresh[:n])
		fresh = fresh[n:]
	}
}

// keep writes to this node's disk, for the time when the storage is not there.
// Only when there are many records it waits for a moment: the disk may be slower
// than the storage.
func (m *merger) keep(ctx context.Context, records []Record) {
	if m.j.disk == nil {
		return
	}
	b, err := m.j.disk.append(records, mergedFrame)
	if err != nil || len(records) < batchSize/4 {
		return // they are in the storage, and read again after the next start
	}
	limit := time.NewTimer(m.j.limits.every)
	defer limit.Stop()
	select {
	case <-b.done:
	case <-limit.C:
	case <-ctx.Done():
	}
}

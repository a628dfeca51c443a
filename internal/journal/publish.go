package journal

import (
	"context"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

const (
	quietPasses = 3600 // after which an object is not rewritten any more: others ask for it more seldom then
	rarePasses  = 60   // between two looks at what changes seldom
	maxDeletes  = 64   // in one pass
)

// publisher puts into the shared storage what this node appends. The newest
// object is rewritten while it grows, at most once a pass.
type publisher struct {
	j       *Journal
	asked   asked
	trouble trouble
	run     string

	mu       sync.Mutex
	incoming []Record
	since    time.Time // that the oldest one waits, of incoming or of what is under way
	later    time.Time // that the oldest one of incoming waits
	queued   int
	missed   bool // records were left out, because too many wait

	passing   sync.Mutex // guards what follows
	passes    int
	waiting   []Record
	number    int
	object    *ownObject   // the newest one, nil if the next one is to begin
	objects   []*ownObject // those in the storage
	sending   []byte       // what object is to be
	sent      int          // records of waiting in it
	uncertain bool         // whether sending is stored
}

type ownObject struct {
	key     string
	content []byte
	records int
	expires uint32 // of the record that is the last to expire
	stored  int    // the pass that stored it last
}

func newPublisher(j *Journal) *publisher {
	return &publisher{
		j: j, asked: newAsked(j, 4), run: newRun(),
		trouble: trouble{logger: j.o.Logger, begin: "the shared storage takes nothing: other nodes do not refuse what this one revokes, until it does", over: "the shared storage takes what is revoked again"},
	}
}

// add queues records. It never waits for the storage.
func (p *publisher) add(records []Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if room := p.j.limits.queue - p.queued; len(records) > room {
		records = records[:room]
		p.missed = true // the others are on disk; see merger.again
	}
	if len(records) == 0 {
		return
	}
	if len(p.incoming) == 0 {
		p.later = p.j.o.Now()
	}
	if p.queued == 0 {
		p.since = p.later
	}
	p.incoming = append(p.incoming, records...)
	p.queued += len(records)
}

// lag is how long the oldest record waits.
func (p *publisher) lag() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queued == 0 {
		return 0
	}
	return max(p.j.o.Now().Sub(p.since), 0)
}

// hasMissed is true once after records were left out, when there is room again.
func (p *publisher) hasMissed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.missed || p.queued > 0 {
		return false
	}
	p.missed = false
	return true
}

func (p *publisher) publish() {
	each(p.j.stopped, p.j.limits.every, func() { p.pass(p.j.stopped) })
	ctx, cancel := context.WithTimeout(context.Background(), p.j.limits.closing/2)
	defer cancel()
	p.pass(ctx)
}

func (p *publisher) pass(ctx context.Context) {
	p.passing.Lock()
	defer p.passing.Unlock()
	p.passes++
	p.take()
	var err error
	for err == nil && len(p.waiting) > 0 {
		err = p.store(ctx)
	}
	if err == nil && p.passes%rarePasses == 0 {
		err = p.deleteExpired(ctx)
	}
	if p.j.stopped.Err() == nil {
		p.trouble.set(err)
	}
}

// take moves what came since the last pass to what waits.
func (p *publisher) take() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, p.incoming...)
	p.incoming = p.incoming[:0]
	if cap(p.incoming) > batchSize {
		p.incoming = nil
	}
}

// store makes the newest object longer. Of a call that failed nobody knows
// whether it has an effect, perhaps much later. So the same bytes are stored
// again until that succeeds, and the object is not changed after that.
func (p *publisher) store(ctx context.Context) error {
	if p.sending == nil {
		p.prepare()
	}
	o, content := p.object, p.sending // the call may outlive this one
	if _, err := ask(ctx, &p.asked, func(ctx context.Context, s certmagic.Storage) (struct{}, error) {
		return struct{}{}, s.Store(ctx, o.key, content)
	}); err != nil {
		p.uncertain = true
		return err
	}
	if o.records == 0 {
		p.objects = append(p.objects, o)
	}
	o.content, o.stored = content, p.passes
	o.records += p.sent
	if p.uncertain || o.records >= p.j.limits.object {
		o.content, p.object = nil, nil
	}
	p.waiting = p.waiting[p.sent:]
	p.settle(p.sent)
	p.sending, p.uncertain = nil, false
	return nil
}

// prepare says what is stored next.
func (p *publisher) prepare() {
	if p.object == nil || p.passes-p.object.stored > quietPasses {
		if p.object != nil {
			p.object.content = nil
		}
		p.number++
		p.object = &ownObject{key: objectKey(p.run, p.number), content: newHeader(p.j.o.Now()), stored: p.passes}
	}
	o := p.object
	p.sent = min(len(p.waiting), p.j.limits.object-o.records)
	p.sending = append(make([]byte, 0, len(o.content)+p.sent*frameSize), o.content...)
	for i := range p.waiting[:p.sent] {
		p.sending = appendFrame(p.sending, &p.waiting[i], ownFrame)
		o.expires = max(o.expires, expires(p.waiting[i][:]))
	}
}

// settle counts what waits no more.
func (p *publisher) settle(records int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queued -= records
	if len(p.waiting) == 0 {
		p.waiting = nil
		p.since = p.later
	}
}

func (p *publisher) deleteExpired(ctx context.Context) error {
	now := p.j.clock.trusted()
	deleted := 0
	kept := p.objects[:0]
	var err error
	for _, o := range p.objects {
		if err != nil || deleted == maxDeletes || !isOver(o.expires, now) || p.sending != nil && o == p.object {
			kept = append(kept, o)
			continue
		}
		if err = p.asked.delete(ctx, o.key); err != nil {
			kept = append(kept, o)
			continue
		}
		deleted++
		if o == p.object {
			p.object = nil
		}
	}
	clear(p.objects[len(kept):])
	p.objects = kept
	return err
}

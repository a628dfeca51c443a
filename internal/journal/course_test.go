package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// TestAnyCourse of things: appends, failing disks and storages, restarts,
// crashes, damage to nobody, days that pass. In the end every node has all that
// was acknowledged and has not expired, and so it is after a start without the
// storage.
func TestAnyCourse(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newCourse(t, seed).run(250) })
	}
}

type course struct {
	*lab
	random *rand.Rand
	store  *badStorage
	nodes  []*courseNode
	next   int
	kept   map[int]time.Time // acknowledged records, and their ends
}

type courseNode struct {
	*node
	dir    string
	faults *faults
}

func newCourse(t *testing.T, seed uint64) *course {
	c := &course{lab: newLab(t), random: rand.New(rand.NewPCG(seed, 0)), store: newStorage(t), kept: make(map[int]time.Time)}
	for range 3 {
		n := &courseNode{dir: t.TempDir()}
		c.start(n, c.store)
		c.nodes = append(c.nodes, n)
	}
	return c
}

func (c *course) start(n *courseNode, s *badStorage) {
	n.faults = new(faults)
	options := []option{in(n.dir), faulty(n.faults.fault), limited(func(l *limits) { l.segment, l.tidy, l.object = 20, 30, 16 })}
	if s != nil {
		options = append(options, sharing(s))
	}
	n.node = c.open(options...)
}

func (c *course) run(steps int) {
	for range steps {
		n := c.nodes[c.random.IntN(len(c.nodes))]
		switch what := c.random.IntN(100); {
		case what < 40:
			c.appendSome(n)
		case what < 55:
			n.publish()
		case what < 70:
			n.merge()
		case what < 75:
			n.disk.commit(true)
		case what < 80:
			n.disk.tidy(c.t.Context())
		case what < 83:
			steps := []string{"write", "sync", "header", "rename", "remove", "rewrite", "syncdir"}
			n.faults.set(steps[c.random.IntN(len(steps))])
		case what < 88:
			n.faults.set()
		case what < 91:
			c.store.set(func() { c.store.err = errAway })
		case what < 93:
			c.store.set(func() { c.store.late = errAway })
		case what < 96:
			c.store.set(func() { c.store.err, c.store.late = nil, nil })
		case what < 97:
			n.faults.set()
			n.Close()
			c.start(n, c.store)
		case what < 98:
			c.crash(n)
		default:
			for range 1 + c.random.IntN(3) {
				c.pass(24 * time.Hour)
				for _, n := range c.nodes {
					n.clock.trusted()
				}
			}
		}
	}
	c.store.set(func() { c.store.err, c.store.late = nil, nil })
	for range 3 {
		for _, n := range c.nodes {
			n.faults.set()
			n.disk.commit(true)
			n.publish()
			n.merge()
		}
	}
	for _, n := range c.nodes {
		n.disk.tidy(c.t.Context())
		if s := n.Stats(); s.Local != nil || s.Shared != nil || s.Waiting != 0 || s.Lag != 0 {
			c.t.Errorf("%+v", s)
		}
		n.close()
		c.start(n, nil)
		got := make(map[int]bool)
		for _, number := range n.numbers() {
			got[number] = true
		}
		missing := 0
		for number, end := range c.kept {
			if !got[number] && end.After(c.time()) {
				missing++
			}
		}
		if missing > 0 {
			c.t.Errorf("%d of %d are missing", missing, len(c.kept))
		}
	}
}

func (c *course) appendSome(n *courseNode) {
	end := c.time().Add(time.Duration(1+c.random.IntN(20)) * 24 * time.Hour)
	var rs []Record
	for range 1 + c.random.IntN(12) {
		rs = append(rs, recordUntil(c.next, end))
		c.next++
	}
	if n.Append(c.t.Context(), rs...) != nil {
		return
	}
	for i := range rs {
		c.kept[numberOf(&rs[i])] = end
	}
}

// crash goes on with what is on disk.
func (c *course) crash(n *courseNode) {
	dir := c.t.(*testing.T).TempDir()
	if err := os.CopyFS(dir, os.DirFS(n.dir)); err != nil {
		c.t.Fatal(err)
	}
	n.node.publisher.asked.storage = &badStorage{err: errAway}
	n.Close()
	n.dir = dir
	c.start(n, c.store)
}

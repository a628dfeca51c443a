// Package bounded keeps what strangers can make more of with every request,
// in a bounded memory.
package bounded

import (
	"container/list"
	"sync"
	"time"
)

// Map keeps at most so many values, and none for longer than its life. Where
// there is no room, the oldest goes: it is for values that can be made again,
// or that are of no use by then. Where forgetting one would give somebody
// something back, such as a share that he used up, it is the wrong thing.
//
// What is too old goes when another value comes, so Get may return it. As in a
// sync.Map, keys can be whatever is comparable.
type Map struct {
	atMost int
	life   time.Duration // 0: without end

	mu    sync.Mutex
	known map[any]*list.Element
	order list.List // of entries, the oldest first
}

type entry struct {
	key, value any
	put        time.Time
}

// NewMap returns one without values. A life of 0 has no end.
func NewMap(atMost int, life time.Duration) *Map {
	return &Map{atMost: atMost, life: life, known: make(map[any]*list.Element)}
}

// Get returns what was put last.
func (m *Map) Get(key any) (value any, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(key)
}

func (m *Map) find(key any) (value any, ok bool) {
	if e := m.known[key]; e != nil {
		return e.Value.(entry).value, true
	}
	return nil, false
}

// Put keeps a value, which is the newest then.
func (m *Map) Put(key, value any, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	m.store(key, value, now)
}

func (m *Map) store(key, value any, now time.Time) {
	if e := m.known[key]; e != nil {
		m.drop(e)
	}
	if m.order.Len() >= m.atMost {
		m.drop(m.order.Front())
	}
	m.known[key] = m.order.PushBack(entry{key, value, now})
}

// GetOrPut returns the value that is there, or a new one, which is kept. Of many
// who come at the same time one makes it, and the others wait: that has to be
// quick.
func (m *Map) GetOrPut(key any, now time.Time, newValue func() any) (value any, made bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	if value, ok := m.find(key); ok {
		return value, false
	}
	value = newValue()
	m.store(key, value, now)
	return value, true
}

// Len is how many values are kept.
func (m *Map) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.order.Len()
}

// forget drops what is too old.
func (m *Map) forget(now time.Time) {
	if m.life == 0 {
		return
	}
	for e := m.order.Front(); e != nil && now.Sub(e.Value.(entry).put) > m.life; e = m.order.Front() {
		m.drop(e)
	}
}

func (m *Map) drop(e *list.Element) {
	delete(m.known, m.order.Remove(e).(entry).key)
}

package bounded

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// keys are those that are kept, the oldest first, and nothing else is.
func keys(t *testing.T, m *Map) string {
	t.Helper()
	var all []string
	for e := m.order.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(entry).key.(string))
	}
	if len(m.known) != len(all) || m.Len() != len(all) {
		t.Errorf("%d by key, %d by age", len(m.known), len(all))
	}
	for _, key := range all {
		if _, ok := m.Get(key); !ok {
			t.Errorf("%s is not found", key)
		}
	}
	return strings.Join(all, "")
}

// TestOldestGoes: where there is no room, and when its life is over.
func TestOldestGoes(t *testing.T) {
	m := NewMap(3, time.Minute)
	for i, step := range []struct {
		put   string
		after time.Duration
		want  string
	}{
		{"a", 0, "a"},
		{"b", 10 * time.Second, "ab"},
		{"c", 20 * time.Second, "abc"},
		{"d", 30 * time.Second, "bcd"},
		{"b", 40 * time.Second, "cdb"}, // it is the newest again
		{"b", 50 * time.Second, "cdb"},
		{"c", 80 * time.Second, "dbc"}, // to the second
		{"c", 90*time.Second + 1, "bc"},
		{"e", 10 * time.Minute, "e"},
		{"f", 0, "ef"}, // a clock that was set back costs nobody anything
	} {
		m.Put(step.put, i, start.Add(step.after))
		if got := keys(t, m); got != step.want {
			t.Errorf("step %d: %s is kept, want %s", i, got, step.want)
		}
		if value, ok := m.Get(step.put); value != i || !ok {
			t.Errorf("step %d: got %d %v", i, value, ok)
		}
	}
	if value, ok := m.Get("a"); value != nil || ok {
		t.Errorf("what is gone is %v %v", value, ok)
	}
}

func TestLifeWithoutEnd(t *testing.T) {
	m := NewMap(2, 0)
	m.Put("a", 1, start)
	m.Put("b", 2, start.AddDate(100, 0, 0))
	if got := keys(t, m); got != "ab" {
		t.Errorf("%s is kept", got)
	}
}

// TestGetOrPut: the first makes it, and what is too old is made anew.
func TestGetOrPut(t *testing.T) {
	m := NewMap(2, time.Minute)
	for i, step := range []struct {
		key   string
		after time.Duration
		want  int
		kept  string
	}{
		{"a", 0, 0, "a"},
		{"a", time.Minute, 0, "a"},
		{"a", time.Minute + 1, 2, "a"},
		{"b", time.Minute + 2, 3, "ab"},
		{"a", time.Minute + 3, 2, "ab"}, // asking makes it no newer, and costs no other its place
		{"c", time.Minute + 4, 5, "bc"},
	} {
		value, made := m.GetOrPut(step.key, start.Add(step.after), func() any { return i })
		if value != step.want || made != (value == i) {
			t.Errorf("step %d: %d %v", i, value, made)
		}
		if got := keys(t, m); got != step.kept {
			t.Errorf("step %d: %s is kept, want %s", i, got, step.kept)
		}
	}
}

// TestManyAtOnce: one of them makes it. For the race detector, too.
func TestManyAtOnce(t *testing.T) {
	m := NewMap(8, time.Minute)
	var mu sync.Mutex
	var makers []int
	var all sync.WaitGroup
	for n := range 32 {
		all.Go(func() {
			if _, made := m.GetOrPut(1, start, func() any { return n }); made {
				mu.Lock()
				defer mu.Unlock()
				makers = append(makers, n)
			}
		})
	}
	all.Wait()
	if value, _ := m.Get(1); !slices.Equal(makers, []int{value.(int)}) {
		t.Errorf("made by %v, %d is kept", makers, value)
	}
	for n := range 32 {
		all.Go(func() {
			for i := range 100 {
				m.Put(n*i, i, start.Add(time.Duration(i)*time.Second))
				m.Get(i)
			}
		})
	}
	all.Wait()
	if n := m.Len(); n != 8 {
		t.Errorf("%d are kept", n)
	}
}

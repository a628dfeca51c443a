package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// lab is what several nodes have in common.
type lab struct {
	t       testing.TB
	dir     string
	storage certmagic.Storage

	mu  sync.Mutex
	now time.Time
}

func newLab(t testing.TB) *lab {
	return &lab{t: t, dir: filepath.Join(t.TempDir(), "journal"), now: time.Unix(1_800_000_000, 0)}
}

func (l *lab) time() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

const lifetime = 30 * 24 * time.Hour

// record of a number, needed for 30 days.
func (l *lab) record(n int) Record { return recordUntil(n, l.time().Add(lifetime)) }

func (l *lab) records(from, to int) (rs []Record) {
	for n := from; n < to; n++ {
		rs = append(rs, l.record(n))
	}
	return rs
}

func recordUntil(n int, end time.Time) (r Record) {
	binary.BigEndian.PutUint32(r[:], uint32(end.Unix()))
	binary.BigEndian.PutUint64(r[4:], uint64(n))
	for i := 12; i < len(r); i++ {
		r[i] = byte(n * i)
	}
	return r
}

func numberOf(r *Record) int { return int(binary.BigEndian.Uint64(r[4:])) }

// node is a journal, and what its owner got.
type node struct {
	*Journal
	l    *lab
	logs *observer.ObservedLogs

	mu  sync.Mutex
	got []int
}

type option func(*Options, *limits)

func in(dir string) option { return func(o *Options, _ *limits) { o.Dir = dir } }

func sharing(s certmagic.Storage) option { return func(o *Options, _ *limits) { o.Storage = s } }

func faulty(f func(step string, file *os.File) error) option {
	return func(_ *Options, l *limits) { l.fault = f }
}

func limited(f func(*limits)) option { return func(_ *Options, l *limits) { f(l) } }

// open opens a journal which does by itself only what it is asked for; what it
// does each second the test calls.
func (l *lab) open(options ...option) *node {
	l.t.Helper()
	n := &node{l: l}
	core, logs := observer.New(zapcore.InfoLevel)
	n.logs = logs
	o := Options{Dir: l.dir, Storage: l.storage, Now: l.time, Logger: zap.New(core), Apply: func(rs []Record) {
		if !n.mu.TryLock() {
			panic("two Apply at a time")
		}
		defer n.mu.Unlock()
		for i := range rs {
			n.got = append(n.got, numberOf(&rs[i]))
		}
	}}
	limits := standard()
	limits.every = time.Hour
	for _, option := range options {
		option(&o, &limits)
	}
	j, err := openDir(l.t.Context(), o, limits)
	if err != nil {
		l.t.Fatal(err)
	}
	n.Journal = j
	l.t.Cleanup(func() { j.Close() })
	return n
}

func (n *node) append(rs ...Record) {
	n.l.t.Helper()
	if err := n.Append(n.l.t.Context(), rs...); err != nil {
		n.l.t.Fatal(err)
	}
}

func (n *node) close() {
	n.l.t.Helper()
	if err := n.Close(); err != nil {
		n.l.t.Fatal(err)
	}
}

// numbers are those that the owner got, in order.
func (n *node) numbers() []int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.got)
}

// has wants exactly the numbers from..to-1, each once.
func (n *node) has(from, to int) {
	n.l.t.Helper()
	got := n.numbers()
	slices.Sort(got)
	want := numbers(from, to)
	if !slices.Equal(got, want) {
		n.l.t.Errorf("got %d records, want %d: %v", len(got), len(want), shorten(got))
	}
}

func numbers(from, to int) (ns []int) {
	for n := from; n < to; n++ {
		ns = append(ns, n)
	}
	return ns
}

func shorten(ns []int) []int { return ns[:min(len(ns), 40)] }

// told counts log lines of a level.
func (n *node) told(level zapcore.Level) int {
	return n.logs.FilterLevelExact(level).Len()
}

// segments are the paths of all files that hold records.
func (l *lab) segments() []string {
	l.t.Helper()
	files, err := filepath.Glob(filepath.Join(l.dir, "node-*", "*.log"))
	if err != nil {
		l.t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// segmentOf is a file's content.
func (l *lab) segmentOf(rs ...Record) []byte {
	b := newHeader(l.time())
	for i := range rs {
		b = appendFrame(b, &rs[i], ownFrame)
	}
	return b
}

// badStorage does not do what it is asked for while something is set.
type badStorage struct {
	certmagic.Storage

	mu     sync.Mutex
	err    error         // that all calls return
	late   error         // that Store returns when it has stored
	hang   chan struct{} // that all calls wait for, whatever their contexts say
	only   string        // the one call that waits for hang, "" if all do
	broken int           // calls of List that break off in the middle
}

func newStorage(t testing.TB) *badStorage {
	return &badStorage{Storage: &certmagic.FileStorage{Path: t.TempDir()}}
}

var errAway = errors.New("the storage is away")

func (s *badStorage) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *badStorage) answer(call string) error {
	s.mu.Lock()
	hang, err := s.hang, s.err
	if s.only != "" && s.only != call {
		hang = nil
	}
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return err
}

func (s *badStorage) Store(ctx context.Context, key string, value []byte) error {
	if err := s.answer("Store"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.Storage.Store(ctx, key, value), s.late)
}

func (s *badStorage) Load(ctx context.Context, key string) ([]byte, error) {
	if err := s.answer("Load"); err != nil {
		return nil, err
	}
	return s.Storage.Load(ctx, key)
}

func (s *badStorage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	if err := s.answer("Stat"); err != nil {
		return certmagic.KeyInfo{}, err
	}
	return s.Storage.Stat(ctx, key)
}

func (s *badStorage) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	if err := s.answer("List"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keys, err := s.Storage.List(ctx, prefix, recursive)
	if s.broken > 0 {
		s.broken--
		return keys[:len(keys)/2], &fs.PathError{Op: "lstat", Path: "temporary", Err: fs.ErrNotExist}
	}
	return keys, err
}

func (s *badStorage) Delete(ctx context.Context, key string) error {
	if err := s.answer("Delete"); err != nil {
		return err
	}
	return s.Storage.Delete(ctx, key)
}

// objects are the keys of what nodes share.
func (s *badStorage) objects(t testing.TB) (keys []string) {
	t.Helper()
	all, err := s.Storage.List(t.Context(), objectsPath, true)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, key := range all {
		if _, _, ok := parseKey(key); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func (n *node) publish() { n.publisher.pass(n.l.t.Context()) }
func (n *node) merge()   { n.merger.pass(n.l.t.Context()) }

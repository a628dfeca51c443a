package provider

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

// lab is a provider in a process of its own.
type lab struct {
	*Provider
	t      testing.TB
	clock  *clock
	logged *observer.ObservedLogs
}

func newLab(t testing.TB, config Config) *lab {
	t.Helper()
	p := &lab{t: t, clock: new(clock)}
	core, logged := observer.New(zap.DebugLevel)
	logger, seen := zap.New(core), new(Seen)
	p.logged = logged
	var err error
	p.Provider, err = New("main", config, Env{
		Now: p.clock.now, Logger: func() *zap.Logger { return logger }, Storage: &certmagic.FileStorage{Path: t.TempDir()},
		Seen: func() *Seen { return seen }, Count: func(string, string, string) {},
		Work: &work.Runner{Logger: func() *zap.Logger { return logger }, Places: make(chan struct{}, 8)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *lab) asks() (Metadata, error) { return p.Endpoints(p.t.Context()) }

// clock is one that tests turn.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time        { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) turn(by time.Duration) { c.ahead.Add(int64(by)) }

// wellKnown is a server with nothing but a discovery document.
type wellKnown struct {
	*httptest.Server
	asked  atomic.Int32
	answer atomic.Pointer[http.HandlerFunc]
}

func newWellKnown(t testing.TB, start func(http.Handler) *httptest.Server) *wellKnown {
	t.Helper()
	k := new(wellKnown)
	k.serves(func(w http.ResponseWriter, r *http.Request) { k.document(w, nil) })
	k.Server = start(k)
	t.Cleanup(k.Close)
	return k
}

func (k *wellKnown) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.asked.Add(1)
	(*k.answer.Load())(w, r)
}

func (k *wellKnown) serves(answer http.HandlerFunc) { k.answer.Store(&answer) }

// document answers with the metadata of a provider at the server's address.
func (k *wellKnown) document(w http.ResponseWriter, change map[string]any) {
	doc := map[string]any{
		"issuer": k.URL, "end_session_endpoint": k.URL + "/end", "jwks_uri": k.URL + "/jwks",
		"authorization_endpoint": k.URL + "/auth", "token_endpoint": k.URL + "/token", "revocation_endpoint": k.URL + "/revoke",
	}
	maps.Copy(doc, change)
	_ = json.NewEncoder(w).Encode(doc)
}

// wire is a server that keeps what it was sent.
type wire struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []sent
	answer func(n int, w http.ResponseWriter, r *http.Request) // n counts from 1
}

type sent struct {
	header http.Header
	form   url.Values
}

func newWire(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *wire {
	t.Helper()
	w := &wire{answer: answer}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (s *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	s.seen = append(s.seen, sent{r.Header, form})
	n := len(s.seen)
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(n, w, r)
	}
}

func (s *wire) requests() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sent{}, s.seen...)
}

// transport answers without a wire.
type transport func(http.ResponseWriter, *http.Request)

func (answer transport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	answer(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

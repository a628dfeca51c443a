// Package labtest has what the tests of several packages need. Nothing but tests imports it.
package labtest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// WellKnown is a server with nothing but a discovery document.
type WellKnown struct {
	*httptest.Server
	Asked  atomic.Int32 // how often
	answer atomic.Pointer[http.HandlerFunc]
}

// NewWellKnown serves the whole document until Serves changes that. start is httptest.NewServer or NewTLSServer.
func NewWellKnown(t testing.TB, start func(http.Handler) *httptest.Server) *WellKnown {
	t.Helper()
	k := new(WellKnown)
	k.Serves(func(w http.ResponseWriter, r *http.Request) { k.Document(w, nil) })
	k.Server = start(k)
	t.Cleanup(k.Close)
	return k
}

func (k *WellKnown) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.Asked.Add(1)
	(*k.answer.Load())(w, r)
}

// Serves is for a server that answers otherwise from now on.
func (k *WellKnown) Serves(answer http.HandlerFunc) { k.answer.Store(&answer) }

// Document answers with the metadata of a provider at the server's address.
func (k *WellKnown) Document(w http.ResponseWriter, change map[string]any) {
	doc := map[string]any{
		"issuer": k.URL, "end_session_endpoint": k.URL + "/end", "jwks_uri": k.URL + "/jwks",
		"authorization_endpoint": k.URL + "/auth", "token_endpoint": k.URL + "/token", "revocation_endpoint": k.URL + "/revoke",
	}
	maps.Copy(doc, change)
	_ = json.NewEncoder(w).Encode(doc)
}

// Wire is a server that keeps what it was sent.
type Wire struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []Sent
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

// Sent is one request as it came.
type Sent struct {
	Method, Path, Query, Body string
	Header                    http.Header
	Form                      url.Values
	At                        time.Time
}

// NewWire answers 200 if answer is nil. Its n counts the requests, from 1.
func NewWire(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *Wire {
	t.Helper()
	w := &Wire{answer: answer}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (s *Wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	s.seen = append(s.seen, Sent{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body), r.Header, form, time.Now()})
	n := len(s.seen)
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(n, w, r)
	}
}

// Requests are those that have come, the first one first.
func (s *Wire) Requests() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// Hijack writes bytes that need not be HTTP, and closes the connection.
func Hijack(w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte(answer))
	_ = conn.Close()
}

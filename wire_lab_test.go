package universallogout

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// wire is a server that keeps what it was sent.
type wire struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []sent
	answer func(n int, w http.ResponseWriter, r *http.Request) // n counts from 1
}

type sent struct {
	method, path, query, body string
	header                    http.Header
	form                      url.Values
	at                        time.Time
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
	s.seen = append(s.seen, sent{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body), r.Header, form, time.Now()})
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

package universallogout

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// sessions is an app with real sessions on its side: only its own logout ends
// one. Whether a session is alive is asked of it, never of its answers.
type sessions struct {
	*httptest.Server
	mu     sync.Mutex
	alive  map[string]bool
	seen   []*http.Request
	bodies []string

	// answer is what follows when the session was ended.
	answer http.HandlerFunc
}

func newSessions(t testing.TB, answer http.HandlerFunc) *sessions {
	t.Helper()
	s := &sessions{alive: make(map[string]bool), answer: answer}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *sessions) addr() string { return strings.TrimPrefix(s.URL, "http://") }

// login starts a session with this id.
func (s *sessions) login(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive[id] = true
}

func (s *sessions) isAlive(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive[id]
}

// requests are those that reached the app.
func (s *sessions) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request{}, s.seen...)
}

// ServeHTTP ends the session at any path that has "logout" in it, whatever the
// method: the most careless app there is.
func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen, s.bodies = append(s.seen, r), append(s.bodies, string(body))
	ends := strings.Contains(strings.ToLower(r.URL.Path), "logout")
	if ends {
		if c, err := r.Cookie("sessionid"); err == nil {
			delete(s.alive, c.Value)
		}
	}
	s.mu.Unlock()
	if ends && s.answer != nil {
		s.answer(w, r)
		return
	}
	fmt.Fprint(w, "app")
}

// endsSession answers as most apps do.
func endsSession(w http.ResponseWriter, _ *http.Request) {
	w.Header().Add("Set-Cookie", "sessionid=; Path=/; Max-Age=0")
	w.Header().Set("Location", "/login")
	w.WriteHeader(http.StatusFound)
}

func expire(w http.ResponseWriter) { w.Header().Add("Set-Cookie", "sessionid=; Path=/; Max-Age=0") }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func redirectTo(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		expire(w)
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	}
}

const credential = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4"

// appStates are what an app can be like when its user logs out.
var appStates = map[string]struct {
	answer  http.HandlerFunc
	outcome outcome.Outcome
}{
	"200":                {func(w http.ResponseWriter, _ *http.Request) { expire(w); fmt.Fprint(w, `{"app":"says"}`) }, outcome.Ended},
	"200, no word of it": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"app":"says"}`) }, outcome.Cleared},
	"204":                {func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) }, outcome.Ended},
	"3xx to its login":   {endsSession, outcome.Ended},
	"3xx to itself":      {redirectTo("/logout?again"), outcome.Ended},
	"3xx off-site":       {redirectTo("https://elsewhere.example/"), outcome.Ended},
	"3xx schemeless":     {redirectTo("//elsewhere.example/"), outcome.Ended},
	"a new session":      {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "sessionid=new") }, outcome.Ended},
	"the same session":   {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "sessionid=one") }, outcome.Cleared},
	"404":                {status(404), outcome.Failed},
	"405":                {status(405), outcome.Failed},
	"500":                {status(500), outcome.Failed},
	"500 with deletion":  {func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(500) }, outcome.Ended},
	"hangs":              {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, outcome.Failed},
	"resets": {func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}, outcome.Failed},
	"100 MB body": {func(w http.ResponseWriter, _ *http.Request) {
		expire(w)
		w.Header().Set("Content-Length", fmt.Sprint(100<<20))
		part := make([]byte, 1<<20)
		for range 100 {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}, outcome.Ended},
	"hangs in its body": {func(w http.ResponseWriter, r *http.Request) {
		expire(w)
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "begun")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(testTimeout + time.Second):
		}
	}, outcome.Ended},
	"1xx before": {func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		expire(w)
		w.WriteHeader(200)
	}, outcome.Ended},
	"gzip": {func(w http.ResponseWriter, _ *http.Request) {
		expire(w)
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		fmt.Fprint(zip, `{"app":"says"}`)
		_ = zip.Close()
	}, outcome.Ended},
	"trailers": {func(w http.ResponseWriter, _ *http.Request) {
		expire(w)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, `{"app":"says"}`)
		w.Header().Set("X-Sum", "1")
	}, outcome.Ended},
	"refuses": {nil, outcome.Failed},
}

// testTimeout is what sites of tests give an app.
const testTimeout = 400 * time.Millisecond

// maxBufferedBody is how much of a body internal/appcall keeps.
const maxBufferedBody = 64 << 10

// stubborn answers when it is released, whatever its context says.
type stubborn struct{ release chan struct{} }

func (s stubborn) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	<-s.release
	r.Header.Set("Late", "1")
	w.Header().Set("Late", "1")
	w.WriteHeader(200)
	_, err := w.Write([]byte("late"))
	return err
}

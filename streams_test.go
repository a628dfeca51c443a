package universallogout

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// streamingApp has WebSockets at /ws, event streams at /events, and at /flood
// one that never stops talking. It counts what is open.
type streamingApp struct {
	*httptest.Server
	open   atomic.Int64
	writes atomic.Int64 // of floods
}

// isStalled reports whether no client takes more of what floods.
func (app *streamingApp) isStalled() func() bool {
	last, same := int64(-1), 0
	return func() bool {
		if n := app.writes.Load(); n != last {
			last, same = n, 0
		}
		same++
		return same > 20
	}
}

func newStreamingApp(t *testing.T) *streamingApp {
	t.Helper()
	app := new(streamingApp)
	app.Server = httptest.NewServer(app)
	t.Cleanup(func() { app.CloseClientConnections(); app.Close() })
	return app
}

func (app *streamingApp) addr() string { return strings.TrimPrefix(app.URL, "http://") }

func (app *streamingApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	app.open.Add(1)
	defer app.open.Add(-1)
	flood := strings.HasSuffix(r.URL.Path, "/flood")
	if len(r.Header["Upgrade"]) == 0 {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: hello\n\n")
		_ = http.NewResponseController(w).Flush()
		for flood {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
			app.writes.Add(1)
		}
		<-r.Context().Done()
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	for flood {
		if _, err := conn.Write(make([]byte, 32<<10)); err != nil {
			return
		}
		app.writes.Add(1)
	}
	_, _ = io.Copy(conn, conn) // an echo, until the other side ends
}

// listenerShared is the state of the Caddy that listens.
func listenerShared(t *testing.T) *process {
	t.Helper()
	var s *process
	pool.Range(func(_, value any) bool {
		s, _ = value.(*process)
		return false
	})
	if s == nil {
		t.Fatal("nothing is shared")
	}
	eventually(t, "the list is open", func() bool { return s.revocations.list.Load() != nil })
	return s
}

func (s *process) revoke(t *testing.T, value string) {
	t.Helper()
	list := s.revocations.list.Load()
	f, ok := list.Fingerprint(value)
	if !ok {
		t.Fatalf("%q is too short", value)
	}
	if err := list.Revoke(t.Context(), list.OfCredential(f, noEnd)); err != nil {
		t.Fatal(err)
	}
}

var sessionCount atomic.Int64

// newSession is a value that no other test revokes: the list is the process's.
func newSession() string {
	return fmt.Sprintf("%08dq7Zr3v9KxB2mW8sTn4LdYc6HgJ1pRfEa", sessionCount.Add(1))
}

// webSocket opens one and leaves the rest to the test.
func webSocket(t *testing.T, host, path string, headers ...string) (*tls.Conn, *bufio.Reader) {
	t.Helper()
	var failed error
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		conn, err := tls.Dial("tcp", "127.0.0.1:9443", &tls.Config{InsecureSkipVerify: true, ServerName: host, NextProtos: []string{"http/1.1"}}) //nolint:gosec // Caddy's internal CA
		if failed = err; err != nil {
			continue // no certificate yet, or the listener of the config before
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s:9443\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n\r\n", path, host, strings.Join(headers, "\r\n"))
		rd := bufio.NewReader(conn)
		res, err := http.ReadResponse(rd, nil)
		if failed = err; err != nil {
			_ = conn.Close()
			continue
		}
		if res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: %d", path, res.StatusCode)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn, rd
	}
	t.Fatal(failed)
	return nil, nil
}

// eventStream opens one and reads its first event.
func eventStream(t *testing.T, c *http.Client, url string, headers ...string) (*http.Response, *bufio.Reader) {
	t.Helper()
	res := send(t, c, "GET", url, "", with(headers, "Accept: text/event-stream")...)
	t.Cleanup(func() { _ = res.Body.Close() })
	rd := bufio.NewReader(res.Body)
	if line, err := rd.ReadString('\n'); line != "data: hello\n" {
		t.Fatalf("%s begins with %q, %v", url, line, err)
	}
	return res, rd
}

// isOver reads to the end of a stream, which must come by itself.
func isOver(rd io.Reader) (rest []byte, over bool) {
	rest, err := io.ReadAll(rd)
	var late net.Error
	return rest, !errors.As(err, &late) || !late.Timeout()
}

func (s *process) wantQuiet(t *testing.T, app *streamingApp) {
	t.Helper()
	eventually(t, "the app has nothing open", func() bool { return app.open.Load() == 0 })
	eventually(t, "nothing is registered", func() bool { return s.streams.Len() == 0 })
	eventually(t, "nobody watches", func() bool {
		return !running(t, "enforce.(*Streams).watch", "enforce.(*stream).close")
	})
}

const streamSites = `a.localhost:9443 {
	log
	universal_logout {
		session_headers Authorization
	}
	reverse_proxy APP {
		stream_close_delay 1m
	}
}
b.localhost:9443 {
	universal_logout
	handle_path /app/* {
		universal_logout {
			on_revoked reject
		}
		encode
		reverse_proxy APP {
			stream_close_delay 1m
		}
	}
}
`

// TestStreamsOverListener: open WebSockets and event streams of a session that is revoked
// are closed, at all sites; those of another session stay open.
func TestStreamsOverListener(t *testing.T) {
	app := newStreamingApp(t)
	sites := strings.ReplaceAll(streamSites, "APP", app.addr())
	listen(t, sites)
	s := listenerShared(t)
	for _, reload := range []bool{false, true} {
		t.Run(fmt.Sprintf("reload %v", reload), func(t *testing.T) {
			mine, other := newSession(), newSession()
			_, wsA := webSocket(t, "a.localhost", "/ws", "Cookie: theme=dark; sessionid="+mine)
			_, wsB := webSocket(t, "b.localhost", "/app/ws", "Cookie: sid="+mine)
			_, wsBearer := webSocket(t, "a.localhost", "/ws", "Authorization: Bearer "+mine)
			otherConn, otherWS := webSocket(t, "a.localhost", "/ws", "Cookie: sessionid="+other)
			webSocket(t, "a.localhost", "/ws", "Cookie: theme=dark") // nobody's
			_, wsOdd := webSocket(t, "b.localhost", "/app/ws", "Cookie: "+strings.Repeat("c="+other+"x; ", 300)+"x=y, sess id=\"\\"+fmt.Sprintf("%03o", mine[0])+mine[1:]+"\"")
			ends := map[string]io.Reader{"WebSocket at a": wsA, "WebSocket at b": wsB, "WebSocket by header": wsBearer, "WebSocket, spelled oddly": wsOdd}
			all := clients(t)
			for version, c := range all {
				_, ends[version+" at a"] = eventStream(t, c, "https://a.localhost:9443/events", "Cookie: sessionid="+mine)
				_, ends[version+" at b"] = eventStream(t, c, "https://b.localhost:9443/app/events", "Cookie: x="+mine, "Accept-Encoding: identity")
			}
			res, _ := eventStream(t, all["HTTP/1.1"], "https://a.localhost:9443/events", "Cookie: sessionid="+other)
			if n := s.streams.Len(); n != 12 {
				t.Errorf("%d streams are registered", n)
			}
			if reload {
				listen(t, sites)
			}
			s.revoke(t, mine)
			for name, rd := range ends {
				rest, over := isOver(rd)
				if !over {
					t.Errorf("%s stays open", name)
				}
				if told := strings.Contains(string(rest), "\x88\x02\x03\xf0"); told != strings.HasPrefix(name, "WebSocket") {
					t.Errorf("%s ends with %q", name, rest)
				}
			}
			eventually(t, "they are forgotten", func() bool { return s.streams.Len() == 2 })
			fmt.Fprint(otherConn, "still here\n")
			if line, err := otherWS.ReadString('\n'); line != "still here\n" {
				t.Errorf("another session's: %q, %v", line, err)
			}
			_ = otherConn.Close()
			_ = res.Body.Close()
			eventually(t, "the others are forgotten", func() bool { return s.streams.Len() == 0 })
		})
	}
	app.CloseClientConnections()
	s.wantQuiet(t, app)
}

// TestStalledStreamsOverListener: a client that reads no more holds nobody up.
func TestStalledStreamsOverListener(t *testing.T) {
	app := newStreamingApp(t)
	listen(t, strings.ReplaceAll(streamSites, "APP", app.addr()))
	s := listenerShared(t)
	mine := newSession()
	webSocket(t, "a.localhost", "/ws/flood", "Cookie: sessionid="+mine)
	webSocket(t, "b.localhost", "/app/ws/flood", "Cookie: sessionid="+mine)
	for _, c := range clients(t) {
		eventStream(t, c, "https://a.localhost:9443/flood", "Cookie: sessionid="+mine)
	}
	eventually(t, "all are open", func() bool { return app.open.Load() == 5 && s.streams.Len() == 5 })
	eventually(t, "nobody takes more", app.isStalled())
	s.revoke(t, mine)
	s.wantQuiet(t, app)
}

// TestRevokedInAccessLogOverListener: Caddy's own log has the request as it came.
func TestRevokedInAccessLogOverListener(t *testing.T) {
	app := newSessions(t, nil)
	mine := newSession()
	globals := strings.Replace(listenerGlobals, "{\n", "{\n\tservers {\n\t\tlog_credentials\n\t}\n", 1)
	_, log := listenWith(t, globals, "app.localhost:9443 {\nlog\nuniversal_logout {\nsession_headers X-Token\n}\nreverse_proxy "+app.addr()+"\n}\n")
	listenerShared(t).revoke(t, mine)
	cookies := "theme=dark; sessionid=" + mine + "; lang=en"
	for name, c := range clients(t) {
		for _, token := range []string{"none", mine} {
			path := "/" + strings.ReplaceAll(name, "/", "") + token
			res := send(t, c, "GET", "https://app.localhost:9443"+path, "", "Cookie: "+cookies, "X-Token: "+token)
			_ = res.Body.Close()
			eventually(t, "it is logged", func() bool {
				content, err := os.ReadFile(log)
				if err != nil {
					t.Fatal(err)
				}
				for line := range strings.SplitSeq(string(content), "\n") {
					var entry struct {
						Logger  string
						Request struct {
							URI     string
							Headers http.Header
						}
					}
					if json.Unmarshal([]byte(line), &entry) == nil && strings.HasPrefix(entry.Logger, "http.log.access") && entry.Request.URI == path {
						if got := entry.Request.Headers.Get("Cookie"); got != cookies || entry.Request.Headers.Get("X-Token") != token {
							t.Errorf("%s: the log has %v", name, entry.Request.Headers)
						}
						return true
					}
				}
				return false
			})
		}
	}
	if seen := app.requests(); len(seen) != 3 || seen[0].Header.Get("Cookie") != "theme=dark; lang=en" {
		t.Errorf("the app saw %d requests, with %q", len(seen), seen[0].Header.Get("Cookie"))
	}
}

// TestNoStreams: nothing is registered for requests that are none, or present
// nothing that could be revoked.
func TestNoStreams(t *testing.T) {
	for name, headers := range map[string][]string{
		"a page":               with(clicked, "Cookie: sessionid="+aliveSession),
		"a script":             with(fetched, "Cookie: sessionid="+aliveSession),
		"nobody's stream":      {"Accept: text/event-stream"},
		"nobody's WebSocket":   {"Upgrade: websocket", "Connection: Upgrade"},
		"cookies of no value":  {"Accept: text/event-stream", "Cookie: theme=dark; _ga=GA1.2.1234567890.1234567890"},
		"a header of no value": {"Accept: text/event-stream", "Authorization: Basic " + aliveSession},
	} {
		var s *site
		s, _ = newEnforced(t, "session_headers Authorization", func(http.ResponseWriter, *http.Request) {
			if n := s.app.process.streams.Len(); n != 0 {
				t.Errorf("%s: %d streams are registered", name, n)
			}
		})
		s.do(request("GET", "https://app.example.com/", "", headers...))
	}
}

// TestStreamOnce: of two handlers for one request the first has the stream.
func TestStreamOnce(t *testing.T) {
	var s *site
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if n := s.app.process.streams.Len(); n != 1 {
			t.Errorf("%d streams are registered", n)
		}
	}))
	defer app.Close()
	s = newSite(t, "", "app.example.com {\nuniversal_logout\nhandle {\nuniversal_logout\nreverse_proxy "+strings.TrimPrefix(app.URL, "http://")+"\n}\n}")
	s.do(request("GET", "https://app.example.com/", "", "Accept: application/json, text/event-stream", "Cookie: sessionid="+aliveSession))
	if n := s.app.process.streams.Len(); n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

// TestRevokedUpgrade: a WebSocket with a session that is over is opened as for
// a visitor, or not at all.
func TestRevokedUpgrade(t *testing.T) {
	for words, want := range map[string]int{"": 200, "on_revoked reject": 401, "on_revoked redirect /login": 401} {
		s, app := newEnforced(t, words, nil)
		res := s.do(request("GET", "https://app.example.com/ws", "", "Upgrade: websocket", "Connection: Upgrade", "Sec-Fetch-Mode: websocket", "Cookie: sessionid="+revokedSession))
		wantExpired(t, res, "sessionid")
		if res.StatusCode != want || len(app.requests()) != map[int]int{200: 1}[want] {
			t.Errorf("%q: %d, the app saw %d requests", words, res.StatusCode, len(app.requests()))
		}
		for _, r := range app.requests() {
			if r.Header.Get("Upgrade") == "" || r.Header.Get("Cookie") != "" {
				t.Errorf("the app got %v", r.Header)
			}
		}
	}
}

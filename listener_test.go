package universallogout

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// TestOutcomesOverListener: the README's table "What the caller gets" over every version of HTTP.
func TestOutcomesOverListener(t *testing.T) {
	app := newSessions(t, func(w http.ResponseWriter, r *http.Request) {
		answer := appStates[strings.TrimPrefix(r.URL.Query().Get("state"), " ")].answer
		if answer == nil {
			answer = endsSession
		}
		answer(w, r)
	})
	_, log := listen(t, `app.localhost:9443 {
		log
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	for version, client := range clients(t) {
		for state, want := range appStates {
			if state == "refuses" {
				continue
			}
			for by, c := range callers {
				t.Run(version+" "+state+" "+by, func(t *testing.T) {
					secret := "s3cr3t-" + strings.ReplaceAll(version+state+by, " ", "")
					headers := with(c.headers, "Accept-Encoding: gzip", "Cookie: sessionid="+strings.Map(cookieSafe, secret))
					for i, h := range headers {
						headers[i] = strings.Replace(h, "https://app.example.com", "https://app.localhost:9443", 1)
					}
					began := time.Now()
					res := send(t, client, c.method, "https://app.localhost:9443/logout?state="+strings.ReplaceAll(state, " ", "+"), c.body, headers...)
					body, err := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if res.Proto != version {
						t.Errorf("came by %s", res.Proto)
					}
					streams := state == "100 MB body" && !c.person
					if took := time.Since(began); took > time.Second && !streams {
						t.Errorf("took %s", took)
					}
					if err != nil && !streams {
						t.Errorf("body: %v", err)
					}
					if !strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "sessionid=; Path=/; Max-Age=0; Expires") {
						t.Errorf("%d, no expiration: %v", res.StatusCode, res.Header)
					}
					if res.StatusCode >= 400 || res.Header.Get("Cache-Control") != "no-store" {
						t.Errorf("%d %v", res.StatusCode, res.Header)
					}
					if res.Header.Get("Link") != "" {
						t.Error("headers of the 1xx arrived")
					}
					if passes := !c.person && want.outcome != outcome.Failed && strings.Contains(state, "200"); passes && string(body) != `{"app":"says"}` {
						t.Errorf("body %q", body)
					}
					if state == "gzip" && !c.person {
						if zip, err := gzip.NewReader(bytes.NewReader(body)); err != nil {
							t.Error(err)
						} else if plain, _ := io.ReadAll(zip); string(plain) != `{"app":"says"}` || res.Header.Get("Content-Encoding") != "gzip" {
							t.Errorf("unpacked %q", plain)
						}
					}
					if state == "trailers" && !c.person && res.Trailer.Get("X-Sum") != "1" {
						t.Errorf("trailers %v", res.Trailer)
					}
				})
			}
		}
	}
	checkLog(t, log, "s3cr3t")
}

// TestPassingTrafficOverListener: what is no logout is not touched: WebSocket, event
// streams, big downloads, uploads, ranges.
func TestPassingTrafficOverListener(t *testing.T) {
	const big = 64 << 20
	app := newSessions(t, nil)
	app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				_ = http.NewResponseController(w).Flush()
				if i == 1 {
					select { // the client has the first two by now, or flushing is broken
					case <-r.Context().Done():
					case <-time.After(300 * time.Millisecond):
					}
				}
			}
		case "/big":
			http.ServeContent(w, r, "big", time.Time{}, io.NewSectionReader(zeros{}, 0, big))
		case "/upload":
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
		case "/ws", "/logout":
			conn, rw, _ := http.NewResponseController(w).Hijack()
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			line, _ := rw.ReadString('\n')
			fmt.Fprint(conn, "echo ", line)
		}
	})
	listen(t, `app.localhost:9443 {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	for version, client := range clients(t) {
		t.Run(version, func(t *testing.T) {
			res := send(t, client, "GET", "https://app.localhost:9443/events", "", "Accept: text/event-stream")
			first, err := bufio.NewReader(res.Body).ReadString('\n')
			if first != "data: 0\n" {
				t.Errorf("event stream begins with %q, %v", first, err)
			}
			_ = res.Body.Close()
			res = send(t, client, "GET", "https://app.localhost:9443/big", "", clicked...)
			n, err := io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if n != big || err != nil || len(res.Header["Set-Cookie"]) > 0 || res.Header.Get("Cache-Control") != "" {
				t.Errorf("%d bytes, %v, %v", n, err, res.Header)
			}
			res = send(t, client, "GET", "https://app.localhost:9443/big", "", "Range: bytes=5-9")
			_ = res.Body.Close()
			if res.StatusCode != 206 || res.Header.Get("Content-Range") == "" {
				t.Errorf("range: %d", res.StatusCode)
			}
			res = send(t, client, "POST", "https://app.localhost:9443/upload", strings.Repeat("x", 1<<20))
			if got, _ := io.ReadAll(res.Body); string(got) != "1048576" {
				t.Errorf("uploaded %s", got)
			}
			_ = res.Body.Close()
		})
	}
	for _, path := range []string{"/ws", "/logout"} {
		t.Run("WebSocket at "+path, func(t *testing.T) {
			conn, err := tls.Dial("tcp", "127.0.0.1:9443", &tls.Config{InsecureSkipVerify: true, ServerName: "app.localhost"}) //nolint:gosec // Caddy's internal CA
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: app.localhost:9443\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://app.localhost:9443\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path)
			rd := bufio.NewReader(conn)
			status, _ := rd.ReadString('\n')
			for line := status; strings.TrimSpace(line) != "" && err == nil; line, err = rd.ReadString('\n') {
			}
			fmt.Fprint(conn, "hello\n")
			echo, _ := rd.ReadString('\n')
			if !strings.Contains(status, "101") || echo != "echo hello\n" {
				t.Errorf("%q %q", status, echo)
			}
		})
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

// TestFastCGIOverListener: PHP's way to be an app, one that hangs among them: its
// transport does not notice that it was cancelled.
func TestFastCGIOverListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hang := make(chan struct{})
	defer close(hang)
	go func() {
		_ = fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("hang") {
				<-hang
			}
			if r.URL.Query().Get("action") == "logout" {
				w.Header().Set("Set-Cookie", "PHPSESSID=; Max-Age=0; Path=/")
				w.Header().Set("Location", "/bye")
				w.WriteHeader(http.StatusFound)
				return
			}
			fmt.Fprint(w, "php ", r.URL.Path)
		}))
	}()
	root := t.TempDir()
	for _, name := range []string{"index.php", "login.php"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listen(t, `app.localhost:9443 {
		root * `+root+`
		universal_logout {
			paths /login.php?action=logout
		}
		php_fastcgi `+l.Addr().String()+`
		file_server
	}`)
	client := clients(t)["HTTP/2.0"]
	headers := with(clicked, "Cookie: PHPSESSID=0123456789abcdef0123456789")
	for _, tc := range []struct {
		path, done string
	}{
		{"/login.php?action=logout", pages.Landing{Outcome: outcome.Ended}.Page().Title},
		{"/login.php?action=logout&hang", pages.Landing{Outcome: outcome.Failed}.Page().Title},
	} {
		began := time.Now()
		res := send(t, client, "GET", "https://app.localhost:9443"+tc.path, "", headers...)
		_ = res.Body.Close()
		if took := time.Since(began); res.StatusCode != 303 || took > time.Second {
			t.Errorf("%s: %d after %s", tc.path, res.StatusCode, took)
		}
		res = send(t, client, "GET", "https://app.localhost:9443"+res.Header.Get("Location"), "", clicked...)
		if page, _ := io.ReadAll(res.Body); !strings.Contains(string(page), tc.done) {
			t.Errorf("%s: %s", tc.path, page)
		}
		_ = res.Body.Close()
	}
	res := send(t, client, "GET", "https://app.localhost:9443/login.php?action=login", "", clicked...)
	if body, _ := io.ReadAll(res.Body); !strings.HasPrefix(string(body), "php ") {
		t.Errorf("another page of the app: %d %s", res.StatusCode, body)
	}
	_ = res.Body.Close()
}

// TestReloadOverListener: a landing page's address outlives a reload of the config, and a
// config that is refused leaves the one before in place.
func TestReloadOverListener(t *testing.T) {
	app := newSessions(t, endsSession)
	config := func(words string) string {
		return `app.localhost:9443 {
			universal_logout {
				` + words + `
			}
			reverse_proxy ` + app.addr() + `
		}`
	}
	listen(t, config(""))
	client := clients(t)["HTTP/1.1"]
	res := send(t, client, "GET", "https://app.localhost:9443/logout", "", with(clicked, "Cookie: sessionid=one")...)
	_ = res.Body.Close()
	landing := res.Header.Get("Location")
	for range 2 {
		listen(t, config("clear_site_data off"))
		res = send(t, client, "GET", "https://app.localhost:9443"+landing, "", clicked...)
		if page, _ := io.ReadAll(res.Body); !strings.Contains(string(page), pages.Landing{Outcome: outcome.Ended}.Page().Title) || !strings.Contains(string(page), "app.localhost") {
			t.Errorf("after a reload: %s", page)
		}
		_ = res.Body.Close()
	}
	broken := `{"apps":{"universal_logout":{"timeout":-5}}}`
	answer, err := http.Post("http://localhost:2999/load", "application/json", strings.NewReader(broken))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode == 200 {
		t.Error("a broken config was loaded")
	}
	res = send(t, client, "GET", "https://app.localhost:9443/logout", "", with(clicked, "Cookie: sessionid=one")...)
	_ = res.Body.Close()
	if res.StatusCode != 303 {
		t.Errorf("after a refused config: %d", res.StatusCode)
	}
}

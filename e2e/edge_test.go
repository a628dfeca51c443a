package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// An edge is a Caddy with one app behind it, over plain HTTP, that a test kills and starts again on the same data.
type edge struct {
	t      *testing.T
	dir    string // home, data, storage
	file   string // Caddyfile
	url    string
	admin  string // address of Caddy's admin API
	app    *httptest.Server
	client *http.Client

	process *os.Process
	ended   chan struct{} // closed when the process is gone
}

// newEdge makes an edge that does not run yet. Its app takes every session id for valid, and answers with the one that
// it was given.
func newEdge(t *testing.T) *edge {
	t.Helper()
	e := &edge{t: t, dir: t.TempDir(), client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}}
	e.app = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/logout" {
			http.SetCookie(w, &http.Cookie{Name: "sessionid", Path: "/", MaxAge: -1})
			return
		}
		if c, err := r.Cookie("sessionid"); err == nil {
			io.WriteString(w, c.Value)
		}
	}))
	t.Cleanup(e.app.Close)
	port := freePort(t)
	e.url, e.admin = fmt.Sprintf("http://127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	e.file = filepath.Join(e.dir, "Caddyfile")
	config := fmt.Sprintf(`{
	admin %s
	default_bind 127.0.0.1
	http_port %d
	auto_https off
	persist_config off
	storage file_system %s
	grace_period 1s
}
%s {
	universal_logout
	reverse_proxy %s
}
`, e.admin, port, e.storage(), e.url, strings.TrimPrefix(e.app.URL, "http://"))
	if err := os.WriteFile(e.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.kill()
		if log, err := os.ReadFile(e.log()); t.Failed() && err == nil {
			bad := slices.DeleteFunc(strings.Split(string(log), "\n"), func(line string) bool { return strings.Contains(line, `"level":"info"`) })
			t.Logf("what Caddy warned of last:\n%s", strings.Join(bad[max(0, len(bad)-50):], "\n"))
		}
	})
	return e
}

func (e *edge) storage() string { return filepath.Join(e.dir, "storage") }
func (e *edge) log() string     { return filepath.Join(e.dir, "log") }

// launch starts Caddy and returns at once.
func (e *edge) launch() {
	e.t.Helper()
	log, err := os.OpenFile(e.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(caddyBinary, "run", "--config", e.file, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+e.dir, "XDG_DATA_HOME="+e.dir, "XDG_CONFIG_HOME="+e.dir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	ended := make(chan struct{})
	e.process, e.ended = cmd.Process, ended
	go func() {
		cmd.Wait()
		close(ended)
	}()
}

// start starts Caddy and returns when it answers.
func (e *edge) start() {
	e.t.Helper()
	for range 10 {
		e.launch()
		_, err := e.firstAnswer(newSession())
		if err == nil {
			return
		}
		// While it did not run, a connection may have taken its port.
		if log, _ := os.ReadFile(e.log()); !bytes.Contains(log[max(0, len(log)-2000):], []byte("address already in use")) {
			e.t.Fatal(err)
		}
		e.kill()
		<-time.After(time.Second)
	}
	e.t.Fatal("no free port for Caddy")
}

// firstAnswer asks with a session until Caddy answers, and returns the session that the app was given.
func (e *edge) firstAnswer(session string) (given string, err error) {
	address := strings.TrimPrefix(e.url, "http://")
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
			return e.ask(session)
		}
		select {
		case <-e.ended:
			return "", errors.New("the Caddy under test ended")
		case <-time.After(time.Millisecond):
		}
	}
	return "", errors.New("the Caddy under test does not listen")
}

// kill ends Caddy as a crash does, and returns when it is gone.
func (e *edge) kill() {
	if e.process != nil {
		e.process.Kill()
		<-e.ended
		e.client.CloseIdleConnections()
	}
}

// ask requests a page with a session, and returns the session that the app was given: none if it is refused.
func (e *edge) ask(session string) (given string, err error) {
	r, err := http.NewRequest(http.MethodGet, e.url+"/page", nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Cookie", "theme=dark; lang=en-US; consent=necessary:1|analytics:0|version:3; sessionid="+session)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Dest", "empty")
	res, err := e.client.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("a page is answered with status %d", res.StatusCode)
	}
	return string(body), err
}

// logout ends a session by a click on the app's own button.
func (e *edge) logout(session string) error {
	r, err := http.NewRequest(http.MethodPost, e.url+"/logout", strings.NewReader("csrf=1"))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "theme=dark; sessionid="+session)
	r.Header.Set("Origin", e.url)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	res, err := e.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusSeeOther { // the landing page, or the way to it
		return fmt.Errorf("a logout is answered with status %d", res.StatusCode)
	}
	return nil
}

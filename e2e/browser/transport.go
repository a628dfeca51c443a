package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// connectHTTP opens a session with a driver program that listens on a port.
func (b *Browser) connectHTTP(port int, capabilities map[string]any) error {
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	conn, err := dial(addr)
	if err != nil {
		return err
	}
	conn.Close()
	client := &http.Client{Timeout: commandTimeout}
	send := func(method, url string, params map[string]any) (json.RawMessage, error) {
		var body io.Reader
		if method == http.MethodPost {
			if params == nil {
				params = map[string]any{} // a POST without an object is an "invalid argument"
			}
			j, err := json.Marshal(params)
			if err != nil {
				return nil, err
			}
			body = bytes.NewReader(j)
		}
		request, err := http.NewRequest(method, url, body)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		var answer struct{ Value json.RawMessage }
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return nil, err
		}
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s %s: %.400s", method, url[strings.LastIndexByte(url, '/')+1:], answer.Value)
		}
		return answer.Value, nil
	}
	base := "http://" + addr + "/session"
	v, err := send(http.MethodPost, base, map[string]any{"capabilities": map[string]any{"alwaysMatch": capabilities}})
	if err != nil {
		return err
	}
	id, err := b.opened(v)
	if err != nil {
		return err
	}
	b.send = func(method, path string, params map[string]any) (json.RawMessage, error) {
		return send(method, strings.TrimSuffix(base+"/"+id+"/"+path, "/"), params)
	}
	return nil
}

// connectMarionette opens a session with a Firefox that writes its port into a file.
func (b *Browser) connectMarionette(portFile string) error {
	var port []byte
	for end := time.Now().Add(startTimeout); len(port) == 0; time.Sleep(pollInterval) {
		if time.Now().After(end) {
			return errors.New("no Marionette port")
		}
		port, _ = os.ReadFile(portFile) // not there, then empty, then the port
	}
	conn, err := dial("127.0.0.1:" + strings.TrimSpace(string(port)))
	if err != nil {
		return err
	}
	b.cleanups = append(b.cleanups, func() { conn.Close() })
	m := &marionette{conn: conn, in: bufio.NewReader(conn)}
	if err := conn.SetDeadline(time.Now().Add(commandTimeout)); err != nil {
		return err
	}
	if _, err := m.frame(); err != nil { // its greeting
		return err
	}
	// Unlike over HTTP, the capabilities are the matched ones, without "alwaysMatch" around them.
	v, err := m.command("WebDriver:NewSession", map[string]any{"acceptInsecureCerts": true})
	if err != nil {
		return err
	}
	b.send = m.send
	_, err = b.opened(v)
	return err
}

// opened reads the answer to "new session".
func (b *Browser) opened(answer json.RawMessage) (id string, err error) {
	var session struct {
		SessionID    string
		Capabilities struct{ BrowserVersion string }
	}
	err = json.Unmarshal(answer, &session)
	b.Version = session.Capabilities.BrowserVersion
	return session.SessionID, err
}

// marionette is Firefox' remote protocol: frames "<length>:[type, id, name, parameters]" over TCP, one answer each.
type marionette struct {
	conn net.Conn
	in   *bufio.Reader
	id   int
}

// marionetteNames has Marionette's names of the commands that this package uses.
var marionetteNames = map[string]string{
	"POST url": "Navigate", "GET url": "GetCurrentURL", "GET title": "GetTitle", "POST back": "Back",
	"POST execute/async": "ExecuteAsyncScript", "POST timeouts": "SetTimeouts", "POST actions": "PerformActions",
	"POST element": "FindElement", "POST element/click": "ElementClick", "POST element/value": "ElementSendKeys", "GET element/text": "GetElementText",
	"GET window": "GetWindowHandle", "GET window/handles": "GetWindowHandles", "POST window": "SwitchToWindow", "POST window/new": "NewWindow", "DELETE window": "CloseWindow", "POST window/rect": "SetWindowRect",
	"GET screenshot": "TakeScreenshot", "GET cookie": "GetCookies",
}

// elementPath is a command about one element. Over HTTP its id is in the path; Marionette has it as a parameter.
var elementPath = regexp.MustCompile(`^element/([^/]+)/(.+)$`)

// send translates a command of the HTTP binding.
func (m *marionette) send(method, path string, params map[string]any) (json.RawMessage, error) {
	if method == http.MethodDelete && path == "" {
		return m.command("Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}})
	}
	if params == nil {
		params = map[string]any{}
	}
	if match := elementPath.FindStringSubmatch(path); match != nil {
		params["id"] = match[1]
		path = "element/" + match[2]
	}
	if path == "screenshot" {
		params["full"] = false // its default is the whole page
	}
	name, ok := marionetteNames[method+" "+path]
	if !ok {
		return nil, fmt.Errorf("no Marionette command for %s %s", method, path)
	}
	return m.command("WebDriver:"+name, params)
}

// command sends one command and returns its result.
func (m *marionette) command(name string, params map[string]any) (json.RawMessage, error) {
	if err := m.conn.SetDeadline(time.Now().Add(commandTimeout)); err != nil {
		return nil, err
	}
	m.id++
	message, err := json.Marshal([]any{0, m.id, name, params})
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(message), message); err != nil {
		return nil, err
	}
	for { // bounded by the deadline: an answer to an earlier, timed-out command may come first
		frame, err := m.frame()
		if err != nil {
			return nil, err
		}
		var answer [4]json.RawMessage // type, id, error, result
		if err := json.Unmarshal(frame, &answer); err != nil {
			return nil, err
		}
		if string(answer[1]) != strconv.Itoa(m.id) {
			continue
		}
		if string(answer[2]) != "null" {
			return nil, fmt.Errorf("%s: %.400s", name, answer[2])
		}
		var wrapped map[string]json.RawMessage // most results are wrapped in {"value": …}
		if json.Unmarshal(answer[3], &wrapped) == nil && wrapped["value"] != nil {
			return wrapped["value"], nil
		}
		return answer[3], nil
	}
}

// frame reads one frame.
func (m *marionette) frame() ([]byte, error) {
	length, err := m.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil || n < 0 || n > 64<<20 {
		return nil, fmt.Errorf("a Marionette frame of length %q", length)
	}
	frame := make([]byte, n)
	_, err = io.ReadFull(m.in, frame)
	return frame, err
}

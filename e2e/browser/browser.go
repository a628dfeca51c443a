// Package browser drives the browsers that Debian ships (Chromium, Firefox ESR and WebKitGTK) through one small W3C
// WebDriver client. End-to-end tests need neither Node nor geckodriver nor a download: only the distribution's packages.
//
// Chromium and WebKitGTK are driven over HTTP by their own driver programs; Firefox speaks the same commands over the TCP
// framing of Marionette, which is built in. WebKitGTK needs an X server; Start runs an Xvfb of its own for it.
package browser

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Engine names one of the three browsers.
type Engine string

// The engines that Start knows.
const (
	Chromium Engine = "chromium"
	Firefox  Engine = "firefox"
	WebKit   Engine = "webkit"
)

// Engines returns all engines, for tests that must hold everywhere.
func Engines() []Engine { return []Engine{Chromium, Firefox, WebKit} }

// Options says how a browser is started. The zero value is a stock browser with a fresh profile.
type Options struct {
	// Proxy is the host:port of an HTTP CONNECT proxy for everything, loopback names included. See Proxy.
	Proxy string
	// ThirdPartyCookies lets other sites' frames and requests carry cookies: the setting in which a foreign page can do the
	// most, so the one for tests about attacks.
	ThirdPartyCookies bool
	// Prefetch switches on speculative loading, which Debian's Chromium has off.
	Prefetch bool
	// NoScript switches JavaScript of pages off; scripts of the driver, Eval, run in WebKitGTK only.
	NoScript bool
}

const (
	commandTimeout = 30 * time.Second      // one WebDriver command; longer than every timeout inside the browser
	pageTimeout    = 20 * time.Second      // one navigation
	scriptTimeout  = 10 * time.Second      // one Eval
	waitTimeout    = 10 * time.Second      // one WaitFor
	pollInterval   = 40 * time.Millisecond // between two looks at something that sends no event
	startTimeout   = 30 * time.Second      // from the start of a process until it listens
	endTimeout     = 3 * time.Second       // from the polite request to end until the kill
)

// elementKey is how WebDriver marks an element's id (W3C WebDriver, "web element identifier").
const elementKey = "element-6066-11e4-a52e-4f735466cecf"

// A transport sends one WebDriver command of the session: HTTP method, path below the session, parameters.
type transport func(method, path string, params map[string]any) (json.RawMessage, error)

// A Browser is one running browser with one WebDriver session. It is not safe for concurrent use.
type Browser struct {
	Engine  Engine
	Version string

	send     transport
	cleanups []func() // run by Close in reverse order
}

// Start starts a browser with a fresh profile. It accepts every certificate, so that a server under test can use a
// private CA. Close ends it.
func Start(engine Engine, o Options) (*Browser, error) {
	b := &Browser{Engine: engine}
	dir, err := os.MkdirTemp("", "browser-"+string(engine)+"-")
	if err != nil {
		return nil, err
	}
	b.cleanups = append(b.cleanups, func() { removeAll(dir) })
	switch engine {
	case Chromium:
		err = b.startChromium(dir, o)
	case Firefox:
		err = b.startFirefox(dir, o)
	case WebKit:
		err = b.startWebKit(dir, o)
	default:
		err = errors.New("unknown engine")
	}
	if err == nil {
		_, err = b.send("POST", "timeouts", map[string]any{
			"script": scriptTimeout.Milliseconds(), "pageLoad": pageTimeout.Milliseconds(), "implicit": 0,
		})
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("starting %s: %w", engine, err)
	}
	return b, nil
}

// Close ends the session and every process that Start started, and removes the profile.
func (b *Browser) Close() {
	if b.send != nil {
		b.send("DELETE", "", nil) // an error means that the browser is gone or stuck; the cleanups end it either way
	}
	for _, cleanup := range slices.Backward(b.cleanups) {
		cleanup()
	}
	b.send, b.cleanups = nil, nil
}

// Reset leaves one window, empty, so that the next test finds no page of this one.
func (b *Browser) Reset() error {
	windows, err := b.Windows()
	if err != nil {
		return err
	}
	for _, w := range windows[1:] {
		if err := b.SwitchTo(w); err != nil {
			return err
		}
		if err := b.CloseWindow(); err != nil {
			return err
		}
	}
	if err := b.SwitchTo(windows[0]); err != nil {
		return err
	}
	return b.Go("about:blank")
}

// Go navigates the current window as if the address had been typed, and waits for the page to load.
func (b *Browser) Go(url string) error {
	_, err := b.send("POST", "url", map[string]any{"url": url})
	return err
}

// Back goes back one entry in the window's history.
func (b *Browser) Back() error {
	_, err := b.send("POST", "back", nil)
	return err
}

// URL returns the address of the current page.
func (b *Browser) URL() (string, error) { return b.str("GET", "url", nil) }

// Title returns the current page's title.
func (b *Browser) Title() (string, error) { return b.str("GET", "title", nil) }

// Text returns the rendered text of the first element that matches.
func (b *Browser) Text(css string) (string, error) {
	id, err := b.find(css)
	if err != nil {
		return "", err
	}
	return b.str("GET", "element/"+id+"/text", nil)
}

// Click clicks the first element that matches, as a user would. The page it leads to may still be loading afterwards.
func (b *Browser) Click(css string) error {
	id, err := b.find(css)
	if err != nil {
		return err
	}
	_, err = b.send("POST", "element/"+id+"/click", nil)
	return err
}

// Type types text into the first element that matches.
func (b *Browser) Type(css, text string) error {
	id, err := b.find(css)
	if err != nil {
		return err
	}
	_, err = b.send("POST", "element/"+id+"/value", map[string]any{"text": text})
	return err
}

// Keys that Press understands besides plain characters (W3C WebDriver, "keyboard actions").
const (
	KeyTab   = "\uE004"
	KeyEnter = "\uE007"
)

// Press presses and releases one key, wherever the focus is.
func (b *Browser) Press(key string) error {
	_, err := b.send("POST", "actions", map[string]any{"actions": []any{map[string]any{
		"type": "key", "id": "keyboard",
		"actions": []any{
			map[string]any{"type": "keyDown", "value": key},
			map[string]any{"type": "keyUp", "value": key},
		},
	}}})
	return err
}

// Eval runs the body of an async function in the page and decodes what it returns into out, unless out is nil.
func (b *Browser) Eval(out any, body string, args ...any) error {
	if args == nil {
		args = []any{}
	}
	// The result travels as JSON text: engines differ in what they do to objects and undefined on their way out.
	script := `const args = [...arguments], done = args.pop();
		(async () => {` + body + `})().then(
			v => done(JSON.stringify({value: v === undefined ? null : v})),
			e => done(JSON.stringify({error: String(e)})))`
	text, err := b.str("POST", "execute/async", map[string]any{"script": script, "args": args})
	if err != nil {
		return err
	}
	var answer struct {
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, out)
}

// WaitFor waits until a JavaScript expression is true in the current page, whichever page that is by then. An await in
// the expression is allowed. It gives up after ten seconds with an error that tells where the browser is.
func (b *Browser) WaitFor(condition string, args ...any) error {
	return b.Within(waitTimeout, condition, args...)
}

// Within is WaitFor with a time of its own.
func (b *Browser) Within(limit time.Duration, condition string, args ...any) error {
	var last error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(pollInterval) {
		var ok bool
		// An error is nothing unusual here: the page may be replaced while the script runs.
		if last = b.Eval(&ok, "return !!("+condition+")", args...); ok {
			return nil
		}
	}
	url, _ := b.URL()
	title, _ := b.Title()
	return fmt.Errorf("%s: after %v still not %s, at %s %q (last error: %v)", b.Engine, limit, condition, url, title, last)
}

// A Cookie is what the engine tells about one cookie.
type Cookie struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Domain   string `json:"domain"`
	Path     string `json:"path"`
	HTTPOnly bool   `json:"httpOnly"`
	Secure   bool   `json:"secure"`
	SameSite string `json:"sameSite"`
}

// Cookies returns the cookies of the current page. In Chromium these are all cookies of the browser, other hosts', paths'
// and partitions' included; the other engines tell only those that apply to the page, and may leave out partitioned ones.
func (b *Browser) Cookies() ([]Cookie, error) {
	if b.Engine == Chromium {
		v, err := b.CDP("Storage.getCookies", nil)
		if err != nil {
			return nil, err
		}
		var all struct{ Cookies []Cookie }
		err = json.Unmarshal(v, &all)
		return all.Cookies, err
	}
	v, err := b.send("GET", "cookie", nil)
	if err != nil {
		return nil, err
	}
	var cookies []Cookie
	err = json.Unmarshal(v, &cookies)
	return cookies, err
}

// SetWindowSize sets the outer size of the window, as far as the engine's minimum allows. Use Emulate for narrow pages.
func (b *Browser) SetWindowSize(width, height int) error {
	_, err := b.send("POST", "window/rect", map[string]any{"width": width, "height": height})
	return err
}

// Screenshot returns the visible part of the page as PNG. WebKitGTK 2.50 never answers this command under Xvfb, so there
// it is an error at once.
func (b *Browser) Screenshot() ([]byte, error) {
	if b.Engine == WebKit {
		return nil, errors.New("WebKitGTK takes no screenshots under Xvfb")
	}
	s, err := b.str("GET", "screenshot", nil)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(s)
}

// Window returns the handle of the current window.
func (b *Browser) Window() (string, error) { return b.str("GET", "window", nil) }

// Windows returns the handles of all windows and tabs, in no particular order.
func (b *Browser) Windows() ([]string, error) {
	v, err := b.send("GET", "window/handles", nil)
	if err != nil {
		return nil, err
	}
	var handles []string
	if err := json.Unmarshal(v, &handles); err != nil {
		return nil, err
	}
	if len(handles) == 0 {
		return nil, errors.New("no window left")
	}
	return handles, nil
}

// NewTab opens an empty tab and makes it the current one.
func (b *Browser) NewTab() (handle string, err error) {
	v, err := b.send("POST", "window/new", map[string]any{"type": "tab"})
	if err != nil {
		return "", err
	}
	var window struct{ Handle string }
	if err := json.Unmarshal(v, &window); err != nil {
		return "", err
	}
	return window.Handle, b.SwitchTo(window.Handle)
}

// SwitchTo makes a window the current one.
func (b *Browser) SwitchTo(handle string) error {
	_, err := b.send("POST", "window", map[string]any{"handle": handle})
	return err
}

// CloseWindow closes the current window; SwitchTo another one afterwards.
func (b *Browser) CloseWindow() error {
	_, err := b.send("DELETE", "window", nil)
	return err
}

// CDP sends a command of the Chrome DevTools Protocol; Chromium only.
func (b *Browser) CDP(method string, params map[string]any) (json.RawMessage, error) {
	if b.Engine != Chromium {
		return nil, fmt.Errorf("%s has no DevTools protocol", b.Engine)
	}
	if params == nil {
		params = map[string]any{}
	}
	return b.send("POST", "goog/cdp/execute", map[string]any{"cmd": method, "params": params})
}

// Emulate gives pages an exact viewport and colour scheme ("light" or "dark"); Chromium only. Window sizes cannot do
// that: every browser has a least width, which is wider than a telephone.
func (b *Browser) Emulate(width, height int, scheme string) error {
	_, err := b.CDP("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
	})
	if err != nil {
		return err
	}
	_, err = b.CDP("Emulation.setEmulatedMedia", map[string]any{
		"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}},
	})
	return err
}

// find returns the id of the first element that matches.
func (b *Browser) find(css string) (string, error) {
	v, err := b.send("POST", "element", map[string]any{"using": "css selector", "value": css})
	if err != nil {
		return "", err
	}
	var element map[string]string
	if err := json.Unmarshal(v, &element); err != nil {
		return "", err
	}
	id := element[elementKey]
	if id == "" {
		return "", fmt.Errorf("no element id in %s", v)
	}
	return id, nil
}

// str sends a command whose answer is a string.
func (b *Browser) str(method, path string, params map[string]any) (string, error) {
	v, err := b.send(method, path, params)
	if err != nil {
		return "", err
	}
	var s string
	err = json.Unmarshal(v, &s)
	return s, err
}

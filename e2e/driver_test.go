package e2e

import (
	"bytes"
	"image/png"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// The tests' own tools: what every other test takes for granted about the three browsers.
func TestBrowserDriverDoesWhatATestNeeds(t *testing.T) {
	app, host := startSessionApp(t), "app."+newDomain()
	app.page(host+"/form", `<!doctype html><title>form</title>
		<form action=/answer><input name=q><button>Send</button></form>
		<a id=popup target=_blank href=/answer>new tab</a>`,
		"Content-Security-Policy", "default-src 'none'; form-action 'self'")
	app.page(host+"/answer", "<!doctype html><title>answer</title><p>good <b>day</b></p>")
	startCaddy(t, "", sites{host: "reverse_proxy " + app.url})

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		if v.Version == "" {
			t.Error("the engine told no version")
		}
		sid := v.signIn("https://" + host)
		if !alive(t, app.url, "sid", sid) {
			t.Error("the app does not know the session it just made")
		}
		if s := v.stateAt("https://" + host + "/"); s.User != "alice" {
			t.Errorf("the browser is not signed in: %+v", s)
		}
		cookies, err := v.Cookies()
		v.must(err, "reading cookies")
		if len(cookies) == 0 {
			t.Error("the engine told no cookies")
		}
		v.fillStorage()
		v.registerWorker("/worker.js?kind=pass-through")

		// Scripts of the driver run in spite of a page's Content-Security-Policy.
		v.goTo("https://" + host + "/form")
		var sum int
		v.eval(&sum, "return args[0] + args[1]", 1, 2)
		if sum != 3 {
			t.Errorf("1 + 2 = %d", sum)
		}
		v.must(v.Type("input", "hello"), "typing")
		v.click("button")
		v.onTitle("answer")
		if url, _ := v.URL(); url != "https://"+host+"/answer?q=hello" {
			t.Errorf("the form led to %s", url)
		}
		if text, _ := v.Text("p"); text != "good day" {
			t.Errorf("text %q", text)
		}
		v.must(v.Back(), "going back")
		v.onTitle("form")
		v.must(v.Press(browser.KeyTab), "pressing Tab")
		v.waitFor("document.activeElement !== document.body")

		v.must(v.SetWindowSize(900, 700), "sizing the window")
		if v.Engine != browser.WebKit { // see Screenshot
			shot, err := v.Screenshot()
			v.must(err, "taking a screenshot")
			if _, err := png.Decode(bytes.NewReader(shot)); err != nil {
				t.Errorf("screenshot: %v", err)
			}
		}

		v.click("#popup")
		v.inNewWindow(func() { v.onTitle("answer") })
	})
}

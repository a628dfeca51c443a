package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// A visitor is a person at a browser. What fails to work at all ends the test; what a page says is for the test to judge.
type visitor struct {
	*browser.Browser
	t *testing.T
}

func (v *visitor) must(err error, doing string) {
	v.t.Helper()
	if err != nil {
		var text string
		v.Eval(&text, "return document.body ? document.body.innerText.slice(0, 400) : ''")
		v.t.Fatalf("%s: %v\npage text: %q", doing, err, text)
	}
}

func (v *visitor) goTo(url string) {
	v.t.Helper()
	v.must(v.Go(url), "opening "+url)
}

func (v *visitor) click(css string) {
	v.t.Helper()
	v.must(v.Click(css), "clicking "+css)
}

func (v *visitor) eval(out any, body string, args ...any) {
	v.t.Helper()
	v.must(v.Eval(out, body, args...), "running script")
}

func (v *visitor) waitFor(condition string, args ...any) {
	v.t.Helper()
	v.must(v.WaitFor(condition, args...), "waiting")
}

// onOurPage waits for one of the edge's own pages: "landing", "confirmation" or "error". A landing page that goes on by
// itself is not there yet: whatever a test did on it, the browser would leave in the middle.
func (v *visitor) onOurPage(name string) {
	v.t.Helper()
	v.waitFor(`document.readyState === "complete" && document.querySelector("main:not([data-next])")?.dataset.page === args[0]`, name)
}

// onTitle waits for a page with a title.
func (v *visitor) onTitle(title string) {
	v.t.Helper()
	v.waitFor(`document.readyState === "complete" && document.title === args[0]`, title)
}

// appState is what the session app saw in a request.
type appState struct {
	User    string
	Cookies []string
}

// stateAt opens a page of the session app and returns what the app saw.
func (v *visitor) stateAt(url string) appState {
	v.t.Helper()
	v.goTo(url)
	text, err := v.Text("#state")
	v.must(err, "reading the app's state")
	var s appState
	v.must(json.Unmarshal([]byte(text), &s), "reading the app's state")
	return s
}

// signIn signs in at the session app and returns the new session's id.
func (v *visitor) signIn(origin string) (sid string) {
	v.t.Helper()
	v.goTo(origin + "/sign-in")
	sid, err := v.Text("#sid")
	v.must(err, "signing in")
	return sid
}

// stored counts what a page's origin keeps in the browser besides cookies.
type stored struct {
	Local, Session, Databases, Caches, Workers int
}

// fillStorage leaves something in every store of the current origin.
func (v *visitor) fillStorage() {
	v.t.Helper()
	v.eval(nil, `
		localStorage.setItem("draft", "secret");
		sessionStorage.setItem("draft", "secret");
		await new Promise((resolve, reject) => {
			const open = indexedDB.open("notes", 1);
			open.onupgradeneeded = () => open.result.createObjectStore("notes");
			open.onsuccess = () => { open.result.close(); resolve(); };
			open.onerror = () => reject(open.error);
		});
		const pages = await caches.open("pages");
		await pages.put("/cached", new Response("secret"));`)
	if got := v.stored(); got.Local != 1 || got.Session != 1 || got.Databases != 1 || got.Caches < 1 {
		v.t.Fatalf("storage was not filled: %+v", got)
	}
}

// registerWorker registers one of the session app's service workers and waits until it controls the page.
func (v *visitor) registerWorker(script string) {
	v.t.Helper()
	v.eval(nil, `
		await navigator.serviceWorker.register(args[0]);
		await navigator.serviceWorker.ready;`, script)
	v.waitFor("navigator.serviceWorker.controller")
}

func (v *visitor) stored() (s stored) {
	v.t.Helper()
	v.eval(&s, `return {
		local: localStorage.length,
		session: sessionStorage.length,
		databases: (await indexedDB.databases()).length,
		caches: (await caches.keys()).length,
		workers: (await navigator.serviceWorker.getRegistrations()).length,
	}`)
	return s
}

// wantNothingStored opens a page of the origin that stores nothing itself and checks that no store has anything.
func (v *visitor) wantNothingStored(plainPage string) {
	v.t.Helper()
	v.goTo(plainPage)
	if got := v.stored(); got != (stored{}) {
		v.t.Errorf("left in the browser after the logout: %+v", got)
	}
}

// wantNoCookies opens pages of the session app and checks that the browser sends none of these cookies to any of them.
func (v *visitor) wantNoCookies(names []string, urls ...string) {
	v.t.Helper()
	for _, url := range urls {
		left := v.stateAt(url).Cookies
		left = slices.DeleteFunc(left, func(name string) bool { return !slices.Contains(names, name) })
		if len(left) > 0 {
			v.t.Errorf("still sent to %s: %s", url, strings.Join(left, ", "))
		}
	}
}

// inNewWindow waits for a window besides the current one and does something there.
func (v *visitor) inNewWindow(do func()) {
	v.t.Helper()
	first, err := v.Window()
	v.must(err, "reading the window's handle")
	var windows []string
	v.observe("new window", func() bool {
		windows, err = v.Windows()
		windows = slices.DeleteFunc(windows, func(w string) bool { return w == first })
		return err == nil && len(windows) > 0
	})
	v.must(v.SwitchTo(windows[0]), "changing to the new window")
	do()
	v.must(v.CloseWindow(), "closing the new window")
	v.must(v.SwitchTo(first), "changing to the first window")
}

// appears waits for an element without running a script in the page.
func (v *visitor) appears(css string) {
	v.t.Helper()
	v.observe("element "+css, func() bool { _, err := v.Text(css); return err == nil })
}

// appearsTitle waits for a page with a title without running a script in the page.
func (v *visitor) appearsTitle(title string) {
	v.t.Helper()
	v.observe("title "+title, func() bool { got, err := v.Title(); return err == nil && got == title })
}

func (v *visitor) observe(what string, there func() bool) {
	v.t.Helper()
	for end := time.Now().Add(10 * time.Second); !there(); time.Sleep(40 * time.Millisecond) {
		if time.Now().After(end) {
			url, _ := v.URL()
			title, _ := v.Title()
			v.t.Fatalf("no %s appeared; at %s %q", what, url, title)
		}
	}
}

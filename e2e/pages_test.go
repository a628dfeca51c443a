package e2e

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// pagesSite is an app and a foreign site with a link to its logout.
func pagesSite(t *testing.T) (app *sessionApp, host, foreign string) {
	t.Helper()
	app, host, foreign = startSessionApp(t), "app."+newDomain(), "www."+newDomain()
	app.logout(host+"/logout", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "sid=; Path=/; Max-Age=0; Secure") // as most apps do, and the page then says so
		goodbye(w, r)
	})
	app.logout(host+"/logout/goes-on", redirect(302, "/login"))
	app.page(host+"/home", `<!doctype html><title>home</title><a id=stays href=/logout>out</a><a id=goes-on href=/logout/goes-on>out</a>`)
	app.page(foreign+"/link", `<!doctype html><title>link</title><a id=go href="https://`+host+`/logout">out</a>`)
	app.logout("sso-"+host+"/logout", redirect(302, "/login"))
	app.page("sso-"+host+"/home", `<!doctype html><title>home</title><a id=out href=/logout>out</a>`)
	down := "provider main http://sso.localhost:1 {\n end_session_endpoint http://sso.localhost:1/logout\n}"
	startCaddy(t, down, sites{
		host:          "universal_logout {\n paths /logout /logout/*\n}\n reverse_proxy " + app.url,
		"sso-" + host: "universal_logout main\n reverse_proxy " + app.url,
		foreign:       "reverse_proxy " + app.url,
	})
	return app, host, foreign
}

// The confirmation page needs no mouse.
func TestTheConfirmationPageWorksWithTheKeyboard(t *testing.T) {
	app, host, foreign := pagesSite(t)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		sid := v.signIn("https://" + host)
		v.goTo("https://" + foreign + "/link")
		v.click("#go")
		v.onOurPage("confirmation")
		const focused = `return document.activeElement.matches("form#sign-out button")`
		var there bool
		for range 5 { // a page with one button needs no more
			if v.eval(&there, focused); there {
				break
			}
			v.must(v.Press(browser.KeyTab), "pressing Tab")
		}
		if !there {
			if v.eval(&there, focused); !there {
				t.Fatal("Tab never reaches the button")
			}
		}
		v.must(v.Press(browser.KeyEnter), "pressing Enter")
		v.onOurPage("landing")
		if alive(t, app.url, "sid", sid) {
			t.Error("the app still honours the session")
		}
	})
}

// Without JavaScript everything but the service workers' end works all the same. (MiniBrowser cannot switch it off.)
func TestALogoutNeedsNoJavaScript(t *testing.T) {
	app, host, foreign := pagesSite(t)
	for _, engine := range []browser.Engine{browser.Chromium, browser.Firefox} {
		t.Run(string(engine), func(t *testing.T) {
			v := open(t, engine, browser.Options{NoScript: true})
			for _, c := range []struct {
				name, start string
				click, then string
				title       string // of the app's page where it ends; "": our landing page
			}{
				{name: "a logout that stays", start: host + "/home", click: "#stays"},
				{name: "a logout that goes on", start: host + "/home", click: "#goes-on", title: "please sign in"},
				{name: "a logout that has to be confirmed", start: foreign + "/link", click: "#go", then: "form#sign-out button"},
			} {
				sid := v.signIn("https://" + host)
				v.goTo("https://" + c.start)
				v.click(c.click)
				if c.then != "" {
					v.appears("main[data-page=confirmation]")
					v.click(c.then)
				}
				if c.title != "" {
					v.appearsTitle(c.title)
				} else {
					v.appears("main[data-page=landing]:not([data-next])")
				}
				if alive(t, app.url, "sid", sid) {
					t.Errorf("%s: the app still honours the session", c.name)
				}
				v.wantNoCookies([]string{"sid"}, "https://"+host+"/")
			}
		})
	}
}

// Our pages fit a narrow telephone and look like something, in the light and in the dark. With UPDATE_SCREENSHOTS=1 the
// pictures in docs/ are taken anew.
func TestOurPagesFitEveryScreen(t *testing.T) {
	_, host, foreign := pagesSite(t)
	dir := t.TempDir()
	if os.Getenv("UPDATE_SCREENSHOTS") == "1" {
		dir = filepath.Join("..", "docs", "screenshots")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	v := open(t, browser.Chromium, browser.Options{})
	t.Cleanup(func() {
		v.CDP("Emulation.clearDeviceMetricsOverride", nil)
		v.CDP("Emulation.setEmulatedMedia", map[string]any{"features": []any{}})
	})
	for _, p := range []struct {
		name string
		show func()
	}{
		{"landing-provider-alive", func() { v.signIn("https://sso-" + host); v.goTo("https://sso-" + host + "/home"); v.click("#out") }},
		{"landing", func() { v.signIn("https://" + host); v.goTo("https://" + host + "/home"); v.click("#stays") }},
		{"confirmation", func() { v.goTo("https://" + foreign + "/link"); v.click("#go") }},
		{"error", func() { v.goTo("https://" + host + "/.universal-logout/no-such-page") }},
	} {
		p.show()
		kind, _, _ := strings.Cut(p.name, "-")
		v.onOurPage(kind)
		for _, size := range []struct {
			name          string
			width, height int
		}{{"desktop", 1000, 700}, {"phone", 360, 640}} {
			for _, scheme := range []string{"light", "dark"} {
				v.must(v.Emulate(size.width, size.height, scheme), "emulating a screen")
				shot, err := v.Screenshot()
				v.must(err, "taking a screenshot")
				picture, err := png.Decode(bytes.NewReader(shot))
				if err != nil {
					t.Fatal(err)
				}
				if b := picture.Bounds(); b.Dx() != size.width || b.Dy() != size.height {
					t.Errorf("%s: the picture is %v", p.name, b)
				}
				file := filepath.Join(dir, fmt.Sprintf("%s-%s-%s.png", p.name, size.name, scheme))
				if err := os.WriteFile(file, shot, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		v.must(v.Emulate(320, 640, "light"), "emulating a small screen")
		var overflow int
		v.eval(&overflow, "return document.documentElement.scrollWidth - innerWidth")
		if overflow > 0 {
			t.Errorf("%s: scrolls sideways by %d pixels on a screen of 320", p.name, overflow)
		}
	}
}

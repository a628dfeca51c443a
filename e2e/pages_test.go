package e2e

import (
	"net/http"
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
	startCaddy(t, "", sites{
		host:    "universal_logout {\n paths /logout /logout/*\n}\n reverse_proxy " + app.url,
		foreign: "reverse_proxy " + app.url,
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

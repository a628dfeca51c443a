package e2e

import "testing"

// Service workers of the app neither keep a logout from happening nor its page from being shown, and they are gone
// afterwards: one that stayed would answer for an app that nobody is signed in to.
func TestServiceWorkersOfTheAppDoNotDisturbALogout(t *testing.T) {
	const (
		link = `<!doctype html><title>home</title><a id=out href=/logout>Log out</a>`
		form = `<!doctype html><title>home</title><form method=post action=/logout><button id=out>Log out</button></form>`
	)
	for _, c := range []struct {
		name, worker, page string
	}{
		{"an app shell lets a form through", "shell", form},
		{"an app shell that spares the logout lets a link through", "shell-except-logout", link},
		{"an app shell that spares the logout lets a form through", "shell-except-logout", form},
		{"a pass-through worker lets a link through", "pass-through", link},
		{"a pass-through worker lets a form through", "pass-through", form},
	} {
		t.Run(c.name, func(t *testing.T) {
			app, host := startSessionApp(t), "app."+newDomain()
			app.page(host+"/shell", c.page) // with the button, as single-page apps have it
			app.page(host+"/home", c.page)
			app.logout(host+"/logout", goodbye)
			startCaddy(t, "", sites{host: "universal_logout\n reverse_proxy " + app.url})

			inEveryEngine(t, func(t *testing.T, v *visitor) {
				origin := "https://" + host
				sid := v.signIn(origin)
				v.fillStorage()
				v.registerWorker("/worker.js?kind=" + c.worker)

				v.goTo(origin + "/home")
				v.waitFor("navigator.serviceWorker.controller")
				v.click("#out")
				v.onOurPage("landing")

				if alive(t, app.url, "sid", sid) {
					t.Error("the app still honours the session")
				}
				v.waitFor("(await navigator.serviceWorker.getRegistrations()).length === 0")
				v.wantNoCookies([]string{"sid"}, origin+"/")
				v.wantNothingStored(origin + "/")
			})
		})
	}
}

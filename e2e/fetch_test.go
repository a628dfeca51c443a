package e2e

import (
	"net/http"
	"testing"
)

// A script that logs out by fetch gets the app's own answer if there is a good one, and otherwise ours, which tells where
// to go on.
func TestLogoutByFetch(t *testing.T) {
	app, host := startSessionApp(t), "app."+newDomain()
	app.page(host+"/home", "<!doctype html><title>home</title>")
	app.page(host+"/login", "<!doctype html><title>please sign in</title>")
	app.logout("POST "+host+"/api/logout", answer(http.StatusOK, "application/json", `{"app": "says goodbye"}`))
	app.logout("POST "+host+"/api/logout/redirects", redirect(http.StatusFound, "https://elsewhere.example/"))
	app.logout("POST "+host+"/api/logout/fails", answer(http.StatusInternalServerError, "text/plain", "no"))
	app.logout("POST "+host+"/api/logout/hangs", app.hang)
	startCaddy(t, "timeout 1s", sites{host: "universal_logout {\n paths /api/logout /api/logout/*\n}\n reverse_proxy " + app.url})

	type reply struct {
		App         string
		Success     *bool
		RedirectURL string `json:"redirect_url"`
	}
	yes, no := true, false
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		origin := "https://" + host
		for _, c := range []struct {
			path    string
			app     string
			success *bool // nil: the answer is the app's
		}{
			{path: "/api/logout", app: "says goodbye"},
			{path: "/api/logout/redirects", success: &yes},
			{path: "/api/logout/fails", success: &no},
			{path: "/api/logout/hangs", success: &no},
		} {
			sid := v.signIn(origin)
			v.fillStorage()
			v.goTo(origin + "/home")
			var r reply
			v.eval(&r, `const r = await fetch(args[0], {method: "POST"}); return await r.json();`, c.path)

			if r.App != c.app {
				t.Errorf("%s: the app's answer came as %q, want %q", c.path, r.App, c.app)
			}
			if (r.Success == nil) != (c.success == nil) || r.Success != nil && *r.Success != *c.success {
				t.Errorf("%s: success is wrong: %+v", c.path, r)
			}
			if got := v.stored(); got != (stored{}) {
				t.Errorf("%s: left in the browser: %+v", c.path, got)
			}
			if alive(t, app.url, "sid", sid) {
				t.Errorf("%s: the app still honours the session", c.path)
			}
			if c.success != nil {
				if r.RedirectURL == "" {
					t.Errorf("%s: no redirect_url", c.path)
					continue
				}
				v.eval(nil, "location = args[0]", r.RedirectURL)
				v.onOurPage("landing")
			}
			v.wantNoCookies([]string{"sid"}, origin+"/")
		}
	})
}

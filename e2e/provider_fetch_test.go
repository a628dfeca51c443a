package e2e

import (
	"strings"
	"testing"
)

// A script that logs out by fetch cannot bring the browser to the provider by itself. If the app answers well, its answer
// stays as it is and the next page that is opened goes on; otherwise our answer says where to go.
func TestProviderAfterALogoutByFetch(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		l := startLab(t, op, labOptions{providers: edgeClient, apps: map[string]labApp{
			"hint": {directive: withTheAppsToken, keeps: keeps{idToken: true}}, "plain": {},
		}})
		for _, app := range []string{"hint", "plain"} {
			t.Run(app+", the app answers", func(t *testing.T) {
				v := l.visitorOf(t)
				was := l.signIn(v, app)
				since := l.home(v, app)
				var r struct{ App string }
				v.eval(&r, `return await (await fetch("/api/logout", {method: "POST"})).json()`)
				if r.App != "says goodbye" {
					t.Errorf("the app's answer came as %q", r.App)
				}
				if n := visitsOf(l.opHost, l.navigations(since)); n > 0 {
					t.Error("the browser was at the provider before it opened a page")
				}
				v.goTo(l.apps[app].origin + "/")
				v.waitFor(`document.readyState === "complete" && location.origin === args[0] &&
					(document.title === "signed out" || document.querySelector("main[data-page=landing]:not([data-next])"))`, l.apps[app].origin)
				l.wantNoErrors(v, since)
				if visited := l.navigations(since); visitsOf(l.opHost, visited) == 0 {
					t.Errorf("the browser never was at the provider:%s", way(visited))
				}
				l.wantSessionsGone(v, app, was)
			})
			t.Run(app+", the app redirects", func(t *testing.T) {
				v := l.visitorOf(t)
				was := l.signIn(v, app)
				since := l.home(v, app)
				var r struct {
					Success *bool
					URL     string `json:"front_channel_logout_url"`
				}
				v.eval(&r, `return await (await fetch("/api/logout/redirects", {method: "POST"})).json()`)
				if r.Success == nil || !*r.Success || !strings.HasPrefix(r.URL, l.apps[app].origin+"/.universal-logout/hop") {
					path, _, _ := strings.Cut(r.URL, "?")
					t.Fatalf("the answer has success %v and front_channel_logout_url at %q", r.Success, path)
				}
				v.eval(nil, "location = args[0]", r.URL)
				v.waitFor(`document.readyState === "complete" && location.origin === args[0] &&
					(document.title === "signed out" || document.querySelector("main[data-page=landing]:not([data-next])"))`, l.apps[app].origin)
				l.wantNoErrors(v, since)
				l.wantSessionsGone(v, app, was)
			})
		}
	})
}

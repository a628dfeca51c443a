package e2e

import (
	"net/http"
	"testing"
)

// Security headers that many apps send by default withhold the referrer, and with it browsers send Origin null even with
// the app's own forms. The logout must go through, and the form's CSRF token must reach the app.
func TestAnAppThatWithholdsItsReferrerLogsOut(t *testing.T) {
	app, host := startSessionApp(t), "app."+newDomain()
	header := []string{"Referrer-Policy", "no-referrer"}
	app.logout(host+"/logout", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("csrf") != "t&k=n" && r.Method == http.MethodPost {
			http.Error(w, "no token", http.StatusForbidden)
			return
		}
		w.Header().Set("Set-Cookie", "sid=; Path=/; Max-Age=0")
		goodbye(w, r)
	})
	app.page(host+"/form", `<!doctype html><title>form</title><form method=post action="/logout?a=b">
		<input type=hidden name=csrf value="t&amp;k=n"><input type=submit name=submit id=go value=out></form>`, header...)
	app.page(host+"/link", `<!doctype html><title>link</title><a id=go href="/logout">out</a>`, header...)
	startCaddy(t, "", sites{host: "universal_logout\n reverse_proxy " + app.url})

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, by := range []string{"form", "link"} {
			sid := v.signIn("https://" + host)
			v.fillStorage()
			v.goTo("https://" + host + "/" + by)
			v.click("#go")
			v.onTitle("You are signed out")
			if alive(t, app.url, "sid", sid) {
				t.Errorf("%s: the app still honours the session", by)
			}
			v.wantNoCookies([]string{"sid"}, "https://"+host+"/")
			v.wantNothingStored("https://" + host + "/")
		}
	})
}

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever the app does with its logout, the person is logged out of the browser and told the truth: never an error page of
// the server, never a loop, in time, and with few redirects on the way (browsers give up after 19).
func TestWhateverTheAppAnswersThePersonLands(t *testing.T) {
	const timeout, slack, mostRedirects = time.Second, 3 * time.Second, 15
	app, domain := startSessionApp(t), newDomain()
	apps := []struct {
		name   string
		answer http.HandlerFunc
		failed bool   // the page has to say that the app may not have ended the session
		ends   string // title of the page after the landing page, if any
	}{
		{name: "answers", answer: goodbye},
		{name: "redirects", answer: redirect(http.StatusFound, "/login"), ends: "please sign in"},
		{name: "redirects-off-site", answer: redirect(http.StatusFound, "https://elsewhere.example/phishing")},
		{name: "redirects-to-itself", answer: redirect(http.StatusFound, "/logout")},
		{name: "fails", answer: answer(http.StatusInternalServerError, "text/html", "<title>500</title>"), failed: true},
		{name: "is-gone", answer: answer(http.StatusNotFound, "text/html", "<title>404</title>"), failed: true},
		{name: "refuses", answer: answer(http.StatusForbidden, "text/html", "<title>CSRF token missing</title>"), failed: true},
		{name: "hangs", answer: app.hang, failed: true},
		{name: "breaks-off", answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failed: true},
		{name: "is-down", answer: goodbye, failed: true}, // never asked, see below
	}
	all := sites{}
	for _, a := range apps {
		host := a.name + "." + domain
		app.page(host+"/home", `<!doctype html><title>home</title><a id=link href=/logout>Log out</a>
			<form method=post action=/logout><button id=form>Log out</button></form>`)
		app.logout(host+"/logout", a.answer)
		all[host] = "universal_logout\n reverse_proxy " + app.url
	}
	all["is-down."+domain] = fmt.Sprintf("universal_logout\n handle /logout {\n reverse_proxy 127.0.0.1:%d\n}\n reverse_proxy %s", freePort(t), app.url)
	caddy := startCaddy(t, "timeout "+timeout.String(), all)

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, a := range apps {
			for _, by := range []string{"link", "form"} {
				host := a.name + "." + domain
				origin := "https://" + host
				v.signIn(origin)
				v.goTo(origin + "/home")
				before, began := len(caddy.requests(host)), time.Now()
				v.click("#" + by)
				if a.ends != "" {
					v.onTitle(a.ends)
				} else {
					v.onOurPage("landing")
					text, err := v.Text("main")
					v.must(err, "reading the landing page")
					if !strings.Contains(text, host) {
						t.Errorf("%s, by %s: the landing page does not name the app: %q", a.name, by, text)
					}
					if says := strings.Contains(text, "may still be signed in"); says != a.failed {
						t.Errorf("%s, by %s: the landing page says %q", a.name, by, text)
					}
				}
				if took := time.Since(began); took > timeout+slack {
					t.Errorf("%s, by %s: the person waited %v", a.name, by, took)
				}
				redirects := 0
				for _, e := range caddy.requests(host)[before:] {
					if e.Status >= 300 && e.Status < 400 {
						redirects++
					}
				}
				if redirects > mostRedirects {
					t.Errorf("%s, by %s: %d redirects", a.name, by, redirects)
				}
				v.wantNoCookies([]string{"sid"}, origin+"/")
			}
		}
	})
}

// Where a person goes after the landing page: where the request says if that is allowed, else to return_to, else where the
// app says; and nowhere by itself if the app failed, because there is something to read first.
func TestALogoutGoesOnToAllowedAddressesOnly(t *testing.T) {
	app, domain := startSessionApp(t), newDomain()
	host, configured, broken, www := "app."+domain, "configured."+domain, "broken."+domain, "www."+domain
	for _, h := range []string{host, configured, broken} {
		// Apps often allow their pages no forms to elsewhere, and browsers apply that to redirects of the answer too.
		app.page(h+"/home", `<!doctype html><title>home</title>`, "Content-Security-Policy", "form-action 'self'")
	}
	app.logout(host+"/logout", goodbye)
	app.logout(configured+"/logout", goodbye)
	app.logout(broken+"/logout", answer(http.StatusInternalServerError, "text/plain", "no"))
	startCaddy(t, "allowed_return_urls https://"+www, sites{
		host:       "universal_logout\n reverse_proxy " + app.url,
		configured: "universal_logout {\n return_to https://" + www + "/configured\n}\n reverse_proxy " + app.url,
		broken:     "universal_logout\n reverse_proxy " + app.url,
		www:        "header Content-Type text/html\n respond `<!doctype html><title>{path}</title>`",
	})
	const landing = "" // stays there
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, c := range []struct{ host, wish, ends string }{
			{host, "", landing},
			{host, "https://" + www + "/bye", "/bye"},
			{host, "/login", "please sign in"},
			{host, "https://www.elsewhere.example/", landing},
			{host, "//www.elsewhere.example/", landing},
			{host, "javascript:alert(1)", landing},
			{configured, "", "/configured"},
			{configured, "https://" + www + "/bye", "/bye"},
			{configured, "https://www.elsewhere.example/", "/configured"},
			{broken, "https://" + www + "/bye", landing},
		} {
			for _, method := range []string{"get", "post"} {
				v.signIn("https://" + c.host)
				v.goTo("https://" + c.host + "/home")
				v.eval(nil, `
					const form = document.createElement("form");
					form.method = args[0];
					form.action = "/logout";
					if (args[1]) {
						const wish = document.createElement("input");
						wish.name = "post_logout_redirect_uri";
						wish.value = args[1];
						form.append(wish);
					}
					form.append(document.createElement("button"));
					document.body.append(form);`, method, c.wish)
				v.click("button")
				if c.ends == landing {
					v.onOurPage("landing")
				} else {
					v.onTitle(c.ends)
				}
			}
		}
	})
}

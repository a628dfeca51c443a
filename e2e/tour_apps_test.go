package e2e

import (
	"strings"
	"testing"
)

// Several apps on one host, with cookies that are limited to their paths, are ended from another site, from each other, and
// by "sign out everywhere"; and an unchanged Django, whose logout wants a CSRF token, from elsewhere.
func TestATourEndsSeveralAppsOnOneHost(t *testing.T) {
	lab := planTour(t, "session_cookies sid", 1)
	django := startDjango(t)
	many, admin, single := "many."+newDomain(), "django."+newDomain(), "single."+newDomain()
	limited := func(name, path string) string {
		return name + "={sid}; Path=" + path + "; Secure; HttpOnly; SameSite=Strict"
	}
	wiki, grafana := startSessionApp(t), startSessionApp(t)
	wiki.cookies[single] = []string{limited("wiki_session", "/wiki")}
	wiki.cookies[many], grafana.cookies[many] = []string{limited("wiki_session", "/wiki")}, []string{limited("grafana_session", "/grafana")}
	wiki.logout("/logout", goodbye) // handle_path cuts the path that the browser uses
	grafana.logout("/grafana/logout", goodbye)
	grafana.mux.HandleFunc("/grafana/sign-in", grafana.signIn)
	wiki.page("/form", `<!doctype html><title>form</title><form method=post action=/wiki/logout><button id=out>log out</button></form>`)
	lab.site[many] = `universal_logout {
			paths off
		}
		handle_path /wiki/* {
			universal_logout {
				session_cookies wiki_session
			}
			reverse_proxy ` + wiki.url + `
		}
		universal_logout /grafana/* {
			session_cookies grafana_session
		}
		reverse_proxy /grafana/* ` + grafana.url + `
		reverse_proxy ` + lab.app.url
	lab.site[single] = `universal_logout {
			paths off
			group single
		}
		handle_path /wiki/* {
			universal_logout {
				session_cookies wiki_session
				group single
			}
			reverse_proxy ` + wiki.url + `
		}`
	lab.site[admin] = `universal_logout {
			paths POST /admin/logout/
			session_cookies sessionid
			logout_call POST /admin/logout/ {
				csrf /admin/password_change/ ` + "`name=\"csrfmiddlewaretoken\" value=\"([^\"]+)\"`" + ` field csrfmiddlewaretoken
			}
		}
		reverse_proxy ` + strings.TrimPrefix(django, "http://")
	lab.start(t, "")

	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, c := range []struct {
			name, start, click string
			django             bool
		}{
			{"from another site", lab.hosts[0] + "/form", "#out", true},
			{"from one of the apps", many + "/wiki/form", "#out", false},
			{"everywhere", many + "/.universal-logout/", "#sign-out button", false},
		} {
			s := lab.signIn(v)
			inWiki, inGrafana := v.signIn("https://"+many+"/wiki"), v.signIn("https://"+many+"/grafana")
			inDjango := ""
			if c.django {
				v.signInToDjango(admin)
				inDjango = v.djangoSession(admin)
			}

			v.goTo("https://" + c.start)
			v.click(c.click)
			v.onOurPage("landing")
			text, err := v.Text("main")
			v.must(err, "reading the page")
			if strings.Contains(text, "not everywhere") {
				t.Errorf("%s: the page says %q", c.name, text)
			}
			if alive(t, wiki.url, "wiki_session", inWiki) {
				t.Errorf("%s: the wiki still honours the session", c.name)
			}
			if alive(t, grafana.url, "grafana_session", inGrafana) {
				t.Errorf("%s: Grafana still honours the session", c.name)
			}
			if c.django && (inDjango == "" || alive(t, django, "sessionid", inDjango) || v.djangoSession(admin) != "") {
				t.Errorf("%s: Django still honours the session %q, or its cookie is left", c.name, inDjango)
			}
			for _, path := range []string{"/wiki/", "/grafana/"} {
				v.wantNoCookies([]string{"wiki_session", "grafana_session"}, "https://"+many+path)
			}
			lab.wantEnded(v, s)
		}
		// Alone in its group, it has no tour; but its cookie is for its own path only all the same.
		sid := v.signIn("https://" + single + "/wiki")
		v.goTo("https://" + single + "/.universal-logout/")
		v.click("#sign-out button")
		v.onOurPage("landing")
		if alive(t, wiki.url, "wiki_session", sid) {
			t.Error("the only app of a group still honours the session")
		}
		v.wantNoCookies([]string{"wiki_session"}, "https://"+single+"/wiki/")
	})
}

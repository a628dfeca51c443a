package e2e

import (
	"slices"
	"strings"
	"testing"
)

// appLineOf is what the landing page says of an app: its words, and the link beside them.
func (v *visitor) appLineOf(host string) (text, link string) {
	v.t.Helper()
	var line struct{ Text, Link string }
	v.eval(&line, `
		const line = [...document.querySelectorAll("main li")].find(li => li.textContent.includes(args[0]));
		return line ? {text: line.querySelector("span").textContent, link: line.querySelector("a")?.href ?? ""} : {text: "", link: ""};`, host)
	return line.Text, line.Link
}

// An app that never answers costs the others nothing, whether it is a sibling, at the site of a hop, or both. The landing
// page names it, with a link to where the person may still be signed in.
func TestAnAppThatHangsDoesNotKeepTheOthers(t *testing.T) {
	lab := planTour(t, "session_cookies sid", 3, 2)
	hanging := []string{lab.hosts[1], lab.hosts[3]}
	for _, host := range hanging {
		lab.app.mux.HandleFunc(host+"/logout", lab.app.hang)
	}
	www := "www." + newDomain()
	lab.site[www] = "header Content-Type text/html\nrespond `<!doctype html><title>bye</title>`"
	lab.start(t, "allowed_return_urls https://"+www)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		s := lab.signIn(v)
		v.goTo("https://" + lab.hosts[0] + "/form")
		// Somebody has to read what could not be ended: no going on.
		v.eval(nil, `document.forms[0].action += "?post_logout_redirect_uri=https://`+www+`/"`)
		v.click("#out")
		v.onOurPage("landing")
		for host, sid := range s {
			text, link := v.appLineOf(host)
			if slices.Contains(hanging, host) {
				if !strings.Contains(text, "could not be ended") && !strings.Contains(text, "not reached") || link != "https://"+host+"/" {
					t.Errorf("%s hangs, and the page says %q with the link %q", host, text, link)
				}
				continue
			}
			if text != "signed out" || link != "" {
				t.Errorf("%s: the page says %q with the link %q", host, text, link)
			}
			if alive(t, lab.app.url, "sid", sid) {
				t.Errorf("%s: the app still honours the session", host)
			}
		}
		for host := range s {
			v.wantNoCookies([]string{"sid"}, "https://"+host+"/")
		}
	})
}

// With nothing to tell, the tour goes straight on to where the person wants to be, and leaves no cookie of ours.
func TestATourGoesStraightOnIfNothingFailed(t *testing.T) {
	lab := planTour(t, "session_cookies sid", 1, 1)
	www := "www." + newDomain()
	lab.site[lab.hosts[0]] = lab.directive("session_cookies sid\nreturn_to https://" + www + "/configured")
	lab.site[www] = "header Content-Type text/html\nrespond `<!doctype html><title>{path}</title>`"
	lab.start(t, "allowed_return_urls https://"+www)
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		for _, c := range []struct{ host, query, ends string }{
			{lab.hosts[0], "", "/configured"},
			{lab.hosts[1], "?post_logout_redirect_uri=https://" + www + "/asked-for", "/asked-for"},
		} {
			s := lab.signIn(v)
			v.goTo("https://" + c.host + "/form")
			v.eval(nil, `document.forms[0].action += args[0]`, c.query)
			v.click("#out")
			v.onTitle(c.ends)
			lab.wantEnded(v, s)
		}
	})
}

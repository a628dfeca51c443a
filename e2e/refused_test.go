package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Somebody copied the cookie before the logout, and the app cannot end the session behind it: the edge refuses it, in every
// browser and at every site of this Caddy, and takes it out of the browser again. Who signs in again gets in.
func TestACopiedCookieIsRefused(t *testing.T) {
	app, domain := startSessionApp(t), newDomain()
	host, sibling := "app."+domain, "other."+domain
	for _, h := range []string{host, sibling} {
		app.page(h+"/home", `<!doctype html><title>home</title><form method=post action=/logout><button id=out>Log out</button></form>`)
		app.page(h+"/logout", "<!doctype html><title>the app's goodbye</title>")
		app.cookies[h] = []string{"sid={sid}; Path=/; Domain=" + domain + "; Secure; SameSite=Lax"}
	}
	startCaddy(t, "", sites{
		host:    "universal_logout {\n fanout off\n}\n reverse_proxy " + app.url,
		sibling: "universal_logout {\n fanout off\n}\n reverse_proxy " + app.url,
	})
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		sid := v.signIn("https://" + host)
		if s := v.stateAt("https://" + sibling + "/"); s.User != "alice" {
			t.Fatalf("the test is wrong: at the sibling the app sees %q", s.User)
		}
		v.goTo("https://" + host + "/home")
		v.click("#out")
		v.onOurPage("landing")
		if !alive(t, app.url, "sid", sid) {
			t.Fatal("the test is wrong: the app has ended the session")
		}
		for _, h := range []string{host, sibling} {
			for _, cookie := range []string{"sid=" + sid, `sid="` + sid + `"`, "sid=%" + fmt.Sprintf("%x", sid[0]) + sid[1:], "SID=" + sid} {
				v.goTo("https://" + h + "/login")
				v.eval(nil, `document.cookie = args[0] + "; Path=/; Secure"`, cookie)
				if s := v.stateAt("https://" + h + "/"); s.User != "" || len(s.Cookies) > 0 {
					t.Errorf("%s: with %.8s… the app sees %+v", h, cookie, s)
				}
				v.wantNoCookies([]string{"sid", "SID"}, "https://"+h+"/")
			}
		}
		v.signIn("https://" + host)
		if s := v.stateAt("https://" + host + "/"); s.User != "alice" {
			t.Errorf("who signs in again is %q", s.User)
		}
	})
}

// A page that keeps an event stream open loses it within a second when the session ends in another window.
func TestAnOpenStreamEndsWithItsSession(t *testing.T) {
	app, domain := startSessionApp(t), newDomain()
	host := "app." + domain
	app.page(host+"/home", `<!doctype html><title>home</title><form method=post action=/logout><button id=out>Log out</button></form>`)
	app.page(host+"/logout", "<!doctype html><title>the app's goodbye</title>")
	app.page(host+"/live", `<!doctype html><title>connecting</title><script>
		const events = new EventSource("/events");
		events.onopen = () => { document.title = "open" };
		events.onerror = () => { if (document.title === "open") document.title = "closed" };
	</script>`)
	ended := make(chan time.Time, 8)
	app.mux.HandleFunc(host+"/events", func(w http.ResponseWriter, r *http.Request) {
		if app.user(r) == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, ": hello\n\n")
		w.(http.Flusher).Flush()
		app.hang(w, r)
		ended <- time.Now()
	})
	startCaddy(t, "", sites{host: "universal_logout\n reverse_proxy {\n to " + app.url + "\n flush_interval -1\n}"})
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		v.signIn("https://" + host)
		v.goTo("https://" + host + "/live")
		v.onTitle("open")
		first, err := v.Window()
		v.must(err, "reading the window's handle")
		_, err = v.NewTab()
		v.must(err, "opening a tab")
		v.goTo("https://" + host + "/home")
		v.click("#out")
		v.onOurPage("landing")
		loggedOut := time.Now()
		v.must(v.CloseWindow(), "closing the tab")
		v.must(v.SwitchTo(first), "going back to the first tab")
		v.onTitle("closed")
		select {
		case at := <-ended:
			if late := at.Sub(loggedOut); late > 2*time.Second {
				t.Errorf("the app's side of the stream lived on for %v", late)
			}
		case <-time.After(10 * time.Second):
			t.Error("the app's side of the stream lives on")
		}
	})
}

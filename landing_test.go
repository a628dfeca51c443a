package universallogout

import (
	"fmt"
	"strings"
	"testing"
)

// TestLandingPageTellsTheTruth: "everywhere" is said only if there is nowhere
// else, and a long list of good news is folded.
func TestLandingPageTellsTheTruth(t *testing.T) {
	const shownApps = 12 // more are folded
	type page struct{ mood, title, text string }
	app := "%s {\nuniversal_logout\nreverse_proxy APP\n}\n"
	hosts := []string{"mail.alpha.com", "wiki.alpha.com"}
	many := append([]string{}, hosts...)
	for i := range shownApps {
		many = append(many, fmt.Sprintf("app%d.alpha.com", i))
	}
	for name, tc := range map[string]struct {
		globals, more string
		hosts         []string
		signedOut     bool // before
		says          page
		has, lacks    string
	}{
		"everything":               {hosts: hosts, says: page{"good", "You are signed out everywhere", "This browser has forgotten every session that it had here."}, has: "<li>wiki.alpha.com <span>signed out</span></li>", lacks: "<details>"},
		"many apps":                {hosts: many, says: page{"good", "You are signed out everywhere", "This browser has forgotten every session that it had here."}, has: fmt.Sprintf("<details><summary>Signed out of %d apps</summary>", shownApps+2), lacks: "<h2>"},
		"an app elsewhere":         {globals: "also Mail https://mail.example/out", hosts: hosts, says: page{"good", "You are signed out", "This browser has forgotten every session that it had here."}, has: `<a href="https://mail.example/out">Sign out of Mail</a>`, lacks: "everywhere"},
		"an app without TLS":       {more: "http://old.alpha.com {\nuniversal_logout\nreverse_proxy APP\n}\n", hosts: hosts, says: page{"note", "You are signed out", "This browser is signed out of every site that has https."}, has: `<a href="http://old.alpha.com/">old.alpha.com</a>`, lacks: "<details>"},
		"nobody was there":         {hosts: hosts, signedOut: true, says: page{"good", "You are signed out", "There was no session in this browser."}, has: "There was no session", lacks: "wiki.alpha.com"},
		"an app without a session": {hosts: append([]string{"other.alpha.com"}, hosts...), says: page{"good", "You are signed out everywhere", "This browser has forgotten every session that it had here."}, has: "There was no session at one more app.", lacks: "other.alpha.com <span>"},
	} {
		t.Run(name, func(t *testing.T) {
			var sites strings.Builder
			for _, host := range tc.hosts {
				fmt.Fprintf(&sites, app, host)
			}
			globals := ""
			if tc.globals != "" {
				globals = "universal_logout {\n" + tc.globals + "\n}"
			}
			lab := newTourLabOf(t, globals, sites.String()+tc.more, tc.hosts...)
			j := &jar{now: lab.clock}
			if !tc.signedOut {
				for _, host := range tc.hosts {
					if host != "other.alpha.com" {
						lab.signIn(j, "ana", host)
					}
				}
			}
			p := lab.signOut(j, "mail.alpha.com")
			for range 10 {
				if strings.Contains(p.body, `data-page="landing"`) {
					break
				}
				wantSmall(t, p.body, len(tc.hosts))
				p = lab.goOn(j, p)
			}
			if !strings.Contains(p.body, "<h1 tabindex=\"-1\" autofocus>"+tc.says.title+"</h1>") || !strings.Contains(p.body, tc.says.text) || !strings.Contains(p.body, `data-mood="`+tc.says.mood+`"`) {
				t.Errorf("does not say %q: %s", tc.says.title, p.body)
			}
			if !strings.Contains(p.body, tc.has) || strings.Contains(p.body, tc.lacks) {
				t.Errorf("lacks %q or has %q: %s", tc.has, tc.lacks, p.body)
			}
			wantSmall(t, p.body, len(tc.hosts))
		})
	}
}

// wantSmall: a page comes at every hop, over slow lines too.
func wantSmall(t *testing.T, body string, apps int) {
	t.Helper()
	if n := len(body); n > 7<<10+apps*200 {
		t.Errorf("a page of %d bytes", n)
	}
}

package universallogout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// TestLandingPageTellsTheTruth: "everywhere" is said only if there is nowhere
// else, and a long list of good news is folded.
func TestLandingPageTellsTheTruth(t *testing.T) {
	app := "%s {\nuniversal_logout\nreverse_proxy APP\n}\n"
	hosts := []string{"mail.alpha.com", "wiki.alpha.com"}
	many := append([]string{}, hosts...)
	for i := range pages.MaxShownApps {
		many = append(many, fmt.Sprintf("app%d.alpha.com", i))
	}
	for name, tc := range map[string]struct {
		globals, more string
		hosts         []string
		signedOut     bool // before
		says          pages.Page
		has, lacks    string
	}{
		"everything":               {hosts: hosts, says: pages.TextAll, has: "<li>wiki.alpha.com <span>signed out</span></li>", lacks: "<details>"},
		"many apps":                {hosts: many, says: pages.TextAll, has: fmt.Sprintf("<details><summary>Signed out of %d apps</summary>", pages.MaxShownApps+2), lacks: "<h2>"},
		"an app elsewhere":         {globals: "also Mail https://mail.example/out", hosts: hosts, says: pages.TextAllHere, has: `<a href="https://mail.example/out">Sign out of Mail</a>`, lacks: "everywhere"},
		"an app without TLS":       {more: "http://old.alpha.com {\nuniversal_logout\nreverse_proxy APP\n}\n", hosts: hosts, says: pages.TextAllSecure, has: `<a href="http://old.alpha.com/">old.alpha.com</a>`, lacks: "<details>"},
		"nobody was there":         {hosts: hosts, signedOut: true, says: pages.TextNobody, has: "There was no session", lacks: "wiki.alpha.com"},
		"an app without a session": {hosts: append([]string{"other.alpha.com"}, hosts...), says: pages.TextAll, has: "There was no session at one more app.", lacks: "other.alpha.com <span>"},
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
			if !strings.Contains(p.body, "<h1 tabindex=\"-1\" autofocus>"+tc.says.Title+"</h1>") || !strings.Contains(p.body, tc.says.Text) || !strings.Contains(p.body, `data-mood="`+string(tc.says.Mood)+`"`) {
				t.Errorf("does not say %q: %s", tc.says.Title, p.body)
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

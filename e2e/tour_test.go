package e2e

import (
	"strings"
	"testing"
)

// tourCookies are session cookies of every kind that needs a deletion of its own. {host} makes a name one site's own, for
// a cookie that the whole domain gets.
var tourCookies = []cookieKind{
	{"sid", "Path=/; Secure; HttpOnly; SameSite=Lax"},
	{"strict_sid", "Path=/; Secure; HttpOnly; SameSite=Strict"},
	{"none_sid", "Path=/; Secure; HttpOnly; SameSite=None"},
	{"plain_sid", "Path=/"},
	{"__Host-sid", "Path=/; Secure; HttpOnly; SameSite=Strict"},
	{"{host}_sid", "Path=/; Secure; Domain={domain}"},
	{"api_sid", "Path=/api; Secure; HttpOnly; SameSite=Strict"},
	{"parted_sid", "Path=/; Secure; SameSite=None; Partitioned"},
	{"__Host-parted_sid", "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"},
}

// newSeededLab is sites whose apps use every kind of cookie. Only the configuration knows of the one
// that is limited to the app's API.
func newSeededLab(t *testing.T, words string, perDomain ...int) *tourLab {
	lab := planTour(t, "paths /logout /api/logout\nsession_cookies *sid api_sid\n"+words, perDomain...)
	for _, host := range lab.hosts {
		name, domain, _ := strings.Cut(host, ".")
		for _, c := range tourCookies {
			r := strings.NewReplacer("{host}", name, "{domain}", domain)
			lab.app.cookies[host] = append(lab.app.cookies[host], r.Replace(c.name)+"={sid}; "+r.Replace(c.attributes))
		}
		lab.app.cookies[host] = append(lab.app.cookies[host], "theme=dark; Path=/")
	}
	return lab.start(t, "")
}

// One click at one site, and no browser has anything of any site any more: no kind of session cookie, nothing in any store,
// no service worker, whatever kind of worker the sites have; and no app has the session.
func TestATourLeavesNothingOfAnySite(t *testing.T) {
	for _, c := range []struct {
		name, words, worker string
		sites               []int // on each domain
		kept                []string
	}{
		{name: "no worker", sites: []int{2, 2, 1}, kept: []string{"theme"}},
		{name: "app shells", worker: "shell", sites: []int{4, 3, 2}, kept: []string{"theme"}},
		{name: "pass-through workers", worker: "pass-through", sites: []int{2, 2, 1}, kept: []string{"theme"}},
		{name: "all cookies", words: "clear_site_data cookies storage", sites: []int{2, 2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab := newSeededLab(t, c.words, c.sites...)
			for _, host := range lab.hosts {
				lab.app.page(host+"/shell", `<!doctype html><title>shell</title><form method=post action=/logout><button id=out>log out</button></form>`)
			}
			inEveryEngine(t, func(t *testing.T, v *visitor) {
				all := sessions{}
				for _, host := range lab.hosts {
					all[host] = lab.seed(v, host, c.worker)
				}
				if c.worker == "" {
					had, _ := lab.left(v, lab.hosts[1])
					if len(had) != len(tourCookies)+2 { // the sibling's for the whole domain, and theme
						t.Fatalf("the browser never had them all: %v", had)
					}
				}
				lab.logOut(v, lab.hosts[1])
				v.onOurPage("landing")
				text, err := v.Text("main")
				v.must(err, "reading the landing page")
				if !strings.Contains(text, "signed out everywhere") || strings.Count(text, "signed out") < len(lab.hosts) {
					t.Errorf("the landing page says %q", text)
				}
				lab.wantEnded(v, all, c.kept...)
			})
		})
	}
}

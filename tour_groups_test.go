package universallogout

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestGroups: which sites a logout reaches, by what their blocks say.
func TestGroups(t *testing.T) {
	all := []string{"a.alpha.com", "b.alpha.com", "c.beta.org", "d.beta.org"}
	const providers = `universal_logout {
		provider main {
			logout_url https://sso.example.net/logout
		}
		provider second {
			logout_url https://sso2.example.net/logout
		}
	}`
	block := func(hosts, words string) string {
		return hosts + " {\n" + words + "\nreverse_proxy APP\n}\n"
	}
	for name, tc := range map[string]struct {
		global, sites string
		start         string
		left          []string // where sessions are alive afterwards
	}{
		"default":               {"", block("a.alpha.com, b.alpha.com, c.beta.org, d.beta.org", "universal_logout"), "a.alpha.com", nil},
		"two groups":            {"", block("a.alpha.com, c.beta.org", "universal_logout {\ngroup x\n}") + block("b.alpha.com, d.beta.org", "universal_logout {\ngroup y\n}"), "a.alpha.com", []string{"b.alpha.com", "d.beta.org"}},
		"one group and none":    {"", block("a.alpha.com", "universal_logout {\ngroup x\n}") + block("b.alpha.com, c.beta.org, d.beta.org", "universal_logout"), "b.alpha.com", []string{"a.alpha.com"}},
		"a group called so":     {"", block("a.alpha.com", "universal_logout {\ngroup default\n}") + block("b.alpha.com, c.beta.org, d.beta.org", "universal_logout"), "b.alpha.com", nil},
		"providers":             {providers, block("a.alpha.com", "universal_logout main") + block("b.alpha.com", "universal_logout {\ngroup main\n}") + block("c.beta.org", "universal_logout second") + block("d.beta.org", "universal_logout"), "b.alpha.com", []string{"c.beta.org", "d.beta.org"}},
		"a provider, regrouped": {providers, block("a.alpha.com, b.alpha.com", "universal_logout main {\ngroup second\n}") + block("c.beta.org", "universal_logout second") + block("d.beta.org", "universal_logout"), "b.alpha.com", []string{"d.beta.org"}},
		"fanout off there":      {"", block("a.alpha.com", "universal_logout") + block("b.alpha.com, c.beta.org, d.beta.org", "universal_logout {\nfanout off\n}"), "a.alpha.com", nil},
		"fanout off here":       {"", block("a.alpha.com", "universal_logout {\nfanout off\n}") + block("b.alpha.com, c.beta.org, d.beta.org", "universal_logout"), "a.alpha.com", all[1:]},
		"without the directive": {"", block("a.alpha.com, b.alpha.com, c.beta.org", "universal_logout") + block("d.beta.org", ""), "a.alpha.com", all[3:]},
		"wildcard":              {"", block("*.alpha.com", "universal_logout") + block("c.beta.org, d.beta.org", "universal_logout"), "c.beta.org", all[:2]},
		"wildcard, hosts":       {"", block("*.alpha.com", "universal_logout {\nhosts b.alpha.com x.gamma.net\n}") + block("c.beta.org, d.beta.org", "universal_logout"), "c.beta.org", all[:1]},
		"any host, hosts":       {"", block("https://", "universal_logout {\nhosts a.alpha.com d.beta.org\n}") + block("b.alpha.com, c.beta.org", "universal_logout"), "c.beta.org", nil},
		"a named route":         {"", "&(apps) {\nuniversal_logout\nreverse_proxy APP\n}\n" + block("a.alpha.com, b.alpha.com", "universal_logout\ninvoke apps") + block("c.beta.org, d.beta.org", "universal_logout"), "d.beta.org", nil},
		"a named route alone":   {"", "&(apps) {\nuniversal_logout\nreverse_proxy APP\n}\n" + block("a.alpha.com", "invoke apps") + block("b.alpha.com, c.beta.org, d.beta.org", "universal_logout"), "d.beta.org", all[:1]},
		"in a matcher's block":  {"", block("*.alpha.com", "universal_logout\n@b host b.alpha.com\nhandle @b {\nuniversal_logout\nreverse_proxy APP\n}") + block("c.beta.org, d.beta.org", "universal_logout"), "c.beta.org", all[:1]},
		"a snippet":             {"", "(app) {\nuniversal_logout {\ngroup {args[0]}\n}\n}\n" + block("a.alpha.com, c.beta.org", "import app x") + block("b.alpha.com, d.beta.org", "import app y"), "c.beta.org", []string{"b.alpha.com", "d.beta.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab := newTourLabOf(t, tc.global, tc.sites, all...)
			j := lab.visitor("ana")
			f := lab.followUntil(j, lab.signOutForm(tc.start), func(res *http.Response) bool {
				return strings.HasPrefix(res.Header.Get("Location"), "https://sso")
			})
			left := lab.left(j, "ana")
			if !slices.Equal(left, tc.left) {
				t.Errorf("left at %v, want %v; the browser was at\n%s\n%s", left, tc.left, strings.Join(f.visited, "\n"), f.body)
			}
		})
	}
}

// TestAppsOfOneSite: all apps of a host are ended, each by its own logout.
func TestAppsOfOneSite(t *testing.T) {
	for name, site := range map[string]string{
		"top level": `universal_logout /grafana/*
			universal_logout /files/*
			universal_logout`,
		"blocks": `universal_logout {
				paths off
			}
			handle /grafana/* {
				universal_logout /grafana/*
				reverse_proxy APP
			}
			handle_path /files/* {
				universal_logout
				reverse_proxy APP
			}
			handle {
				universal_logout
				reverse_proxy APP
			}`,
		"blocks below the site's": `universal_logout
			handle /grafana/* {
				universal_logout /grafana/*
				reverse_proxy APP
			}
			handle_path /files/* {
				universal_logout
				reverse_proxy APP
			}`,
	} {
		for start, began := range map[string]string{
			"there": "https://c.beta.org/logout", "at the root": "https://a.alpha.com/logout", "at one of them": "https://a.alpha.com/grafana/logout",
		} {
			t.Run(name+", begun "+start, func(t *testing.T) {
				t.Parallel()
				lab := newTourLabOf(t, "", `a.alpha.com {
						`+site+`
						reverse_proxy APP
					}
					c.beta.org {
						universal_logout
						reverse_proxy APP
					}`, "a.alpha.com", "c.beta.org")
				j := lab.visitor("ana")
				for _, path := range []string{"/grafana", "/files"} {
					lab.apps.login(path)
					j.store("a.alpha.com", "/", true, []string{"sessionid=" + path + "; Path=" + path + "; Secure"})
				}
				lab.follow(j, request("GET", began, "", clicked...))
				if start == "at one of them" {
					delete(lab.apps.alive, "ana@a.alpha.com") // cookies of one name: nobody can tell whose is whose
				}
				for _, id := range []string{"ana@a.alpha.com", "ana@c.beta.org", "/grafana", "/files"} {
					if lab.apps.isAlive(id) {
						t.Errorf("%s is alive", id)
					}
				}
				for _, c := range j.cookies {
					if c.name == "sessionid" {
						t.Errorf("left in the browser: %s for %s%s", c.value, c.domain, c.path)
					}
				}
			})
		}
	}
}

// walk is a tour without script: a click on every page.
func (s *site) walk(j *jar, r *http.Request) browserPage {
	s.t.Helper()
	p := s.open(j, r)
	for range 100 {
		switch next := metaRefresh(p.body); {
		case p.Header.Get("Location") != "":
			u, err := p.url.Parse(p.Header.Get("Location"))
			if err != nil {
				s.t.Fatal(err)
			}
			p = s.open(j, request("GET", u.String(), "", clicked...))
		case next != "" && strings.Contains(next, "universal-logout"):
			u, err := p.url.Parse(strings.ReplaceAll(next, "&amp;", "&"))
			if err != nil {
				s.t.Fatal(err)
			}
			p = s.open(j, request("GET", u.String(), "", clicked...))
		case strings.Contains(p.body, `data-page="progress"`):
			p = s.press(j, p)
		default:
			return p
		}
	}
	s.t.Fatalf("goes round in circles at %s: %s", p.url, p.body)
	return p
}

// TestWithoutScript: every site is a page with a button.
func TestWithoutScript(t *testing.T) {
	for _, words := range []string{"", "clear_site_data storage cookies"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, words, groupSites...)
			j := lab.visitor("ana")
			p := lab.walk(j, lab.signOutForm("b.alpha.com"))
			if left := lab.left(j, "ana"); len(left) > 0 || !strings.Contains(p.body, "signed out everywhere") {
				t.Errorf("left at %v: %s", left, p.body)
			}
			for _, name := range j.names() {
				t.Errorf("%s is left in the browser", name)
			}
		})
	}
}

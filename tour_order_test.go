package universallogout

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// withCookies is a tour with "cookies" and a portal, which is visited once.
func withCookies(t *testing.T, words string) *tourLab {
	t.Helper()
	var sites strings.Builder
	for _, host := range groupSites {
		sites.WriteString(host + " {\nuniversal_logout portal {\n" + words + "\n}\nreverse_proxy APP\n}\n")
	}
	return newTourLabOf(t, `universal_logout {
		provider portal {
			logout_url https://auth.alpha.com/logout?rd={return_url}
		}
	}`, sites.String()+"auth.alpha.com {\nredir {query.rd}\n}\n", groupSites...)
}

// TestSecondRound: "cookies" is never among what the first round clears, and
// comes after the provider; then every site has it, the landing page's host and
// its siblings last.
func TestSecondRound(t *testing.T) {
	for _, start := range groupSites {
		t.Run(start, func(t *testing.T) {
			t.Parallel()
			lab := withCookies(t, "clear_site_data storage cookies")
			lab.app.run.providers["portal"].AskThrough(servedBy{&portal{}})
			j := lab.visitor("ana")
			var way, cleared []string
			note := func(at string, res *http.Response) {
				u := mustURL(at)
				way = append(way, u.Host+u.Path)
				if strings.Contains(res.Header.Get("Clear-Site-Data"), "cookies") {
					cleared = append(cleared, u.Host)
					if !slices.Contains(way, "auth.alpha.com/logout") {
						t.Errorf("%s clears cookies before the provider was visited: %v", at, way)
					}
				}
			}
			p := lab.signOut(j, start)
			for range 30 {
				note(p.url.String(), p.Response)
				next, token := p.Header.Get("Location"), p.token()
				var words []string
				for _, ask := range asked.FindAllStringSubmatch(p.body, -1) {
					res, word := lab.askSite(j, p.url, ask[1], token)
					note(ask[1], res)
					words = append(words, word)
				}
				switch {
				case next != "":
				case tourForm.MatchString(p.body):
					p = lab.open(j, lab.runScriptWith(p, append(words, "asked")))
					continue
				default:
					next = metaRefresh(p.body)
				}
				if next == "" || next == "/login" {
					break
				}
				u, err := p.url.Parse(strings.ReplaceAll(next, "&amp;", "&"))
				if err != nil {
					t.Fatal(err)
				}
				p = lab.open(j, request("GET", u.String(), "", clicked...))
			}
			if left := lab.left(j, "ana"); len(left) > 0 {
				t.Errorf("left at %v", left)
			}
			for _, host := range groupSites {
				if !slices.Contains(cleared, host) {
					t.Errorf("%s clears no cookies; the way was\n%s\n%s", host, strings.Join(way, "\n"), p.body)
				}
			}
			if p.url.Host != start || !strings.Contains(p.body, `data-page="landing"`) {
				t.Errorf("ends at %s: %s", p.url, p.body)
			}
		})
	}
}

// TestOneWayForAll: first the sites, then the provider, then the landing page
// where it began.
func TestOneWayForAll(t *testing.T) {
	t.Parallel()
	lab := withCookies(t, "")
	at := &portal{}
	lab.app.run.providers["portal"].AskThrough(servedBy{at})
	j := lab.visitor("ana")
	f := lab.follow(j, lab.signOutForm("c.beta.org"))
	var hosts []string
	for _, v := range f.visited {
		if host := mustURL(v).Host; len(hosts) == 0 || hosts[len(hosts)-1] != host {
			hosts = append(hosts, host)
		}
	}
	want := "c.beta.org a.alpha.com e.gamma.net c.beta.org auth.alpha.com c.beta.org"
	if got := strings.Join(hosts, " "); got != want || !strings.Contains(f.body, "has ended, too") || len(lab.left(j, "ana")) > 0 {
		t.Errorf("went %s, want %s; left at %v: %s", got, want, lab.left(j, "ana"), f.body)
	}
	for i, page := range f.pages {
		if strings.Contains(page, "auth.alpha.com/logout") {
			t.Errorf("%s names the provider's address", f.visited[i])
		}
	}
}

// TestHubRemembers: who leaves a tour in the middle reads at the hub, and where
// it began, that it is not finished, until it is.
func TestHubRemembers(t *testing.T) {
	t.Parallel()
	const unfinished = "was not finished"
	for _, hub := range []string{"logout.beta.org", "logout.alpha.com"} {
		lab := newTourLabOf(t, "universal_logout {\nhub https://"+hub+"\n}", hub+` {
			universal_logout
		}
		a.alpha.com, b.alpha.com, c.beta.org, d.beta.org, e.gamma.net {
			universal_logout
			reverse_proxy APP
		}`, groupSites...)
		read := func(j *jar, host string) bool {
			return strings.Contains(lab.open(j, request("GET", "https://"+host+oursAt+"/", "", clicked...)).body, unfinished)
		}
		j := lab.visitor("ana")
		if read(j, hub) || read(j, "a.alpha.com") {
			t.Errorf("%s: says so before there is anything", hub)
		}
		first := lab.signOut(j, "a.alpha.com")
		if !read(j, "a.alpha.com") {
			t.Errorf("%s: the start says nothing", hub)
		}
		second := lab.goOn(j, first)
		lab.runScript(j, second.url, second.body) // and then the tab is closed
		if !read(j, hub) {
			t.Errorf("%s: says nothing", hub)
		}
		// "Sign out everywhere" there finishes it.
		f := lab.follow(j, formFrom(mustURL("https://"+hub+oursAt+"/"), oursAt+"/", nil))
		if left := lab.left(j, "ana"); len(left) > 0 || !strings.Contains(f.body, "You are signed out") {
			t.Errorf("%s: left at %v: %s", hub, left, f.body)
		}
		j = lab.visitor("bea")
		f = lab.follow(j, lab.signOutForm("a.alpha.com"))
		if read(j, hub) || read(j, "a.alpha.com") || len(lab.left(j, "bea")) > 0 {
			t.Errorf("%s: says that a finished tour was not: %v", hub, f.visited)
		}
		if len(j.cookies) > 0 {
			t.Errorf("%s: left in the browser: %v", hub, j.names())
		}
		if strings.Contains(f.body, hub) {
			t.Errorf("%s: is named as an app: %s", hub, f.body)
		}
	}
}

// TestJSONOfTours: a script reads of its own host's apps only, and is told
// where the rest goes on.
func TestJSONOfTours(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"/logout", oursAt + "/"} {
		lab := newTourLab(t, "", groupSites...)
		j := lab.visitor("ana")
		ask := func() (answer pages.Answer) {
			p := lab.open(j, request("POST", "https://a.alpha.com"+address, "", with(fetched[:4], "Origin: https://a.alpha.com")...))
			if err := json.Unmarshal([]byte(p.body), &answer); err != nil {
				t.Fatal(p.body)
			}
			for _, host := range groupSites[1:] {
				if strings.Contains(p.body, host) {
					t.Errorf("a script reads of %s: %s", host, p.body)
				}
			}
			return answer
		}
		answer := ask()
		if len(answer.Apps) != 1 || answer.Apps[0].Host != "a.alpha.com" || answer.Apps[0].Outcome != outcome.Ended {
			t.Errorf("%+v", answer)
		}
		f := lab.follow(j, request("GET", answer.FrontChannelLogoutURL, "", clicked...))
		if left := lab.left(j, "ana"); len(left) > 0 || !strings.Contains(f.body, "signed out everywhere") {
			t.Errorf("left at %v: %s", left, f.body)
		}
		// Who goes there too late is not told that all is well.
		lab.signIn(j, "ana")
		answer = ask()
		lab.clock = lab.clock.Add(journey.MarkerLifetime + time.Second)
		f = lab.follow(j, request("GET", answer.FrontChannelLogoutURL, "", clicked...))
		if !strings.Contains(f.body, "was not finished") {
			t.Errorf("%s: %s", address, f.body)
		}
		wantWayOn(t, address, f.Response, f.body)
	}
}

// TestNoCookiesNoCircles: a browser that keeps none of our cookies goes round
// once at most.
func TestNoCookiesNoCircles(t *testing.T) {
	for _, metadata := range []bool{true, false} {
		lab := newTourLab(t, "", groupSites...)
		r := lab.signOutForm("a.alpha.com")
		for range 40 {
			r.Header.Set("Cookie", lab.visitor("ana").header(r.URL.Host, "/", true))
			if !metadata {
				for _, name := range []string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"} {
					r.Header.Del(name)
				}
			}
			p := browserPage{Response: lab.do(r), url: r.URL}
			p.body = bodyOf(t, p.Response)
			if r = lab.runScript(&jar{}, p.url, p.body); r == nil {
				wantWayOn(t, "the end", p.Response, p.body)
				break
			}
		}
		if r != nil {
			t.Errorf("metadata %t: goes round in circles", metadata)
		}
	}
}

// TestTourLogsNoSecret: no line has a token, a cookie or a query.
func TestTourLogsNoSecret(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "clear_site_data storage cookies", groupSites...)
	core, logged := observer.New(zap.DebugLevel)
	lab.app.logger = zap.New(core)
	for _, p := range lab.app.mounts() {
		p.Handler.logger = zap.New(core)
	}
	j := lab.visitor("s3cr3t")
	p := lab.signOut(j, "a.alpha.com")
	secrets := []string{"s3cr3t@"}
	for range 12 {
		secrets = append(secrets, p.token())
		for _, c := range j.cookies {
			secrets = append(secrets, c.value)
		}
		lab.do(hopPost("e.gamma.net", p.token(), "Origin: https://evil.example")) // refused
		lab.do(request("GET", "https://a.alpha.com"+oursAt+"/hop?t="+p.token(), "", fromElsewhere...))
		if r := lab.runScript(j, p.url, p.body); r == nil {
			break
		}
		p = lab.goOn(j, p)
	}
	messages := make(map[string]int)
	for _, entry := range logged.All() {
		messages[entry.Message]++
		line := entry.Message
		for _, field := range entry.Context {
			line += " " + field.Key + "=" + field.String
		}
		for _, secret := range secrets {
			if len(secret) > 6 && strings.Contains(line, secret) {
				t.Errorf("%s", line)
			}
		}
	}
	if messages["logged out"] != 1 || messages["logged out with another site"] != 4 || messages["went through the sites"] == 0 {
		t.Errorf("%v", messages)
	}
}

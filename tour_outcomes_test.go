package universallogout

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// TestOutcomesOfATour: the landing page says of every app what became of it,
// and goes on by itself only if that is good.
func TestOutcomesOfATour(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(refuses.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "bye") }))
	t.Cleanup(silent.Close)
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(slow.Close)
	at := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	for _, tc := range []struct {
		name, addr, words string
		signedIn          bool
		says, title       string
		bad               bool
	}{
		{"ends", "APP", "", true, "signed out", "You are signed out", false},
		{"says nothing", at(silent), "", true, "signed out in this browser; the app did not say", "You are signed out", false},
		{"nobody is signed in", "APP", "", false, "", "You are signed out", false},
		{"is down", at(down), "", true, "could not be ended", "but not everywhere", true},
		{"refuses", at(refuses), "", true, "could not be ended", "but not everywhere", true},
		{"hangs", at(slow), "logout_call GET /logout {\ntimeout 20ms\n}", true, "could not be ended", "but not everywhere", true},
		{"has no logout", at(silent), "logout_call off", true, "signed out in this browser; the app did not say", "You are signed out", false},
		{"names a status", at(silent), "logout_call GET /x {\nsuccess 200\n}", true, "signed out", "You are signed out", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			lab := newTourLabOf(t, "", `a.alpha.com {
				universal_logout {
					return_to /welcome
				}
				reverse_proxy APP
			}
			b.alpha.com, c.beta.org {
				universal_logout {
					`+tc.words+`
				}
				reverse_proxy `+tc.addr+`
			}`, "a.alpha.com", "b.alpha.com", "c.beta.org")
			j := &jar{now: lab.clock}
			lab.signIn(j, "ana", "a.alpha.com")
			if tc.signedIn {
				lab.signIn(j, "ana", "b.alpha.com", "c.beta.org")
			}
			f := lab.follow(j, lab.signOutForm("a.alpha.com"))
			if !strings.Contains(f.body, tc.title) || !strings.Contains(f.body, `<li>a.alpha.com <span>signed out</span>`) {
				t.Errorf("%s", f.body)
			}
			if goesOn := metaRefresh(f.body) == "/welcome"; goesOn == tc.bad {
				t.Errorf("goes on: %t", goesOn)
			}
			for _, host := range []string{"b.alpha.com", "c.beta.org"} {
				name := host
				if tc.bad {
					name = `<a href="https://` + host + `/">` + host + "</a>"
				}
				if line := "<li>" + name + " <span>" + tc.says; !tc.signedIn && strings.Contains(f.body, host) ||
					tc.signedIn && !strings.Contains(strings.ReplaceAll(f.body, ` class="bad"`, ""), line) {
					t.Errorf("%q is not there: %s", line, f.body)
				}
				if strings.Contains(j.header(host, "/", true), "sessionid") {
					t.Errorf("%s: the browser still has %s", host, j.header(host, "/", true))
				}
			}
			if !tc.signedIn && !strings.Contains(f.body, "no session at 2 more apps") {
				t.Errorf("%s", f.body)
			}
		})
	}
}

// TestStorageOfSiblingsInWebKit: WebKit clears it on pages of the sibling only,
// so the tour visits those that had a session.
func TestStorageOfSiblingsInWebKit(t *testing.T) {
	for agent, storageHops := range map[string][]string{
		"Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15": {"b.alpha.com", "d.beta.org"},
		"Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36":           nil,
		"Mozilla/5.0 (X11; rv:153.0) Gecko/20100101 Firefox/153.0":                                      nil,
	} {
		t.Run(agent, func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, "", append([]string{"x.alpha.com"}, groupSites...)...)
			j := &jar{now: lab.clock}
			lab.signIn(j, "ana", groupSites...) // not at x
			seen := make(map[string]int)
			p := browserPage{}
			r := lab.signOutForm("a.alpha.com")
			for r != nil {
				r.Header.Set("User-Agent", agent)
				p = lab.open(j, r)
				if strings.Contains(p.Header.Get("Clear-Site-Data"), "storage") {
					seen[p.url.Host]++
				}
				asks := asked.FindAllStringSubmatch(p.body, -1)
				var words []string
				for _, ask := range asks {
					q := request("POST", ask[1], p.token(), "Origin: "+p.origin(), "Content-Type: text/plain", "User-Agent: "+agent,
						"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")
					words = append(words, lab.open(j, q).body)
				}
				if r = nil; tourForm.MatchString(p.body) {
					r = lab.runScriptWith(p, append(words, "asked"))
				}
			}
			var hops []string
			for _, host := range []string{"b.alpha.com", "d.beta.org", "x.alpha.com"} {
				if seen[host] > 0 {
					hops = append(hops, host)
				}
			}
			if !slices.Equal(hops, storageHops) || !strings.Contains(p.body, "signed out everywhere") {
				t.Errorf("visited %v, want %v: %s", hops, storageHops, p.body)
			}
			for _, host := range []string{"a.alpha.com", "c.beta.org", "e.gamma.net"} {
				if seen[host] == 0 {
					t.Errorf("%s clears no storage", host)
				}
			}
		})
	}
}

// TestAlsoElsewhere: apps that are not behind this Caddy are linked, and asked
// if browsers send their cookies along: by the browser that logged out only.
func TestAlsoElsewhere(t *testing.T) {
	t.Parallel()
	lab := newTourLabOf(t, `universal_logout {
		also Mail https://mail.alpha.com/logout
		also Wiki https://wiki.example.net/bye?now
	}`, `a.alpha.com, c.beta.org {
		universal_logout
		reverse_proxy APP
	}`, "a.alpha.com", "c.beta.org")
	for start, call := range map[string]bool{"a.alpha.com": true, "c.beta.org": false} {
		j := lab.visitor("ana")
		f := lab.follow(j, lab.signOutForm(start))
		for _, link := range []string{`<a href="https://mail.alpha.com/logout">Sign out of Mail</a>`, `<a href="https://wiki.example.net/bye?now">Sign out of Wiki</a>`} {
			if !strings.Contains(f.body, link) {
				t.Errorf("%s: no %s: %s", start, link, f.body)
			}
		}
		if got := strings.Contains(f.body, `data-call="https://mail.alpha.com/logout"`); got != call || strings.Contains(f.body, `data-call="https://wiki`) {
			t.Errorf("%s: asks: %t, want %t", start, got, call)
		}
		if got := strings.Contains(f.Header.Get("Content-Security-Policy"), "connect-src https://mail.alpha.com"); got != call {
			t.Errorf("%s: %s", start, f.Header.Get("Content-Security-Policy"))
		}
		// Its address in another browser.
		_, after, _ := strings.Cut(f.body, `data-self="`)
		address, _, _ := strings.Cut(after, `"`)
		p := lab.open(&jar{}, request("GET", "https://"+start+address, "", fromElsewhere...))
		if strings.Contains(p.body, "data-call=") || p.Header.Get("Clear-Site-Data") != "" {
			t.Errorf("%s: somebody else's browser asks, too: %s", start, p.body)
		}
	}
}

// TestAStepIsJoined: of two pages that ask at the same time one does it, and
// both get its report. A third, later, gets the report and nothing else.
func TestAStepIsJoined(t *testing.T) {
	t.Parallel()
	began, end := make(chan struct{}), make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "logout") && r.Host == "b.alpha.com" {
			began <- struct{}{}
			<-end
		}
		endsSession(w, r)
	}))
	t.Cleanup(app.Close)
	lab := newTourLabOf(t, "", `a.alpha.com, b.alpha.com {
		universal_logout
		reverse_proxy `+strings.TrimPrefix(app.URL, "http://")+`
	}`, "a.alpha.com", "b.alpha.com")
	j := lab.visitor("ana")
	page := lab.signOut(j, "a.alpha.com")
	ask := func() (*http.Response, string) {
		copied := jar{cookies: slices.Clone(j.cookies), now: j.now}
		return lab.askSite(&copied, page.url, "https://b.alpha.com"+oursAt+"/site", page.token())
	}
	type said struct {
		res  *http.Response
		word string
	}
	both := make(chan said, 2)
	go func() { res, word := ask(); both <- said{res, word} }()
	<-began
	go func() { res, word := ask(); both <- said{res, word} }()
	close(end)
	for range 2 {
		s := <-both
		w, ok := lab.app.seals.OpenReport(s.word)
		if !ok || w.Result.Plain() != tour.Ended || !strings.Contains(strings.Join(s.res.Header["Set-Cookie"], "\n"), "sessionid=;") {
			t.Errorf("%d %v %+v", s.res.StatusCode, s.res.Header, w)
		}
	}
	lab.clock = lab.clock.Add(againTime + time.Second)
	res, word := ask()
	if w, ok := lab.app.seals.OpenReport(word); !ok || w.Result.Plain() != tour.Ended {
		t.Errorf("%d %+v", res.StatusCode, w)
	}
	wantUntouched(t, "a third", res)
}

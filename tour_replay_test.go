package universallogout

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/seal"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// recorded is a browser that keeps all that it sends, to send it again.
type recorded struct {
	*tourLab
	jar  *jar
	sent []sentRequest
}

type sentRequest struct {
	method, url, body string
	header            http.Header
}

// tourOf signs somebody out, script and all, and keeps every request.
func (lab *tourLab) tourOf(name, start string) *recorded {
	lab.t.Helper()
	rec := &recorded{tourLab: lab, jar: lab.visitor(name)}
	p := lab.signOut(rec.jar, start)
	for range 12 {
		token := p.token()
		for _, ask := range asked.FindAllStringSubmatch(p.body, -1) {
			rec.sent = append(rec.sent, sentRequest{"POST", ask[1], token, http.Header{
				"Origin": {p.origin()}, "Content-Type": {"text/plain"}, "Sec-Fetch-Site": {fetchSite([]*url.URL{p.url, mustURL(ask[1])})},
				"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"},
			}})
		}
		r := lab.runScript(rec.jar, p.url, p.body)
		if r == nil {
			lab.askAll(rec.jar, p.url, p.body, token) // what the landing page asks
			break
		}
		rec.sent = append(rec.sent, sentRequest{r.Method, r.URL.String(), bodyOf(lab.t, &http.Response{Body: r.Body}), r.Header.Clone()})
		r.Body = http.NoBody
		p = lab.open(rec.jar, rec.request(len(rec.sent)-1))
	}
	if left := lab.left(rec.jar, name); len(left) > 0 {
		lab.t.Fatalf("%s's own tour ends nothing at %v", name, left)
	}
	return rec
}

func (rec *recorded) request(i int) *http.Request {
	s := rec.sent[i]
	r := request(s.method, s.url, s.body)
	for name, values := range s.header {
		if name != "Cookie" {
			r.Header[name] = slices.Clone(values)
		}
	}
	return r
}

// TestReplaysEndNoFreshSession: whatever a browser sent in a tour, sent again it
// does nothing to who has signed in since: at once, later, when the token is too
// old, in any order, by other browsers too.
func TestReplaysEndNoFreshSession(t *testing.T) {
	for name, tc := range map[string]struct {
		later   time.Duration
		reverse bool
		another bool // browser
	}{
		"at once":              {},
		"at once, backwards":   {reverse: true},
		"after 6 s":            {later: 6 * time.Second},
		"after 6 s, backwards": {later: 6 * time.Second, reverse: true},
		"after 9 minutes":      {later: 9 * time.Minute},
		"after 11 minutes":     {later: 11 * time.Minute},
		"after a day":          {later: 24 * time.Hour},
		"another browser":      {another: true},
	} {
		for _, words := range []string{"", "clear_site_data storage cookies"} {
			t.Run(name+" "+words, func(t *testing.T) {
				t.Parallel()
				lab := newTourLab(t, words, groupSites...)
				rec := lab.tourOf("ana", "a.alpha.com")
				lab.clock = lab.clock.Add(tc.later)
				j := rec.jar
				if tc.another {
					j = lab.visitor("bob")
				}
				lab.signIn(j, "fresh")
				if tc.reverse {
					slices.Reverse(rec.sent)
				}
				for i := range rec.sent {
					r := rec.request(i)
					p := lab.open(j, r)
					what := r.URL.String()
					if alive := lab.alive(j, "fresh"); len(alive) != len(lab.hosts) {
						t.Fatalf("%s: the fresh sessions are alive at %v only", what, alive)
					}
					if tc.later > againTime && p.Header.Get("Clear-Site-Data") != "" {
						t.Errorf("%s: clears %s", what, p.Header.Get("Clear-Site-Data"))
					}
					if strings.HasSuffix(r.URL.Path, "/hop") {
						wantWayOn(t, what, p.Response, p.body)
						f := lab.follow(j, request("GET", r.URL.String(), "", clicked...)) // reloaded
						wantWayOn(t, "reloaded "+what, f.Response, f.body)
					}
				}
				lab.wantAlive(j, "fresh", "all again")
			})
		}
	}
}

// TestReorderedTours: sites can be skipped and returned to by nobody but the
// pages that lead there; whatever is tried, it ends on a page that goes on.
func TestReorderedTours(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "", groupSites...)
	j := lab.visitor("ana")
	first := lab.signOut(j, "a.alpha.com")
	second := lab.goOn(j, first)
	third := lab.goOn(j, second)
	victim := lab.visitor("vic")
	for _, page := range []browserPage{first, second, third} {
		for _, host := range groupSites {
			for _, from := range groupSites {
				if "https://"+from == page.origin() {
					continue // that is its page
				}
				what := "the token of " + page.origin() + " on a page of " + from + " to " + host
				p := lab.forced(victim, "vic", what, hopPost(host, page.token(), "Origin: https://"+from, "Referer: https://"+from+"/",
					"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"))
				if p.StatusCode != http.StatusForbidden {
					t.Errorf("%s: %d", what, p.StatusCode)
				}
				wantWayOn(t, what, p.Response, p.body)
			}
		}
	}
	// The same browser skips a site: the tour comes back to it.
	skipping := formFrom(first.url, "https://e.gamma.net"+oursAt+"/hop", url.Values{"t": {first.token()}, "o": {""}})
	f := lab.follow(j, skipping)
	if left := lab.left(j, "ana"); len(left) > 0 || !strings.Contains(f.body, `data-page="landing"`) {
		t.Errorf("left at %v: %v %s", left, f.visited, f.body)
	}
}

// TestOtherTokens: of another group, of a changed configuration, of another
// edge, of another purpose.
func TestOtherTokens(t *testing.T) {
	t.Parallel()
	lab := newTourLabOf(t, "", `a.alpha.com, b.alpha.com {
		universal_logout {
			group one
		}
		reverse_proxy APP
	}
	c.beta.org, d.beta.org {
		universal_logout {
			group two
		}
		reverse_proxy APP
	}`, "a.alpha.com", "b.alpha.com", "c.beta.org", "d.beta.org")
	eve := lab.visitor("eve")
	page := lab.signOut(eve, "a.alpha.com")
	victim := lab.visitor("ana")
	from := []string{"Origin: https://a.alpha.com", "Referer: https://a.alpha.com/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	for _, host := range []string{"c.beta.org", "d.beta.org"} {
		p := lab.forced(victim, "ana", "another group's token at "+host, hopPost(host, page.token(), from...))
		wantWayOn(t, host, p.Response, p.body)
	}
	keys, err := seal.NewRing()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := lab.app.process.keys.Open("tour", page.token())
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"another edge's":    keys.Seal("tour", plain),
		"another purpose's": lab.app.process.keys.Seal("state", plain),
		"no JSON":           lab.app.process.keys.Seal("tour", []byte("x")),
		"too long":          strings.Repeat("A", maxTourBody),
		"empty":             "",
	} {
		p := lab.forced(victim, "ana", name, hopPost("b.alpha.com", token, from...))
		wantWayOn(t, name, p.Response, p.body)
	}
}

// TestWordsAreOfThisTour: what sites say counts for the logout, the app and the
// page that asked for it.
func TestWordsAreOfThisTour(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "", groupSites...)
	eve := lab.visitor("eve")
	others := lab.askAll(eve, mustURL("https://a.alpha.com/"), lab.signOut(eve, "a.alpha.com").body, "")
	j := lab.visitor("ana")
	page := lab.signOut(j, "a.alpha.com")
	begun, it, ok := lab.app.openTour(page.token())
	if !ok {
		t.Fatal(page.body)
	}
	b, c := it.Stops[1].FirstApp, it.Stops[2].FirstApp
	for name, tc := range map[string]struct {
		said string
		b, c tour.Result
	}{
		"of this tour":          {"asked " + lab.app.seals.SealReport(tour.Report{ID: begun.ID, AppNo: b, Result: tour.Ended}), tour.Ended, tour.Unvisited},
		"none":                  {"asked", tour.Unreached, tour.Unvisited},
		"no script":             {"", tour.Unvisited, tour.Unvisited},
		"of another tour":       {"asked " + strings.Join(others, " "), tour.Unreached, tour.Unvisited},
		"of a site not asked":   {"asked " + lab.app.seals.SealReport(tour.Report{ID: begun.ID, AppNo: c, Result: tour.Ended}), tour.Unreached, tour.Unvisited},
		"of a site there isn't": {"asked " + lab.app.seals.SealReport(tour.Report{ID: begun.ID, AppNo: 99, Result: tour.Ended}), tour.Unreached, tour.Unvisited},
		"of a negative site":    {"asked " + lab.app.seals.SealReport(tour.Report{ID: begun.ID, AppNo: -1, Result: tour.Ended}), tour.Unreached, tour.Unvisited},
		"forged":                {"asked eyJpIjoi", tour.Unreached, tour.Unvisited},
	} {
		got := begun.Clone()
		got.Merge(&it, tc.said, lab.app.seals.OpenReport)
		if got.Result(b) != tc.b || got.Result(c) != tc.c {
			t.Errorf("%s: %d %d", name, got.Result(b), got.Result(c))
		}
	}
}

// TestExpiredTour: who comes back to a tour after ten minutes can begin again.
func TestExpiredTour(t *testing.T) {
	t.Parallel()
	lab := newTourLab(t, "", groupSites...)
	j := lab.visitor("ana")
	page := lab.signOut(j, "a.alpha.com")
	lab.clock = lab.clock.Add(tour.Lifetime + time.Minute)
	f := lab.follow(j, lab.runScript(j, page.url, page.body))
	if !strings.Contains(f.body, "Sign out everywhere") || !strings.Contains(f.body, "not all of them were reached") {
		t.Errorf("%d %s", f.StatusCode, f.body)
	}
	r := formFrom(mustURL(f.visited[len(f.visited)-1]), oursAt+"/", nil)
	if f = lab.follow(j, r); len(lab.left(j, "ana")) > 0 {
		t.Errorf("left at %v, %s", lab.left(j, "ana"), f.body)
	}
}

// TestConfigChangesUnderTour: reloads that change nothing of the group let a
// tour go on; others end it on a page that begins again.
func TestConfigChangesUnderTour(t *testing.T) {
	for name, tc := range map[string]struct {
		hosts  []string
		goesOn bool
	}{
		"the same":       {groupSites, true},
		"one site more":  {append([]string{"f.gamma.net"}, groupSites...), false},
		"two sites less": {[]string{"a.alpha.com", "c.beta.org", "e.gamma.net"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, "", groupSites...)
			j := lab.visitor("ana")
			first := lab.signOut(j, "a.alpha.com")
			second := lab.goOn(j, first)
			var sites strings.Builder
			for _, host := range tc.hosts {
				sites.WriteString(host + " {\nuniversal_logout\nreverse_proxy " + lab.apps.addr() + "\n}\n")
			}
			next := newSite(t, "", sites.String())
			next.app.process, next.app.now = lab.app.process, lab.app.now
			lab.site = next
			r := next.runScript(j, second.url, second.body)
			f := next.follow(j, r)
			if tc.goesOn {
				if left := lab.left(j, "ana"); len(left) > 0 || !strings.Contains(f.body, "signed out everywhere") {
					t.Errorf("left at %v: %s", left, f.body)
				}
				return
			}
			if strings.Contains(f.body, "You are signed out") || !strings.Contains(f.body, "not all of them were reached") {
				t.Errorf("%d %s", f.StatusCode, f.body)
			}
			wantWayOn(t, name, f.Response, f.body)
		})
	}
}

// TestAnyNodeTakesAnyHop: nodes share keys and nothing else.
func TestAnyNodeTakesAnyHop(t *testing.T) {
	for _, words := range []string{"", "clear_site_data storage cookies"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			lab := newTourLab(t, words, groupSites...)
			var sites strings.Builder
			for _, host := range groupSites {
				sites.WriteString(host + " {\nuniversal_logout {\n" + words + "\n}\nreverse_proxy " + lab.apps.addr() + "\n}\n")
			}
			other := newSite(t, "", sites.String())
			other.app.process.keys = lab.app.process.keys
			lab.run(other)
			nodes := []*site{lab.site, other}
			j := lab.visitor("ana")
			p := nodes[0].signOut(j, "b.alpha.com")
			for hop := 1; ; hop++ {
				r := nodes[hop%2].runScript(j, p.url, p.body)
				if r == nil {
					break
				}
				if p = nodes[(hop+1)/2%2].open(j, r); hop > 20 {
					t.Fatal("goes round in circles")
				}
			}
			if left := lab.left(j, "ana"); len(left) > 0 || !strings.Contains(p.body, "signed out everywhere") {
				t.Errorf("left at %v: %s", left, p.body)
			}
		})
	}
}

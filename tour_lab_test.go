package universallogout

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// tourLab is a group of sites, all of them one careless app, with a clock.
type tourLab struct {
	*site
	apps  *sessions
	hosts []string
	clock time.Time
}

// groupSites are the sites that tours go through: two registrable domains with
// two sites each, and one alone.
var groupSites = []string{"a.alpha.com", "b.alpha.com", "c.beta.org", "d.beta.org", "e.gamma.net"}

const oursAt = "/.universal-logout" // below a host

// newTourLab has a site block for each of the hosts; words go into each.
func newTourLab(t testing.TB, words string, hosts ...string) *tourLab {
	t.Helper()
	var sites strings.Builder
	for _, host := range hosts {
		fmt.Fprintf(&sites, "%s {\nuniversal_logout {\n%s\n}\nreverse_proxy APP\n}\n", host, words)
	}
	return newTourLabOf(t, "", sites.String(), hosts...)
}

// newTourLabOf takes any Caddyfile. APP is where the apps are.
func newTourLabOf(t testing.TB, globals, sites string, hosts ...string) *tourLab {
	t.Helper()
	apps := newSessions(t, endsSession)
	fill := strings.NewReplacer("APP", apps.addr())
	lab := &tourLab{site: newSite(t, fill.Replace(globals), fill.Replace(sites)), apps: apps, hosts: hosts, clock: testNow}
	lab.run(lab.site)
	return lab
}

// run sets a site's clock to that of the lab.
func (lab *tourLab) run(s *site) {
	s.app.now = func() time.Time { return lab.clock }
	s.app.use(s.app.process.again(s.t, func() time.Time { return lab.clock }))
}

// visitor is a browser that is signed in everywhere.
func (lab *tourLab) visitor(name string) *jar {
	j := &jar{now: lab.clock}
	lab.signIn(j, name)
	return j
}

func (lab *tourLab) signIn(j *jar, name string, hosts ...string) {
	if len(hosts) == 0 {
		hosts = lab.hosts
	}
	for _, host := range hosts {
		lab.apps.login(name + "@" + host)
		j.store(host, "/", true, []string{"sessionid=" + name + "@" + host + "; Path=/; Secure; HttpOnly"})
	}
}

// alive are the hosts where the app knows somebody's session, and the browser
// still has it.
func (lab *tourLab) alive(j *jar, name string) (hosts []string) {
	for _, host := range lab.hosts {
		id := name + "@" + host
		if lab.apps.isAlive(id) && strings.Contains(j.header(host, "/", true), "sessionid="+id) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// left are the hosts where either of both is still there.
func (lab *tourLab) left(j *jar, name string) (hosts []string) {
	for _, host := range lab.hosts {
		id := name + "@" + host
		if lab.apps.isAlive(id) || strings.Contains(j.header(host, "/", true), "sessionid="+id) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func (lab *tourLab) wantAlive(j *jar, name, what string) {
	lab.t.Helper()
	if alive := lab.alive(j, name); !slices.Equal(alive, lab.hosts) {
		lab.t.Errorf("%s: of %s's sessions only those at %v are alive", what, name, alive)
	}
}

// browserPage is a page that a browser shows.
type browserPage struct {
	*http.Response
	url  *url.URL
	body string
}

// token is the tour's, in the page's form or beside it.
func (p browserPage) token() string {
	for _, field := range formField.FindAllStringSubmatch(p.body, -1) {
		if field[1] == "t" {
			return html.UnescapeString(field[2])
		}
	}
	_, after, _ := strings.Cut(p.body, `data-token="`)
	token, _, _ := strings.Cut(after, `"`)
	return token
}

func (p browserPage) origin() string { return p.url.Scheme + "://" + p.url.Host }

// open sends a navigation of a browser, without going on.
func (s *site) open(j *jar, r *http.Request) browserPage {
	s.t.Helper()
	if cookies := j.sent(r); cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	res := s.do(r)
	j.store(r.URL.Hostname(), r.URL.Path, r.URL.Scheme == "https", res.Header["Set-Cookie"])
	return browserPage{res, r.URL, bodyOf(s.t, res)}
}

// signOut begins a logout at a host, by a form of the app.
func (s *site) signOut(j *jar, host string) browserPage {
	s.t.Helper()
	return s.open(j, s.signOutForm(host))
}

func (*site) signOutForm(host string) *http.Request {
	return formFrom(mustURL("https://"+host+"/inbox"), "/logout", url.Values{})
}

// goOn lets the page's script do its work, and opens what it leads to.
func (s *site) goOn(j *jar, p browserPage) browserPage {
	s.t.Helper()
	r := s.runScript(j, p.url, p.body)
	if r == nil {
		next := metaRefresh(p.body)
		if next == "" {
			s.t.Fatalf("%s leads nowhere: %d %s", p.url, p.StatusCode, p.body)
		}
		u, err := p.url.Parse(next)
		if err != nil {
			s.t.Fatal(err)
		}
		r = request("GET", u.String(), "", clicked...)
	}
	return s.open(j, r)
}

// press sends the page's form as its button does, where no script runs.
func (s *site) press(j *jar, p browserPage) browserPage {
	s.t.Helper()
	_, action, found := strings.Cut(p.body, `<form id="sign-out" method="post" action="`)
	if !found {
		s.t.Fatalf("%s has no button: %s", p.url, p.body)
	}
	action, _, _ = strings.Cut(action, `"`)
	fields := make(url.Values)
	for _, f := range formField.FindAllStringSubmatch(p.body, -1) {
		fields.Set(f[1], html.UnescapeString(f[2]))
	}
	return s.open(j, formFrom(p.url, html.UnescapeString(action), fields))
}

// wantWayOn: no page of ours is a dead end, but the landing page may be the end.
func wantWayOn(t testing.TB, what string, res *http.Response, body string) {
	t.Helper()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		return // to a script
	}
	if strings.Contains(body, `data-page="landing"`) {
		return
	}
	if res.StatusCode >= 500 || !strings.Contains(body, "<form") && !strings.Contains(body, "<a href=") {
		t.Errorf("%s: %d is a dead end: %s", what, res.StatusCode, body)
	}
}

// hopPost is a form that leads to a host's /hop, with the headers of a row.
func hopPost(host, token string, headers ...string) *http.Request {
	body := url.Values{"t": {token}, "o": {"asked"}}.Encode()
	return request("POST", "https://"+host+oursAt+"/hop", body, with(headers, "Content-Type: application/x-www-form-urlencoded", "Accept: text/html,*/*;q=0.8")...)
}

// forced sends a request with all that a victim's browser has for its host,
// as if SameSite kept nothing back, and wants nothing to have happened.
func (lab *tourLab) forced(j *jar, name, what string, r *http.Request) browserPage {
	lab.t.Helper()
	if cookies := j.header(r.URL.Hostname(), r.URL.Path, true); cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	asked := len(lab.apps.requests())
	p := browserPage{Response: lab.do(r), url: r.URL}
	p.body = bodyOf(lab.t, p.Response)
	wantUntouched(lab.t, what, p.Response)
	if len(lab.apps.requests()) != asked {
		lab.t.Errorf("%s: an app was asked", what)
	}
	lab.wantAlive(j, name, what)
	return p
}

// manySites are sites on registrable domains of which there are some.
func manySites(sites, domains int) (hosts []string) {
	for i := range sites {
		hosts = append(hosts, fmt.Sprintf("app-number-%d.domain-%d.com", i, i%domains))
	}
	return hosts
}

// againTime is how long a step of a tour answers as it did at first.
const againTime = 5 * time.Second

package universallogout

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// signOn is a site whose app has people sign in at a provider, and a browser
// that has done so: the app's session and the provider's are both alive.
type signOn struct {
	*site
	app *sessions
	op  *oidctest.Provider
	jar *jar
	sid string // of the session at the provider
}

const (
	edgeClient = "edge"
	appClient  = "app"
)

// signOnConfig says what differs from the usual.
type signOnConfig struct {
	options  string           // more words of the provider
	global   string           // more words of the global option
	site     string           // words of the directive
	unnamed  bool             // no client for the edge
	answer   http.HandlerFunc // the app's, to its logout
	unlisted bool             // nothing of ours is registered at the provider
	timeout  time.Duration
	op       *oidctest.Provider // nil: one of its own
	issuer   string             // instead of the provider's
}

func newSignOn(t testing.TB, c signOnConfig) *signOn {
	t.Helper()
	answer := c.answer
	if answer == nil {
		answer = endsSession
	}
	app := newSessions(t, answer)
	app.login("one")
	const ours = "https://app.example.com/.universal-logout"
	clients := []oidctest.Client{
		{ID: edgeClient, Secret: "secret", RedirectURIs: []string{ours + "/callback"}, PostLogoutRedirectURIs: []string{ours + "/return"}},
		{ID: appClient, Secret: "other", RedirectURIs: []string{"https://app.example.com/oidc"}, PostLogoutRedirectURIs: []string{ours + "/return", "https://app.example.com/bye"}},
	}
	if c.unlisted {
		clients[0].RedirectURIs, clients[0].PostLogoutRedirectURIs, clients[1].PostLogoutRedirectURIs = nil, nil, nil
	}
	op := c.op
	if op == nil {
		op = oidctest.Start(t, oidctest.Config{})
	}
	for _, client := range clients {
		op.Register(client)
	}
	if c.issuer == "" {
		c.issuer = op.Issuer()
	}
	client := "client_id edge\nclient_secret secret\n"
	if c.unnamed {
		client = ""
	}
	if c.timeout == 0 {
		c.timeout = 5 * time.Second
	}
	s := newSite(t, `universal_logout {
			timeout `+c.timeout.String()+`
			provider main `+c.issuer+` {
				`+client+c.options+`
			}
			`+c.global+`
		}`, `app.example.com {
			universal_logout main {
				`+c.site+`
			}
			reverse_proxy `+app.addr()+`
		}`)
	s.op = op
	so := &signOn{site: s, app: app, op: op, jar: &jar{now: time.Now()}}
	so.jar.store("app.example.com", "/", true, []string{"sessionid=one; Path=/; HttpOnly; Secure"})
	so.signInAtProvider()
	return so
}

func (so *signOn) signInAtProvider() {
	c := so.op.SignIn("ana")
	so.sid = so.op.SID(c)
	so.jar.store("127.0.0.1", "/", false, []string{c.Name + "=" + c.Value + "; Path=/"})
}

// hint is an ID token of the session at the provider.
func (so *signOn) hint(client string) string { return so.op.IDToken(client, "ana", so.sid, nil) }

func (so *signOn) setCookie(line string) {
	so.jar.store("app.example.com", "/", true, []string{line + "; Path=/; Secure; HttpOnly"})
}

// click logs out by a link.
func (so *signOn) click() followed {
	return so.follow(so.jar, request("GET", "https://app.example.com/logout", "", clicked...))
}

// atProvider sends a browser's request over the wire.
func (s *site) atProvider(r *http.Request) *http.Response {
	s.t.Helper()
	out := r.Clone(r.Context())
	out.RequestURI = ""
	if s.inProcess {
		res, _ := inProcess{s.op}.RoundTrip(out)
		return res
	}
	client := &http.Client{Timeout: 3 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(out)
	if err != nil {
		// What a browser shows then.
		return &http.Response{StatusCode: 599, Header: http.Header{}, Body: http.NoBody}
	}
	body := bodyOf(s.t, res)
	_ = res.Body.Close()
	res.Body = nopCloser{bytes.NewReader([]byte(body))}
	return res
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// visits are the browser's navigations to an endpoint of the provider; what
// the edge asks by itself has no cookie.
func (so *signOn) visits(path string) (found []oidctest.Request) {
	for _, r := range so.op.Seen(path) {
		if strings.Contains(r.Header.Get("Cookie"), "op_session") {
			found = append(found, r)
		}
	}
	return found
}

// wantEnded: both sessions are over and the browser is on our landing page.
func (so *signOn) wantEnded(f followed) {
	so.t.Helper()
	so.wantLanding(f)
	if so.op.Sessions() != 0 {
		so.t.Errorf("the session at the provider is alive; the browser was at\n%s", strings.Join(f.visited, "\n"))
	}
	if !strings.Contains(f.body, "has ended, too") {
		so.t.Errorf("the page does not say so: %s", f.body)
	}
}

func (so *signOn) wantLanding(f followed) {
	so.t.Helper()
	if so.app.isAlive("one") {
		so.t.Error("the app's session is alive")
	}
	last := f.visited[len(f.visited)-1]
	if f.StatusCode != 200 || !strings.HasPrefix(last, "https://app.example.com/.universal-logout/") && !strings.HasPrefix(last, "https://app.example.com/logout") || !strings.Contains(f.body, `data-page="landing"`) {
		so.t.Errorf("ends with %d at %s, no landing page: %s", f.StatusCode, strings.Join(f.visited, "\n"), f.body)
	}
	if c := so.jar.names(); strings.Contains(strings.Join(c, " ")+" ", "sessionid ") {
		so.t.Errorf("left in the browser: %v", c)
	}
}

// paths are the addresses of a way, without their queries.
func paths(visited []string) (short []string) {
	for _, v := range visited {
		u, err := url.Parse(v)
		if err == nil {
			short = append(short, u.Path)
		}
	}
	return short
}

// mainProvider is the usual one, in a global option of its own.
const mainProvider = `universal_logout {
	provider main ISSUER {
		client_id edge
		client_secret secret
	}
}`

// newSignOnAt is a sign-on at a site of any shape. ISSUER and APP stand for the
// addresses of provider and app.
func newSignOnAt(t testing.TB, global, sites string, answer http.HandlerFunc) *signOn {
	t.Helper()
	app := newSessions(t, answer)
	app.login("one")
	op := oidctest.Start(t, oidctest.Config{Clients: []oidctest.Client{{
		ID: edgeClient, Secret: "secret", RedirectURIs: []string{oursAtApp + "/callback"}, PostLogoutRedirectURIs: []string{oursAtApp + "/return"},
	}}})
	fill := strings.NewReplacer("ISSUER", op.Issuer(), "APP", app.addr())
	s := newSite(t, fill.Replace(global), fill.Replace(sites))
	s.op = op
	so := &signOn{site: s, app: app, op: op, jar: &jar{now: time.Now()}}
	so.setCookie("sessionid=one")
	so.signInAtProvider()
	return so
}

// submit logs out by a form.
func (so *signOn) submit() followed {
	return so.follow(so.jar, request("POST", "https://app.example.com/logout", "csrf=1", submitted...))
}

func (so *signOn) fetch() string {
	r := request("POST", "https://app.example.com/logout", "", fetched...)
	r.Header.Set("Cookie", so.jar.header("app.example.com", "/logout", true))
	res := so.do(r)
	so.jar.store("app.example.com", "/logout", true, res.Header["Set-Cookie"])
	return bodyOf(so.t, res)
}

// fetchThenHop logs out by a script that goes where our JSON says.
func (so *signOn) fetchThenHop() followed {
	so.t.Helper()
	var answer pages.Answer
	if body := so.fetch(); json.Unmarshal([]byte(body), &answer) != nil || answer.FrontChannelLogoutURL == "" {
		so.t.Fatalf("no front_channel_logout_url: %s", body)
	}
	return so.follow(so.jar, request("GET", answer.FrontChannelLogoutURL, "", clicked...))
}

const (
	accessSecret  = credential + "-access"
	refreshSecret = credential + "-refresh"
)

// aJWT has dots, which what we seal has not: that may begin like one by chance.
var aJWT = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.`)

// wantNoSecretsIn: PG-09. Neither page nor address of ours tells a hint; the
// provider's own address has to.
func wantNoSecretsIn(t *testing.T, so *signOn, f followed) {
	t.Helper()
	for _, page := range f.pages {
		if aJWT.MatchString(page) {
			t.Errorf("a token in a page: %s", page)
		}
	}
	for _, v := range f.visited {
		if aJWT.MatchString(v) && !strings.HasPrefix(v, so.op.Issuer()) {
			t.Errorf("a token in an address: %s", v)
		}
	}
}

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/e2e/browser"
)

// An attacker has an account of his own, and makes his requests by hand: what a browser says of them is up to him.
type attacker struct {
	t      *testing.T
	lab    *tourLab
	client *http.Client
}

func newAttacker(t *testing.T, lab *tourLab) *attacker {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", lab.caddy.addr)
	}
	return &attacker{t, lab, &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, // the test's own CA
	}}
}

var tokenInForm = regexp.MustCompile(`name="t" value="([^"]+)"`)

// post sends a form as a page of from would, and returns the tour's token in the page that answers.
func (a *attacker) post(from, address, cookie string, fields url.Values) (token string) {
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(fields.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Origin", from)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	response, err := a.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	match := tokenInForm.FindSubmatch(body)
	if err != nil || match == nil {
		a.t.Fatalf("no token from %s: %d %v\n%s", address, response.StatusCode, err, body)
	}
	return html.UnescapeString(string(match[1]))
}

// mint begins a logout of the attacker's own at start, and takes it as far as at.
func (a *attacker) mint(start, at string) (token string) {
	token = a.post("https://"+start, "https://"+start+"/logout", "sid=0123456789abcdef0123456789abcdef", nil)
	if at != start {
		token = a.post("https://"+start, "https://"+at+"/.universal-logout/hop", "", url.Values{"t": {token}, "o": {"asked"}})
	}
	return token
}

// A forcing is a page that tries to make its visitor's browser take a step of somebody else's tour. In page, {to} is the
// address and {t} the token, {scripted} and {token} the same inside a script.
type forcing struct{ name, page string }

var forcings = []forcing{
	{"form", `<form method=post action="{to}"><input type=hidden name=t value="{t}"><input type=hidden name=o value=asked></form><script>document.forms[0].submit()</script>`},
	{"form as text", `<form method=post enctype="text/plain" action="{to}"><input type=hidden id=x></form><script>x.name = {token} + "\n"; document.forms[0].submit()</script>`},
	{"link", `<script>location = {scripted} + "&t=" + encodeURIComponent({token})</script>`},
	{"fetch", `<script>fetch({scripted}, {method: "POST", mode: "no-cors", credentials: "include", body: {token}}).catch(() => {})</script>`},
	{"fetch with CORS", `<script>fetch({scripted}, {method: "POST", credentials: "include", headers: {"Content-Type": "text/plain"}, body: {token}}).catch(() => {})</script>`},
}

// A token is worth nothing in any browser but on the page that it was made for: whoever begins a tour of his own cannot
// have somebody else's browser finish it. Not by any request that a page can make, at any of our addresses, through any
// service worker, from another site or from one of the same registrable domain.
func TestNobodyElsesTourLogsAPersonOut(t *testing.T) {
	lab := planTour(t, "session_cookies sid", 2, 3)
	start, sibling, plain, shell, through := lab.hosts[0], lab.hosts[1], lab.hosts[2], lab.hosts[3], lab.hosts[4]
	for _, host := range lab.hosts {
		lab.app.cookies[host] = []string{"sid={sid}; Path=/; Secure; HttpOnly; SameSite=None"}
		lab.app.page(host+"/shell", `<!doctype html><title>shell</title>`)
	}
	foreign, outsider := "www."+newDomain(), "other."+lab.domains[1]
	for _, host := range []string{foreign, outsider} {
		lab.site[host] = "reverse_proxy " + lab.app.url
	}
	lab.app.mux.HandleFunc("/force/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		q := r.URL.Query()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Referrer-Policy", q.Get("policy"))
		fmt.Fprint(w, "<!doctype html><title>attack</title>", strings.NewReplacer(
			"{to}", html.EscapeString(q.Get("to")), "{scripted}", strconv.Quote(q.Get("to")),
			"{t}", html.EscapeString(q.Get("t")), "{token}", strconv.Quote(q.Get("t"))).Replace(forcings[n].page))
	})
	lab.start(t, "")

	withOptions(t, browser.Options{ThirdPartyCookies: true, Prefetch: true}, func(t *testing.T, v *visitor) {
		a := newAttacker(t, lab)
		s := lab.signIn(v)
		for host, kind := range map[string]string{shell: "shell", through: "pass-through"} {
			s[host] = v.signIn("https://" + host)
			v.registerWorker("/worker.js?kind=" + kind)
		}
		const hop, site = "/.universal-logout/hop", "/.universal-logout/site"
		n := 0
		force := func(from, policy, made, to, path string, kind int) {
			n++
			mark := fmt.Sprintf("n=%d-%s", n, v.Engine)
			name := fmt.Sprintf("%s from %s (%s), token of %s, to %s%s", forcings[kind].name, from, policy, made, to, path)
			v.goTo("https://" + from + "/force/" + strconv.Itoa(kind) + "?" + url.Values{
				"policy": {policy}, "t": {a.mint(start, made)}, "to": {"https://" + to + path + "?" + mark},
			}.Encode())
			sent := lab.caddy.waitForRequest(t, name, func(e accessEntry) bool {
				return e.Request.Host == to && e.Request.Method != http.MethodOptions && strings.Contains(e.Request.URI, mark)
			})
			if strings.HasPrefix(path, site) && sent.Status != http.StatusForbidden {
				t.Errorf("%s: status %d; %v", name, sent.Status, sent.Request.Headers)
			}
			for host, sid := range s {
				if !alive(t, lab.app.url, "sid", sid) {
					t.Errorf("%s: ended the session at %s; %v", name, host, sent.Request.Headers)
					delete(s, host)
				}
			}
		}
		for _, policy := range []string{"strict-origin", "no-referrer"} {
			for _, to := range []string{plain, shell, through} {
				force(foreign, policy, start, to, hop, 0)
			}
			force(foreign, policy, through, through, site, 1)
			force(foreign, policy, through, start, hop, 0)
			force(foreign, policy, start, start, hop, 0)
		}
		force(outsider, "strict-origin", start, plain, hop, 0)
		force(outsider, "strict-origin", plain, through, hop, 0)
		force(foreign, "strict-origin", start, start, hop, 2)
		force(outsider, "strict-origin", start, plain, hop, 2)
		force(foreign, "strict-origin", start, start, site, 3)
		force(foreign, "strict-origin", start, sibling, site, 4)
		force(outsider, "strict-origin", plain, plain, site, 3)
		force(outsider, "strict-origin", plain, through, site, 4)
		force(outsider, "no-referrer", through, through, site, 1)
		force(foreign, "strict-origin", start, through, "/.universal-logout/", 0)
		delete(s, shell) // its worker would answer
		lab.wantAlive(v, s)
	})
}

package universallogout

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// quiet is a site of which everything is kept that it tells operators, and
// everything that nobody may read there.
type quiet struct {
	*tourLab
	logged  *observer.ObservedLogs
	metrics func() map[string]float64
	ear     eventEar
	told    []string // answers of the admin API

	mu      sync.Mutex
	secrets map[string]string // value to what it is
}

func newQuiet(lab *tourLab) *quiet {
	q := &quiet{tourLab: lab, metrics: lab.ownMetrics(), secrets: make(map[string]string)}
	core, logged := observer.New(zap.DebugLevel)
	q.logged = logged
	lab.app.logger = zap.New(core)
	for _, p := range lab.app.mounts() {
		p.Handler.logger = lab.app.logger
	}
	lab.listenTo(&q.ear)
	return q
}

// minSecret: shorter values may stand anywhere by chance.
const minSecret = 8

func (q *quiet) hide(what, value string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(value) >= minSecret {
		q.secrets[value] = what
	}
}

// see notes what an answer has in it that is secret.
func (q *quiet) see(res *http.Response) {
	for _, c := range res.Cookies() {
		q.hide("cookie "+c.Name, c.Value)
	}
	for name, values := range mustURL(res.Header.Get("Location")).Query() {
		if name != "iss" && name != "client_id" && name != "redirect_uri" && name != "post_logout_redirect_uri" {
			q.hide("parameter "+name, values[0])
		}
	}
}

// travel follows a logout to its end.
func (q *quiet) travel(j *jar, r *http.Request) followed {
	for _, c := range j.cookies {
		q.hide("cookie "+c.name, c.value)
	}
	return q.followUntil(j, r, func(res *http.Response) bool { q.see(res); return false })
}

// check looks for all secrets in all that was told.
func (q *quiet) check() {
	q.t.Helper()
	told := append([]string{logsOf(q.logged), fmt.Sprint(q.metrics())}, q.told...)
	told = append(told, q.ear.all()...)
	for secret, what := range q.secrets {
		for _, text := range told {
			if i := strings.Index(text, secret); i >= 0 {
				q.t.Errorf("%s is told: …%s…", what, text[max(0, i-200):min(len(text), i+len(secret)+50)])
			}
			if escaped := url.QueryEscape(secret); escaped != secret && strings.Contains(text, escaped) {
				q.t.Errorf("%s is told, escaped", what)
			}
		}
	}
}

// TestNothingIsTold: logs at debug level, metrics, events and answers of the
// admin API have no credential, hint, token, code, state, sid or sub of a run
// in which everything happens that can.
func TestNothingIsTold(t *testing.T) {
	const sub = "ana-the-subject"
	var uris, posts []string
	for _, host := range groupSites {
		uris = append(uris, "https://"+host+oursAt+"/callback")
		posts = append(posts, "https://"+host+oursAt+"/return")
	}
	op := oidctest.Start(t, oidctest.Config{Now: func() time.Time { return testNow }, Clients: []oidctest.Client{{ID: edgeClient, Secret: "client-s3cr3t", RedirectURIs: uris, PostLogoutRedirectURIs: posts}}})
	elsewhere := labtest.NewWire(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	var sites strings.Builder
	for _, host := range groupSites {
		sites.WriteString(host + " {\nvars user " + sub + "\nuniversal_logout main {\nsession_headers Authorization\nidentify placeholder {http.vars.user}\n}\nreverse_proxy APP\n}\n")
	}
	lab := newTourLabOf(t, `universal_logout {
		timeout 2s
		provider main `+op.Issuer()+` {
			client_id edge
			client_secret client-s3cr3t
			server_logout POST `+elsewhere.URL+`/{sid}/{sub}
		}
	}`, sites.String()+`down.alpha.com {
		universal_logout main
		reverse_proxy 127.0.0.1:1
	}`, groupSites...)
	lab.op, lab.app.work.Retries = op, nil
	q := newQuiet(lab)
	q.hide("client secret", "client-s3cr3t")
	q.hide("sub", sub)

	signedIn := func(tokens bool, host string) *jar {
		j := lab.visitor(newID()) // a session that can be refused
		c := op.SignIn(sub)
		q.hide("sid", op.SID(c))
		j.store("127.0.0.1", "/", false, []string{c.Name + "=" + c.Value + "; Path=/"})
		if tokens {
			issued := op.Issue(edgeClient, sub)
			j.store(host, "/", true, []string{
				"idToken=" + op.IDToken(edgeClient, sub, op.SID(c), nil) + "; Path=/; Secure",
				"accessToken=" + issued.Access + "; Path=/; Secure", "refreshToken=" + issued.Refresh + "; Path=/; Secure",
			})
		}
		return j
	}
	for _, mode := range []oidctest.Mode{oidctest.Behaves, oidctest.WrongState, oidctest.WrongNonce, oidctest.RevokeFails, oidctest.Refuses} {
		for _, tokens := range []bool{false, true} {
			op.Misbehave(mode)
			q.travel(signedIn(tokens, "a.alpha.com"), lab.signOutForm("a.alpha.com"))
			j := signedIn(tokens, "c.beta.org")
			q.travel(j, request("GET", "https://c.beta.org/logout?rd=https://evil.example/s3cr3t-rd", "", clicked...))
			j = signedIn(tokens, "b.alpha.com")
			q.travel(j, request("POST", "https://b.alpha.com/logout", "", with(fetched[:4], "Origin: https://b.alpha.com")...))
			q.travel(j, request("GET", "https://b.alpha.com/", "", clicked...))
			q.travel(signedIn(tokens, "e.gamma.net"), formFrom(mustURL("https://e.gamma.net"+oursAt+"/"), oursAt+"/", nil))
		}
	}
	op.Misbehave(oidctest.Behaves)
	// A cookie and a header that were copied before the logout, and used by
	// somebody whom an auth layer has named.
	j, bearer := signedIn(false, "a.alpha.com"), "Authorization: Bearer "+newID()
	q.hide("bearer", strings.TrimPrefix(bearer, "Authorization: Bearer "))
	copied := slices.Clone(j.cookies)
	q.travel(j, request("GET", "https://a.alpha.com/", "", with(clicked, bearer)...))
	r := lab.signOutForm("a.alpha.com")
	r.Header.Set("Authorization", strings.TrimPrefix(bearer, "Authorization: "))
	q.travel(j, r)
	for range 3 {
		q.travel(&jar{now: j.now, cookies: slices.Clone(copied)}, request("GET", "https://a.alpha.com/", "", clicked...))
		q.travel(&jar{now: j.now}, request("GET", "https://a.alpha.com/api", "", bearer))
	}
	q.hide("return URL", "s3cr3t-rd")

	// What is refused, and what goes wrong.
	j = lab.visitor("of-refused-requests")
	q.travel(j, request("GET", "https://down.alpha.com/logout", "", with(clicked, "Cookie: sessionid=s3cr3t-down-session")...))
	for _, r := range []*http.Request{
		request("POST", "https://a.alpha.com/logout;s3cr3t-path?q=s3cr3t-query", "s3cr3t-body", "Origin: https://evil.example"),
		request("GET", "https://a.alpha.com/logout?s3cr3t-query", "", "Sec-Fetch-Dest: iframe"),
		request("TRACE", "https://a.alpha.com/logout", "", "Authorization: Bearer s3cr3t-bearer"),
		request("POST", "https://a.alpha.com"+oursAt+"/site", "s3cr3t-token", "Origin: https://evil.example"),
		request("GET", "https://a.alpha.com"+oursAt+"/callback?code=s3cr3t-code&state=s3cr3t-state", "", clicked...),
		request("GET", "https://a.alpha.com"+oursAt+"/hop?t=s3cr3t-token", "", clicked...),
		hopPost("a.alpha.com", "s3cr3t-token", "Origin: https://evil.example"),
	} {
		q.travel(lab.visitor("of-refused-requests"), r)
	}
	q.secrets["s3cr3t-"] = "of a refused request"
	for _, body := range []string{
		`{"issuer":"` + op.Issuer() + `","sub":"` + sub + `"}`, `{"issuer":"` + op.Issuer() + `","sid":"s3cr3t-sid"}`,
		`{"issuer":"` + op.Issuer() + `","sub":"s3cr3t-sub","s3cr3t-field":"s3cr3t-sid"}`, `{"issuer":"https://s3cr3t-issuer","sub":"s3cr3t-sub"}`,
		`s3cr3t-body`, `{"issuer":"a","sub":"\ud800s3cr3t-sub"}`,
	} {
		_, answer := revokeBy(lab.app, body)
		q.told = append(q.told, answer)
	}
	_, answer := admin(serveStatus, lab.app, request("GET", "/", ""))
	q.told = append(q.told, answer)

	eventually(t, "the work behind is done", func() bool { return lab.isIdle() && !running(t, "telemetry.(*Teller).emit") })
	q.check()
	if len(q.secrets) < 100 || q.logged.Len() < 100 || len(q.ear.all()) < 30 || len(op.Seen("/revoke")) == 0 || len(elsewhere.Requests()) == 0 || q.ear.count("universal_logout.revoked") == 0 ||
		q.ear.count("universal_logout.refused") < 2 || q.metrics()[`refused_total{kind="cookie"}`] < 3 || q.metrics()[`refused_total{kind="header"}`] < 3 || q.metrics()[`revocations{kind="binding"}`] == 0 {
		t.Errorf("too little happened: %d secrets, %d lines, %d events, %d revocations, %v", len(q.secrets), q.logged.Len(), len(q.ear.all()), len(op.Seen("/revoke")), q.metrics())
	}
}

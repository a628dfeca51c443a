package universallogout

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// identifyLab is a site with an auth layer of Caddy's, and an app that
// believes it.
type identifyLab struct {
	*site
	passed atomic.Int64 // of the clock; streams read it while it goes on
	logged *observer.ObservedLogs

	mu    sync.Mutex
	users []string // whom the app took for signed in, request by request
	last  string   // cookies that the app saw
}

// newIdentifyLab takes a Caddyfile. APP is where the app is, AUTH a server for
// forward_auth that lets those in who have a portal cookie.
func newIdentifyLab(t testing.TB, globals, sites string) *identifyLab {
	t.Helper()
	lab := new(identifyLab)
	app, auth := httptest.NewServer(http.HandlerFunc(lab.serveApp)), httptest.NewServer(http.HandlerFunc(serveAuth))
	t.Cleanup(app.Close)
	t.Cleanup(auth.Close)
	at := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	lab.site = newSite(t, globals, strings.NewReplacer("APP", at(app), "AUTH", at(auth)).Replace(sites))
	lab.app.now = lab.now
	core, logged := observer.New(zap.DebugLevel)
	for _, h := range lab.handlers() {
		h.logger = zap.New(core)
	}
	lab.logged = logged
	return lab
}

func (lab *identifyLab) now() time.Time { return testNow.Add(time.Duration(lab.passed.Load())) }

func (lab *identifyLab) pass(d time.Duration) { lab.passed.Add(int64(d)) }

// serveApp answers as the query wants it: a status, and Set-Cookie lines.
func (lab *identifyLab) serveApp(w http.ResponseWriter, r *http.Request) {
	lab.mu.Lock()
	lab.users = append(lab.users, strings.Join(r.Header["Remote-User"], "|"))
	if r.URL.Path != "/logout" || r.URL.RawQuery != "" { // else a call of ours
		lab.last = strings.Join(r.Header["Cookie"], "; ")
	}
	lab.mu.Unlock()
	for _, line := range r.URL.Query()["set"] {
		w.Header().Add("Set-Cookie", line)
	}
	if status, err := strconv.Atoi(r.URL.Query().Get("status")); err == nil {
		w.WriteHeader(status)
		return
	}
	fmt.Fprint(w, "app")
}

// seen are the users that the app saw since it was asked the last time.
func (lab *identifyLab) seen() string {
	lab.mu.Lock()
	defer lab.mu.Unlock()
	users := strings.Join(lab.users, ",")
	lab.users = nil
	return users
}

// presented are the cookies that the app saw since it was asked the last time.
func (lab *identifyLab) presented() string {
	lab.mu.Lock()
	defer lab.mu.Unlock()
	cookies := lab.last
	lab.last = ""
	return cookies
}

// serveAuth is a portal as forward_auth asks it: the cookie says who is signed
// in there, and how the answer looks.
func serveAuth(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie("portal")
	if err != nil {
		w.Header().Set("Location", "https://auth.example.com/")
		w.WriteHeader(http.StatusFound)
		return
	}
	switch user := c.Value; user {
	case "denied":
		w.WriteHeader(http.StatusUnauthorized)
	case "bypass": // a path that is open to everybody
	default:
		w.Header().Set("Remote-User", user)
	}
}

func (lab *identifyLab) list() *revocation.List { return lab.app.process.revocations.list.Load() }

// get sends a request with cookies and further headers.
func (lab *identifyLab) get(url string, headers ...string) *http.Response {
	lab.t.Helper()
	return lab.do(request("GET", url, "", headers...))
}

// revoke is what an administrator does, a minute later.
func (lab *identifyLab) revoke(issuer, sub string) {
	lab.t.Helper()
	lab.pass(time.Minute)
	if err := lab.list().Revoke(lab.t.Context(), lab.list().OfSubject(issuer, sub, lab.now())); err != nil {
		lab.t.Fatal(err)
	}
	lab.pass(time.Minute)
}

func (lab *identifyLab) isBound(value string) bool {
	lab.t.Helper()
	f, ok := lab.list().Fingerprint(value)
	if !ok {
		lab.t.Fatalf("%q has no fingerprint", value)
	}
	return lab.list().IsBound(f)
}

// wantBound: the sessions of a user, and no others, are refused from now on.
func (lab *identifyLab) wantBound(issuer, sub string, value string, bound bool) {
	lab.t.Helper()
	if lab.isBound(value) != bound {
		lab.t.Errorf("bound: %t, want %t", !bound, bound)
	}
	lab.revoke(issuer, sub)
	if refused := lab.list().Refuses(value); refused != bound {
		lab.t.Errorf("after a revocation of %s's sessions: refused %t, want %t", sub, refused, bound)
	}
}

// wantQuiet: nothing that was logged has one of these in it.
func (lab *identifyLab) wantQuiet(secrets ...string) {
	lab.t.Helper()
	for _, entry := range lab.logged.All() {
		line := entry.Message + fmt.Sprint(entry.ContextMap())
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				lab.t.Errorf("logged: %s", line)
			}
		}
	}
}

func (lab *identifyLab) logs(message string) int {
	return lab.logged.Filter(func(e observer.LoggedEntry) bool { return strings.Contains(e.Message, message) }).Len()
}

// sessionValue is one as apps make them.
func sessionValue(n int) string { return fmt.Sprintf("%016x-session-of-an-app", 1<<40+n) }

// serveLoopback serves the site's http hosts at a port of its own: in memory
// there is nothing to hijack.
func (lab *identifyLab) serveLoopback() *httptest.Server {
	lab.t.Helper()
	for _, server := range lab.http.Servers {
		s := httptest.NewServer(server)
		lab.t.Cleanup(s.Close)
		return s
	}
	lab.t.Fatal("no server")
	return nil
}

func discard(t testing.TB, r io.Reader) {
	t.Helper()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Error(err)
	}
}

func handlerOf(serve http.HandlerFunc) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		serve(w, r)
		return nil
	})
}

const forwardAuth = `app.example.com {
	universal_logout {
		identify header remote-user
	}
	forward_auth AUTH {
		uri /auth
		copy_headers Remote-User
	}
	handle_path /files/* {
		reverse_proxy APP
	}
	handle /kept/* {
		reverse_proxy APP {
			header_up -Remote-User
		}
	}
	handle /gone/* {
		request_header -Remote-User
		reverse_proxy APP
	}
	handle /down {
		reverse_proxy 127.0.0.1:1
	}
	handle /error {
		error 503
	}
	handle /quiet {
		method GET
	}
	handle {
		reverse_proxy APP
	}
}
open.example.com {
	universal_logout {
		identify header Remote-User
	}
	reverse_proxy APP
}
basic.example.com {
	universal_logout {
		identify header Remote-User
	}
	basic_auth {
		ana $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
	}
	reverse_proxy APP
}`

// unsigned is a JWT that nobody has signed: whoever verifies it refuses it.
func unsigned(claims string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + e.EncodeToString([]byte(claims)) + "." + e.EncodeToString([]byte("no signature of anybody"))
}

const jwtIssuer = "https://sso.example.com"

// tokenFor is one of a user, issued at a moment.
func tokenFor(sub string, issued time.Time) string {
	return unsigned(fmt.Sprintf(`{"iss":%q,"sub":%q,"sid":%q,"iat":%d}`, jwtIssuer, sub, "session-of-"+sub, issued.Unix()))
}

func jwtLab(t testing.TB) *identifyLab {
	t.Helper()
	return newIdentifyLab(t, "", `app.example.com {
		universal_logout {
			identify jwt
			keep_cookies kept
		}
		reverse_proxy APP
	}`)
}

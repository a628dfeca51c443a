package universallogout

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// site is a Caddyfile's http app in memory: no listener, no port.
type site struct {
	t    testing.TB
	http *caddyhttp.App
	app  *App
	op   *oidctest.Provider // nil: none

	inProcess bool // op has a name that no resolver knows
}

const testGlobals = `
	admin off
	persist_config off
	skip_install_trust
	local_certs
`

// newSite loads a Caddyfile whose global options may be given without the
// ones that tests always need.
func newSite(t testing.TB, globals, sites string) *site {
	t.Helper()
	s, err := loadSite(t, "{"+testGlobals+globals+"\n}\n"+sites)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var provisioning sync.Mutex

func loadSite(t testing.TB, caddyfile string) (*site, error) {
	t.Helper()
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return nil, err
	}
	return loadJSON(t, adapted)
}

func loadJSON(t testing.TB, config []byte) (*site, error) {
	t.Helper()
	var cfg caddy.Config
	if err := json.Unmarshal(config, &cfg); err != nil {
		return nil, err
	}
	cfg.StorageRaw = json.RawMessage(fmt.Sprintf(`{"module":"file_system","root":%q}`, t.TempDir()))
	cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{
		WriterRaw: json.RawMessage(`{"output":"discard"}`),
	}}}}
	provisioning.Lock() // Caddy loads one config at a time
	defer provisioning.Unlock()
	ctx, err := caddy.ProvisionContext(&cfg)
	if err != nil {
		return nil, err
	}
	httpApp, err := ctx.App("http")
	if err != nil {
		return nil, err
	}
	app, err := ctx.App("universal_logout")
	if err != nil {
		return nil, err
	}
	a := app.(*App)
	t.Cleanup(func() { _ = a.Cleanup() })
	a.use(a.process.again(t, func() time.Time { return a.now() }))
	return &site{t: t, http: httpApp.(*caddyhttp.App), app: app.(*App)}, nil
}

// again is what no other test sees, but for the keys.
func (s *process) again(t testing.TB, now func() time.Time) *process {
	t.Helper()
	alone := newProcess(s.keys)
	alone.revocations = inMemory(t, now)
	return alone
}

// inMemory is a list of revocations that no other test sees.
func inMemory(t testing.TB, now func() time.Time) *revocations {
	t.Helper()
	list, err := revocation.Open(t.Context(), revocation.Options{Key: revocation.Key{1}, Lifetime: defaultSessionLifetime, Now: now, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = list.Close() })
	rv := newRevocations()
	rv.start.Do(func() {})
	rv.list.Store(list)
	close(rv.ready)
	return rv
}

// do sends a request as one that came in over TLS if its URL says https.
func (s *site) do(r *http.Request) (res *http.Response) {
	s.t.Helper()
	if r.URL.Scheme == "https" {
		r.TLS = &tls.ConnectionState{ServerName: r.URL.Hostname()}
	} else {
		r.TLS = nil
	}
	w := &recorder{ResponseRecorder: httptest.NewRecorder()}
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
		res = w.Result()
	}()
	for _, server := range s.http.Servers {
		if len(server.TLSConnPolicies) > 0 == (r.TLS != nil) || len(s.http.Servers) == 1 {
			server.ServeHTTP(w, r)
			break
		}
	}
	return nil // the deferred function knows
}

// recorder keeps the beginning of a body only.
type recorder struct {
	*httptest.ResponseRecorder
	written int
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.written += len(p); rec.written > 1<<20 {
		return len(p), nil
	}
	return rec.ResponseRecorder.Write(p)
}

// request makes one; headers are "Name: value".
func request(method, url, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// What browsers send of their own with clicks, forms and fetches.
var (
	clicked   = []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html,application/xhtml+xml,*/*;q=0.8"}
	submitted = append([]string{"Origin: https://app.example.com", "Content-Type: application/x-www-form-urlencoded"}, clicked...)
	fetched   = []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Accept: */*", "Origin: https://app.example.com"}
)

func with(headers []string, more ...string) []string {
	return append(append([]string{}, headers...), more...)
}

// sessions is an app with real sessions on its side: only its own logout ends
// one. Whether a session is alive is asked of it, never of its answers.
type sessions struct {
	*httptest.Server
	mu     sync.Mutex
	alive  map[string]bool
	seen   []*http.Request
	bodies []string

	// answer is what follows when the session was ended.
	answer http.HandlerFunc
}

func newSessions(t testing.TB, answer http.HandlerFunc) *sessions {
	t.Helper()
	s := &sessions{alive: make(map[string]bool), answer: answer}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *sessions) addr() string { return strings.TrimPrefix(s.URL, "http://") }

// login starts a session with this id.
func (s *sessions) login(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive[id] = true
}

func (s *sessions) isAlive(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive[id]
}

// requests are those that reached the app.
func (s *sessions) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request{}, s.seen...)
}

// ServeHTTP ends the session at any path that has "logout" in it, whatever the
// method: the most careless app there is.
func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen, s.bodies = append(s.seen, r), append(s.bodies, string(body))
	ends := strings.Contains(strings.ToLower(r.URL.Path), "logout")
	if ends {
		if c, err := r.Cookie("sessionid"); err == nil {
			delete(s.alive, c.Value)
		}
	}
	s.mu.Unlock()
	if ends && s.answer != nil {
		s.answer(w, r)
		return
	}
	fmt.Fprint(w, "app")
}

// endsSession answers as most apps do.
func endsSession(w http.ResponseWriter, _ *http.Request) {
	w.Header().Add("Set-Cookie", "sessionid=; Path=/; Max-Age=0")
	w.Header().Set("Location", "/login")
	w.WriteHeader(http.StatusFound)
}

func bodyOf(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// handlers are the site's handlers of ours at its top level.
func (s *site) handlers() (all []*Handler) {
	for _, server := range s.http.Servers {
		for _, route := range server.Routes {
			for _, handler := range route.Handlers {
				if sub, ok := handler.(*caddyhttp.Subroute); ok {
					for _, inner := range sub.Routes {
						if h, ok := inner.Handlers[0].(*Handler); ok {
							all = append(all, h)
						}
					}
				}
			}
		}
	}
	return all
}

// serveWith runs one handler alone, with next behind it.
func (s *site) serveWith(h *Handler, next caddyhttp.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	var server *caddyhttp.Server
	for _, server = range s.http.Servers {
	}
	r.TLS = &tls.ConnectionState{}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, server)
	if err := h.ServeHTTP(w, r, next); err != nil {
		s.t.Errorf("%v", err)
	}
	return w.Result()
}

// What internal/appcall bounds.
const (
	maxBufferedBody = 64 << 10
	maxKept         = 64 << 10
	graceTime       = 150 * time.Millisecond
)

// againTime is how long a step of a tour answers as it did at first.
const againTime = 5 * time.Second

package universallogout

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
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

// ours are the handlers for apps on a host, outer ones first.
func ours(app *caddyhttp.App, host string) (all []*Handler) {
	var walk func(*caddyhttp.Server, caddyhttp.RouteList)
	walk = func(server *caddyhttp.Server, routes caddyhttp.RouteList) {
		for _, route := range routes {
			other := slices.ContainsFunc(route.MatcherSets, func(set caddyhttp.MatcherSet) bool {
				return slices.ContainsFunc(set, func(m any) bool {
					hosts, ok := m.(*caddyhttp.MatchHost)
					return ok && !slices.Contains(*hosts, host)
				})
			})
			if other {
				continue
			}
			for _, handler := range route.Handlers {
				switch handler := handler.(type) {
				case *Handler:
					if handler.Role != roleAddresses {
						all = append(all, handler)
					}
				case *caddyhttp.Subroute:
					walk(server, handler.Routes)
				case *caddyhttp.Invoke:
					walk(server, caddyhttp.RouteList{*server.NamedRoutes[handler.Name]})
				}
			}
		}
	}
	for _, server := range app.Servers {
		walk(server, server.Routes)
	}
	return all
}

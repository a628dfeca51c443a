package universallogout

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

func init() {
	caddy.RegisterModule(endProbe{})
	httpcaddyfile.RegisterHandlerDirective("test_end_session", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		h.Next()
		return new(endProbe), nil
	})
	httpcaddyfile.RegisterDirectiveOrder("test_end_session", httpcaddyfile.After, "redir") // in front of ours
}

// endProbe ends the session of an app of its site when a browser asks for
// /end, as the tour will. Its query says of which: ?of=<n>&cut=<path>.
type endProbe struct{ ctx caddy.Context }

func (endProbe) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_end_session", New: func() caddy.Module { return new(endProbe) }}
}

func (p *endProbe) Provision(ctx caddy.Context) error {
	p.ctx = ctx
	return nil
}

type probed struct {
	Outcome outcome.Outcome
	Cookies []string
	Took    time.Duration
}

func (p *endProbe) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.URL.Path != "/end" {
		return next.ServeHTTP(w, r)
	}
	app, err := p.ctx.App("http")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	of, _ := strconv.Atoi(q.Get("of"))
	own := inbound.Origin(r)
	h := ours(app.(*caddyhttp.App), own.Hostname())[of]
	from := appcall.BrowserOf(r, own)
	presented := h.run.sessions.In(r.Header["Cookie"])
	end := func() probed {
		began := time.Now()
		res := h.ending().End(from, next, own, q.Get("cut"), presented)
		return probed{res.Outcome, res.Cookies, time.Since(began)}
	}
	if times, _ := strconv.Atoi(q.Get("times")); times > 0 {
		var wg sync.WaitGroup
		for range times {
			wg.Go(func() {
				if got := end(); got.Outcome != outcome.Ended {
					w.Header().Set("X-Wrong", string(got.Outcome))
				}
			})
		}
		r.URL.Path = "/page" // meanwhile, the browser's own
		err := next.ServeHTTP(w, r)
		wg.Wait()
		return err
	}
	return json.NewEncoder(w).Encode(end())
}

// end asks a site to end the session of a browser.
func (s *site) end(query string, headers ...string) (got probed) {
	s.t.Helper()
	res := s.do(request("POST", "https://app.example.com/end?"+query, "", append(slices.Clone(submitted), headers...)...))
	body := bodyOf(s.t, res)
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		s.t.Errorf("%d %s", res.StatusCode, body)
	}
	return got
}

// endingSite is a site with one app behind a reverse_proxy.
func endingSite(t testing.TB, addr, block string) *site {
	t.Helper()
	return newSite(t, "", `app.example.com {
		test_end_session
		universal_logout {
			`+block+`
		}
		reverse_proxy `+addr+`
	}`)
}

// callTimeout is what tests give a call.
const callTimeout = 300 * time.Millisecond

// graceTime is what internal/appcall leaves handlers behind a call's timeout.
const graceTime = 150 * time.Millisecond

// wantInTime: the call's timeout, the grace for handlers, and a slow machine.
func wantInTime(t testing.TB, took time.Duration) {
	t.Helper()
	if took > callTimeout+graceTime+500*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

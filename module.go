// Package universallogout is a Caddy module that makes one logout work for
// every app behind one Caddy: it takes the app's own logout request, lets the
// app end its session, and then ends what the app cannot reach.
package universallogout

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"
	"github.com/universal-logout/caddy-universal-logout/internal/seal"
	"github.com/universal-logout/caddy-universal-logout/internal/sites"
	"github.com/universal-logout/caddy-universal-logout/internal/telemetry"
	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

func init() {
	caddy.RegisterModule(App{})
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterGlobalOption("universal_logout", parseGlobalOption)
	httpcaddyfile.RegisterDirective("universal_logout", parseDirective)
	// Before rewrites, which would hide the path the browser asked for, and
	// before anything that sends visitors without a session to a login page.
	httpcaddyfile.RegisterDirectiveOrder("universal_logout", httpcaddyfile.Before, "method")
}

const (
	defaultPrefix  = "/.universal-logout"
	defaultTimeout = 5 * time.Second
	refreshKeys    = time.Minute
)

// App is what all sites with a universal_logout handler share. It needs no
// configuration: without any, every handler works with the defaults.
type App struct {
	// Where a logout may send the browser besides the site it happened on:
	// origins such as `https://www.example.com` or `https://*.example.com`,
	// optionally with one path, or with a path ending in `/*`.
	AllowedReturnURLs []string `json:"allowed_return_urls,omitempty"`

	// Other sites, as origins, whose pages may start a logout here without
	// the user being asked again.
	TrustedOrigins []string `json:"trusted_origins,omitempty"`

	// The single sign-ons that logouts end, by the names that sites use.
	Providers map[string]*Provider `json:"providers,omitempty"`

	// One site, as an origin such as `https://logout.example.com`, whose
	// addresses are registered at the providers instead of those of every site.
	Hub string `json:"hub,omitempty"`

	// Apps that are not behind this Caddy: the landing page links to them, and
	// asks those on its own registrable domain to log out.
	Also []AlsoApp `json:"also,omitempty"`

	// How long a session that was ended is refused: as long as the longest
	// session of any app lasts. A JWT is refused until it expires, if that is
	// sooner. Default: 30 days.
	SessionLifetime caddy.Duration `json:"session_lifetime,omitempty"`

	// How nodes tell each other what is refused: `storage` is through Caddy's
	// own storage; `off` is not at all. Default: `storage`.
	Shared string `json:"shared,omitempty"`

	// How long the app and the provider may take together before the user is
	// logged out of the browser without them. Default: `5s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// The path on every site below which our own pages live. It never reaches
	// an app. Default: `/.universal-logout`.
	Prefix string `json:"prefix,omitempty"`

	run compiledApp

	sites         func() ([]mount, sites.Names)
	registry      func() *registry // of them
	logger        *zap.Logger
	now           func() time.Time
	work          *work.Runner
	process       *process
	ctx           caddy.Context
	endRefreshing context.CancelFunc // ends the refreshing of keys; set by Start
	roles         map[string]int     // how many handlers of each role the config has
	enforcing     enforce.Edge
	seals         journey.Seals
	teller        *telemetry.Teller
}

// compiledApp is what Provision makes of the words: they are read, checked and
// without placeholders.
type compiledApp struct {
	returns   []returnurl.Pattern
	also      []AlsoApp
	trusted   map[origin.Origin]struct{}
	providers map[string]*provider.Provider // and those that sites name by their issuer
	hub       origin.Origin                 // the zero value: none
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "universal_logout", New: func() caddy.Module { return new(App) }}
}

// Provision reads the configuration. It never waits for the network or the
// storage.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	a.now = time.Now
	a.roles = make(map[string]int)
	a.work = &work.Runner{Logger: func() *zap.Logger { return a.logger }, Retries: work.Retries}
	if a.Timeout == 0 {
		a.Timeout = caddy.Duration(defaultTimeout)
	}
	if err := checkTimeout(time.Duration(a.Timeout)); err != nil {
		return err
	}
	if a.SessionLifetime == 0 {
		a.SessionLifetime = caddy.Duration(defaultSessionLifetime)
	}
	if err := checkSessionLifetime(time.Duration(a.SessionLifetime)); err != nil {
		return err
	}
	if a.Shared == "" {
		a.Shared = sharedStorage
	}
	if err := checkShared(a.Shared); err != nil {
		return err
	}
	if a.Prefix == "" {
		a.Prefix = defaultPrefix
	}
	if err := checkPrefix(a.Prefix); err != nil {
		return err
	}
	if err := a.compile(); err != nil {
		return err
	}
	v, _, err := pool.LoadOrNew(poolKey, func() (caddy.Destructor, error) {
		keys, err := seal.NewRing()
		return newProcess(keys), err
	})
	if err != nil {
		return err
	}
	a.use(v.(*process))
	a.ctx = ctx
	if a.teller, err = telemetry.New(ctx, a.process.metrics, a.work, func() *zap.Logger { return a.logger }, a.clock); err != nil {
		return err
	}
	a.sites = sync.OnceValues(func() ([]mount, sites.Names) { return findMounts(ctx) })
	a.registry = sync.OnceValue(func() *registry { return newRegistry(a.mounts(), a.run.hub) })
	return a.provisionProviders()
}

func parseHub(hub string) (origin.Origin, error) {
	if err := origin.CheckEndpoint(hub); err != nil {
		return origin.Origin{}, fmt.Errorf("hub: %w", err)
	}
	o := origin.Parse(hub)
	if rest := strings.TrimPrefix(strings.ToLower(hub), o.String()); rest != "" && rest != "/" {
		return origin.Origin{}, fmt.Errorf("hub: %q must be an origin like https://logout.example.com, without a path", hub)
	}
	return o, nil
}

func (a *App) clock() time.Time { return a.now() }

func checkTimeout(timeout time.Duration) error {
	if timeout < 10*time.Millisecond || timeout > 5*time.Minute {
		return fmt.Errorf("timeout: %s is no time to wait for an app while a person waits; write one between 10ms and 5m, 5s is usual", timeout)
	}
	return nil
}

func checkPrefix(prefix string) error {
	if strings.HasSuffix(prefix, "/") || !origin.IsPlainPath(prefix) || strings.ContainsAny(prefix, "*?#;%{") || origin.HasSpaceOrControl(prefix) {
		return fmt.Errorf("prefix: %q must be a path like %s, without a slash at its end", prefix, defaultPrefix)
	}
	return nil
}

func (a *App) compile() error {
	for _, entry := range a.AllowedReturnURLs {
		entry, err := placeholders.Resolve(entry)
		if err != nil {
			return fmt.Errorf("allowed_return_urls: %w", err)
		}
		p, err := returnurl.ParsePattern(entry)
		if err != nil {
			return fmt.Errorf("allowed_return_urls: %w", err)
		}
		a.run.returns = append(a.run.returns, p)
	}
	for _, also := range a.Also {
		also, err := also.resolve()
		if err != nil {
			return fmt.Errorf("also: %w", err)
		}
		a.run.also = append(a.run.also, also)
	}
	a.run.trusted = make(map[origin.Origin]struct{})
	for _, entry := range a.TrustedOrigins {
		entry, err := placeholders.Resolve(entry)
		if err != nil {
			return fmt.Errorf("trusted_origins: %w", err)
		}
		p, err := returnurl.ParsePattern(entry)
		switch {
		case err != nil:
			return fmt.Errorf("trusted_origins: %w", err)
		case p.Wildcard || p.Path != "":
			return fmt.Errorf("trusted_origins: %q must be one origin, like https://portal.example.com, without a path or *", entry)
		}
		a.run.trusted[p.Origin] = struct{}{}
	}
	return nil
}

// Start implements caddy.App.
func (a *App) Start() error {
	if a.roles[roleApp] > 0 && a.roles[roleAddresses] == 0 {
		return errNoAddresses
	}
	a.warnAboutGroups()
	if a.run.hub != (origin.Origin{}) && !a.serves(a.run.hub) {
		a.logger.Warn("no site has the hub's name: providers would send people where nothing is; add one like "+a.run.hub.Host+" { universal_logout }",
			zap.String("hub", a.run.hub.String()))
	}
	ctx, stop := context.WithCancel(a.ctx)
	a.endRefreshing = stop
	go a.refreshKeys(ctx)
	a.process.revocations.open(a)
	if mode := a.process.revocations.mode; mode != a.Shared {
		a.logger.Warn("shared is taken up when Caddy starts, not by a reload", zap.String("until_then", mode), zap.String("then", a.Shared))
	}
	if list := a.process.revocations.list.Load(); list != nil { // of the config before this one
		list.SetLifetime(time.Duration(a.SessionLifetime))
	}
	a.process.running.begin(a)
	return nil
}

// Stop ends what Start began.
func (a *App) Stop() error {
	a.process.running.end(a)
	if a.endRefreshing != nil {
		a.endRefreshing()
	}
	return nil
}

// Cleanup lets go of what outlives the config. It also runs after a Provision
// that failed half-way.
func (a *App) Cleanup() error {
	if a.process == nil {
		return nil
	}
	_, err := pool.Delete(poolKey)
	return err
}

var (
	_ caddy.App                   = (*App)(nil)
	_ caddy.Provisioner           = (*App)(nil)
	_ caddy.CleanerUpper          = (*App)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)

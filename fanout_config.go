package universallogout

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"go.uber.org/zap"
)

// AlsoApp is an app that is not behind this Caddy.
type AlsoApp struct {
	// Its name for people.
	Name string `json:"name,omitempty"`

	// The address that logs out there, such as `https://mail.example.com/logout`.
	URL string `json:"url,omitempty"`
}

func (also AlsoApp) resolve() (AlsoApp, error) {
	for _, value := range []*string{&also.Name, &also.URL} {
		resolved, err := placeholders.Resolve(*value)
		if err != nil {
			return also, err
		}
		*value = resolved
	}
	u, err := url.Parse(also.URL)
	if err != nil || !origin.IsPlainURL(also.URL) || u.Scheme != "https" || u.Fragment != "" || strings.TrimSpace(also.Name) == "" {
		return also, fmt.Errorf("%q %q: write a name, and the https address that logs out there", also.Name, also.URL)
	}
	return also, nil
}

const (
	fanoutOn  = "on"
	fanoutOff = "off"
)

func checkFanout(value string) error {
	switch value {
	case "", fanoutOn, fanoutOff:
		return nil
	}
	return fmt.Errorf("fanout: %q is none of on, off", value)
}

func checkGroup(name string) error {
	if name == "" || len(name) > 64 || origin.HasSpaceOrControl(name) {
		return fmt.Errorf("group: %q is no name; write one word like intranet", name)
	}
	return nil
}

// compileHost reads a name of a site: one, not a pattern.
func compileHost(host string) (string, error) {
	host = strings.ToLower(host)
	if strings.Contains(host, "*") || !origin.IsHostPattern(host) {
		return "", fmt.Errorf("%q is no name of a site; write one like app.example.com, without scheme, port and *", host)
	}
	return host, nil
}

func (h *Handler) compileFanout() (err error) {
	if h.group, err = placeholders.Resolve(h.Group); err != nil {
		return fmt.Errorf("group: %w", err)
	}
	if h.Group != "" {
		if err := checkGroup(h.group); err != nil {
			return err
		}
	}
	if err := checkFanout(h.Fanout); err != nil {
		return err
	}
	hosts, err := placeholders.All("hosts", h.Hosts)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		name, err := compileHost(host)
		if err != nil {
			return fmt.Errorf("hosts: %w", err)
		}
		h.hosts = append(h.hosts, name)
	}
	h.cookiePaths = h.pathsOfCookies()
	return nil
}

// maxCookiePaths bounds the expirations that one cookie needs.
const maxCookiePaths = 4

// pathsOfCookies are the paths, besides the one of a request, that lead to the
// app and its logout: where its cookies may be limited to (CK-20).
func (h *Handler) pathsOfCookies() (paths []string) {
	add := func(path string) {
		if len(cookie.CookiePaths(path)) > 1 && len(paths) < maxCookiePaths {
			paths = cookie.Union(paths, []string{path})
		}
	}
	if h.Base != "" {
		add(h.Base + "/logout")
	}
	for _, rule := range h.rules.Rules {
		if path := "/" + strings.Join(rule.Segments, "/"); !strings.Contains(path, "*") {
			add(path)
		}
	}
	if h.LogoutCall != nil {
		path, _, _ := strings.Cut(h.LogoutCall.Path, "?")
		add(path)
	}
	return paths
}

// warnAboutGroups tells what nobody will notice before it matters.
func (a *App) warnAboutGroups() {
	for _, p := range a.registry().apps {
		h := p.Handler
		for _, host := range h.hosts {
			if !p.Takes(host) {
				a.logger.Warn("hosts: the site has no such name, so it takes no part in logouts under it", zap.String("host", host))
			}
		}
		for _, host := range p.Hosts {
			if !a.registry().hasPages(p.Server, host) {
				a.logger.Warn("no tour goes there: "+errNoAddresses.Error(), zap.String("host", host))
			}
		}
		if len(p.names()) == 0 {
			a.logger.Info("a site for many names takes no part in the logouts of others, nor they in its own; name those that should with hosts",
				zap.Strings("site", p.Hosts), zap.String("group", a.groupOf(h)))
		}
	}
}

package universallogout

import (
	"fmt"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
)

// A tour takes the browser to the other sites of a group. What it needs to
// know travels with the browser, sealed: any node can take any hop.
//
// The page of each hop has a token. It is worth something in two places only:
// at the address that its form leads to, if the browser says that the form was
// on that very page (Origin), and at /site of the page's own site and of those
// that are same-site with it, if a script of that page asks.

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
	if h.run.group, err = placeholders.Resolve(h.Group); err != nil {
		return fmt.Errorf("group: %w", err)
	}
	if h.Group != "" {
		if err := checkGroup(h.run.group); err != nil {
			return err
		}
	}
	if err := checkFanout(h.Fanout); err != nil {
		return err
	}
	hosts, err := placeholders.ResolveAll("hosts", h.Hosts)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		name, err := compileHost(host)
		if err != nil {
			return fmt.Errorf("hosts: %w", err)
		}
		h.run.hosts = append(h.run.hosts, name)
	}
	h.run.cookiePaths = h.pathsOfCookies()
	return nil
}

// warnAboutGroups tells what nobody will notice before it matters.
func (a *App) warnAboutGroups() {
	for _, p := range a.registry().apps {
		h := p.Handler
		for _, host := range h.run.hosts {
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

package universallogout

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sort"
	"syscall"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/journal"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/provider"
)

// adminStatus is what the admin API tells: how we are doing, and nothing secret.
type adminStatus struct {
	Open        bool              `json:"open"` // the list of revocations can be asked
	Version     uint64            `json:"version"`
	Revocations revocationCounts  `json:"revocations"`
	Bindings    int               `json:"bindings"`
	Log         logStatus         `json:"log"`
	Shared      string            `json:"shared"`      // as configured
	KeysShared  bool              `json:"keys_shared"` // other nodes can finish a logout that began here
	Hub         string            `json:"hub,omitempty"`
	Sites       []siteStatus      `json:"sites"`
	Groups      []groupStatus     `json:"groups"`
	Providers   []provider.Status `json:"providers"`
}

type revocationCounts struct {
	Credentials int `json:"credentials"`
	Sessions    int `json:"sessions"`
	Subjects    int `json:"subjects"`
	Max         int `json:"max"`
}

type logStatus struct {
	Appended    uint64  `json:"appended"`
	Merged      uint64  `json:"merged"`
	Replayed    uint64  `json:"replayed"`
	Skipped     uint64  `json:"skipped"`
	Waiting     int     `json:"waiting"`
	LagSeconds  float64 `json:"lag_seconds"`
	LocalError  string  `json:"local_error,omitempty"`
	SharedError string  `json:"shared_error,omitempty"`
}

type siteStatus struct {
	Host string      `json:"host"` // a name, a pattern like *.example.com, or * for any
	Apps []appStatus `json:"apps"`
}

type appStatus struct {
	Path     string   `json:"path"`
	Group    string   `json:"group"`
	Provider string   `json:"provider,omitempty"`
	Hosts    []string `json:"hosts,omitempty"`
}

type groupStatus struct {
	Name  string   `json:"name"`
	Sites []string `json:"sites"`
}

func (a *App) status() adminStatus {
	s := adminStatus{Shared: a.Shared, KeysShared: a.process.keys.Shared(), Sites: a.siteStatus(), Groups: []groupStatus{}, Providers: []provider.Status{}}
	if a.run.hub != (origin.Origin{}) {
		s.Hub = a.run.hub.String()
	}
	if list := a.process.revocations.list.Load(); list != nil {
		stats := list.Stats()
		s.Open, s.Version, s.Bindings = true, list.Version(), stats.Bindings
		s.Revocations = revocationCounts{stats.Credentials, stats.Sessions, stats.Subjects, stats.Max}
		s.Log = logStatusOf(stats.Journal)
	}
	groups := make(map[string][]string)
	for _, site := range s.Sites {
		for _, app := range site.Apps {
			groups[app.Group] = cookie.Union(groups[app.Group], []string{site.Host})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		s.Groups = append(s.Groups, groupStatus{name, groups[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(a.run.providers)) {
		s.Providers = append(s.Providers, a.run.providers[name].Status())
	}
	return s
}

func logStatusOf(j journal.Stats) logStatus {
	return logStatus{
		Appended: j.Appended, Merged: j.Merged, Replayed: j.Replayed, Skipped: j.Skipped, Waiting: j.Waiting,
		LagSeconds: j.Lag.Seconds(), LocalError: plainError(j.Local), SharedError: plainError(j.Shared),
	}
}

// siteStatus lists the sites as the configuration names them.
func (a *App) siteStatus() []siteStatus {
	sites := make(map[string]*siteStatus)
	for _, p := range a.registry().apps {
		app := appStatus{Path: cmp.Or(p.base(), "/"), Group: a.groupOf(p.Handler), Hosts: p.Handler.run.hosts}
		if p.Handler.run.provider != nil {
			app.Provider = p.Handler.run.provider.Name
		}
		hosts := p.Hosts
		if hosts == nil {
			hosts = []string{"*"}
		}
		for _, host := range hosts {
			if sites[host] == nil {
				sites[host] = &siteStatus{Host: host}
			}
			same := func(other appStatus) bool {
				return other.Path == app.Path && other.Group == app.Group && other.Provider == app.Provider
			}
			if s := sites[host]; !slices.ContainsFunc(s.Apps, same) { // on several servers, or in a block too
				s.Apps = append(s.Apps, app)
			}
		}
	}
	all := make([]siteStatus, 0, len(sites))
	for _, host := range slices.Sorted(maps.Keys(sites)) {
		apps := sites[host].Apps
		sort.SliceStable(apps, func(i, j int) bool { return apps[i].Path < apps[j].Path })
		all = append(all, *sites[host])
	}
	return all
}

// plainError is what an error of the disk or the storage comes down to. Paths
// and addresses in it may have secrets, and are nobody's business who may only
// ask how we are doing; the log has them.
func plainError(err error) string {
	var number syscall.Errno
	switch {
	case err == nil:
		return ""
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	for _, known := range []error{fs.ErrPermission, fs.ErrNotExist, fs.ErrExist, fs.ErrClosed, context.Canceled} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "see the log"
}

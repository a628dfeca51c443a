package universallogout

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
)

// tree makes a configuration's routes up.
type tree struct {
	*rand.Rand
	exact    bool     // only what the walk knows exactly, not what it has to allow for
	named    []string // the routes that may be invoked: never in circles, in which Caddy goes on for ever
	handlers int
}

var treeHosts = []string{"a.example.com", "b.example.com", "c.example.com", "d.example.org"}

func (tr *tree) config() (servers string, err error) {
	routes := make(map[string]any)
	routes["inner"] = tr.routes(1)[0]
	tr.named = []string{"inner"}
	routes["outer"] = tr.routes(1)[0]
	tr.named = []string{"inner", "outer"}
	top := map[string]any{"handle": []any{map[string]any{"handler": "subroute", "routes": tr.routes(3)}}}
	if tr.exact {
		top["match"] = []any{map[string]any{"host": treeHosts}}
	}
	config, err := json.Marshal(map[string]any{"a": map[string]any{
		"listen": []string{":9443"}, "automatic_https": map[string]any{"disable": true}, "named_routes": routes, "routes": []any{top},
	}})
	return string(config), err
}

func (tr *tree) routes(depth int) (routes []map[string]any) {
	for range 1 + tr.IntN(4) {
		route := map[string]any{"match": tr.matchers(), "terminal": tr.IntN(8) == 0}
		if !tr.exact && tr.IntN(3) == 0 {
			route["group"] = fmt.Sprint("g", tr.IntN(2))
		}
		var handlers []map[string]any
		for range 1 + tr.IntN(2) {
			handlers = append(handlers, tr.handler(depth))
		}
		route["handle"] = handlers
		routes = append(routes, route)
	}
	return routes
}

func (tr *tree) matchers() (sets []map[string]any) {
	for range tr.IntN(3) {
		hosts := tr.hosts()
		set := map[string]any{"host": hosts}
		switch kind := tr.IntN(6); {
		case tr.exact || kind < 3:
		case kind == 3:
			set = map[string]any{"not": []map[string]any{{"host": hosts}, {"host": treeHosts, "path": []string{"/never"}}}}
		case kind == 4:
			set["path"] = []string{"/never"}
		case kind == 5:
			set = map[string]any{"path": []string{"*"}}
		}
		sets = append(sets, set)
	}
	return sets
}

func (tr *tree) hosts() []string {
	all := slices.Concat(treeHosts, []string{"*.example.com", "a.*.com", "e.example.com"})
	tr.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+tr.IntN(4)]
}

func (tr *tree) handler(depth int) map[string]any {
	switch kind := tr.IntN(12); {
	case kind == 0:
		return map[string]any{"handler": "static_response", "body": "other"}
	case kind == 1:
		return map[string]any{"handler": "rewrite", "strip_path_prefix": fmt.Sprint("/cut", tr.IntN(3))}
	case kind == 2 && len(tr.named) > 0:
		return map[string]any{"handler": "invoke", "name": tr.named[tr.IntN(len(tr.named))]}
	case kind < 8 && depth > 0:
		return map[string]any{"handler": "subroute", "routes": tr.routes(depth - 1)}
	}
	tr.handlers++
	return map[string]any{"handler": "universal_logout", "paths": []string{logoutPath(tr.handlers)}, "return_to": fmt.Sprint("/", tr.handlers)}
}

func logoutPath(handler int) string { return fmt.Sprint("/logout", handler) }

// TestPlacesServe: in configurations that nobody would write, whoever gets a
// logout out of a handler was where the walk says that it is, and whoever goes
// there gets one.
func TestPlacesServe(t *testing.T) {
	for _, exact := range []bool{false, true} {
		served, listed := 0, 0
		for seed := range uint64(40) {
			tr := &tree{Rand: rand.New(rand.NewPCG(seed, 0)), exact: exact} //nolint:gosec // the same every time
			config, err := tr.config()
			if err != nil {
				t.Fatal(err)
			}
			s := jsonSites(t, config)
			ends := func(host, path string) bool {
				res := s.do(request("GET", "https://"+host+path, "", with(clicked, "Cookie: sessionid=one")...))
				return strings.HasPrefix(res.Header.Get("Set-Cookie"), "sessionid=;")
			}
			for _, host := range treeHosts {
				for n := range tr.handlers {
					path := logoutPath(n + 1)
					at := func(p mount) bool { return p.Handler.Paths[0] == path && labtest.CaddyMatches(t, p.Hosts, host) }
					if ends(host, path) {
						served++
						if !slices.ContainsFunc(s.app.mounts(), at) {
							t.Fatalf("%s serves %s, which is not among %v: %s", host, path, described(s.app.mounts()), config)
						}
					}
				}
			}
			for _, p := range s.app.mounts() {
				for _, host := range p.Hosts {
					if listed++; exact && !ends(host, p.Cut+p.Handler.Paths[0]) {
						t.Fatalf("%s does not serve %s%s: %s", host, p.Cut, p.Handler.Paths[0], config)
					}
				}
			}
		}
		t.Logf("exact %t: %d logouts were served, %d names found", exact, served, listed)
		if served < 300 || listed < 300 {
			t.Errorf("exact %t: only %d logouts were served, %d names found", exact, served, listed)
		}
	}
}

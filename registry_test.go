package universallogout

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

func TestPlaces(t *testing.T) {
	t.Setenv("PLACE", "Env")
	t.Setenv("PLACE_PORT", "env.example.com:8443")
	const top = " universal_logout {\n return_to /top\n}\n"
	for name, tc := range map[string]struct {
		globals, sites string
		want           []string
	}{
		"nothing":                  {"", "app.example.com {\n respond hello\n}", nil},
		"simple":                   {"", "app.example.com {" + named("a") + "}", []string{"a https://app.example.com"}},
		"upper case and an umlaut": {"", "App.Bücher.example {" + named("a") + "}", []string{"a https://app.xn--bcher-kva.example"}},
		"two names": {
			"", "b.example.com, a.example.com {" + named("a") + "}",
			[]string{"a https://b.example.com https://a.example.com"},
		},
		"several servers and ports": {
			"\nhttp_port 8080\nhttps_port 8443",
			"a.example.com {" + named("a") + "}\nb.example.com:8443 {" + named("b") + "}\nc.example.com:9443 {" + named("c") + "}\n" +
				"http://d.example.com {" + named("d") + "}\nhttp://e.example.com:9080 {" + named("e") + "}\nf.example.com:443 {" + named("f") + "}",
			[]string{"f https://f.example.com", "d http://d.example.com", "a https://a.example.com", "b https://b.example.com", "e http://e.example.com:9080", "c https://c.example.com:9443"},
		},
		"one site at two ports": {
			"", "a.example.com, a.example.com:9443 {" + named("a") + "}",
			[]string{"a https://a.example.com", "a https://a.example.com:9443"},
		},
		"an address": {
			"", "https://127.0.0.1, https://[::1]:9443 {" + named("a") + "}",
			[]string{"a https://127.0.0.1", "a https://[::1]:9443"},
		},
		"any host":         {"", "https://, https://:8443 {" + named("a") + "}", []string{"a https://any", "a https://any:8443"}},
		"any host, no TLS": {"", ":8443 {" + named("a") + "}", []string{"a http://any:8443"}},
		"a bind address":   {"", "a.example.com {\n bind 127.0.0.1\n" + named("a") + "}", []string{"a https://a.example.com"}},
		"a socket":         {"", "http://a.example.com {\n bind unix//run/a\n" + named("a") + "}", []string{"a http://a.example.com"}},
		"wildcard":         {"", "*.example.com {" + named("a") + "}", []string{"a https://*.example.com"}},
		"wildcard in wildcard": {
			"", "*.example.com {\n" + top + "@h host a.*.com\n handle @h {" + named("a") + "}\n}",
			[]string{"top https://*.example.com", "a https://a.example.com"},
		},
		"names within a wildcard": {"", `*.example.com {
			` + top + `
			@a host a.example.com other.example.org
			handle @a {` + named("a") + `}
			@b host B.example.com
			handle @b {` + named("b") + `}
			handle {` + named("rest") + `}
		}`, []string{"top https://*.example.com", "a https://a.example.com", "b https://b.example.com", "rest https://*.example.com"}},
		"what other blocks leave": {"", `a.example.com, b.example.com, c.example.com {
			` + top + `
			@a host a.example.com
			handle @a {` + named("a") + `}
			@b host b.example.com
			handle @b {
				respond hello
			}
			handle {` + named("rest") + `}
		}`, []string{"top https://a.example.com https://b.example.com https://c.example.com", "a https://a.example.com", "rest https://c.example.com"}},
		"names that are sent away": {"", `example.com, www.example.com {
			@www host www.example.com
			redir @www https://example.com{uri}
			` + named("a") + `
		}`, []string{"a https://example.com"}},
		"paths that are sent away": {"", `example.com {
			redir /old /new
			` + named("a") + `
		}`, []string{"a https://example.com"}},
		"a name and a path that are sent away": {"", `example.com, www.example.com {
			@www {
				host www.example.com
				path /old
			}
			redir @www https://example.com{uri}
			` + named("a") + `
		}`, []string{"a https://example.com https://www.example.com"}},
		"everything sent away": {"", "a.example.com {\n redir https://b.example.com{uri}\n" + named("a") + "}", nil},
		"not a name": {"", `a.example.com, b.example.com, c.example.com, d.example.com {
			` + top + `
			@not {
				not host b.example.com c.example.com
				not {
					host d.example.com
					path /x
				}
			}
			handle @not {` + named("a") + `}
		}`, []string{"top https://a.example.com https://b.example.com https://c.example.com https://d.example.com", "a https://a.example.com https://d.example.com"}},
		"contradiction": {"", "a.example.com {\n" + top + "@h host b.example.com\n handle @h {" + named("never") + "}\n}", []string{"top https://a.example.com"}},
		"by path": {
			"", "a.example.com {\n universal_logout /app/* {\n return_to /app/bye\n}\n}",
			[]string{"addresses https://a.example.com", "app/bye https://a.example.com"},
		},
		"in blocks": {"", `a.example.com {
			` + top + `
			handle /h/* {` + named("handle") + `}
			handle_path /p/* {` + named("path") + `}
			route /r/* {` + named("route") + `}
			handle {` + named("rest") + `}
		}`, []string{"top https://a.example.com", "handle https://a.example.com", "path https://a.example.com/p", "rest https://a.example.com", "route https://a.example.com"}},
		"paths cut off": {"", `a.example.com {
			` + top + `
			handle_path /a/* {
				handle_path /b* {` + named("nested") + `}
				handle {` + named("within") + `}
			}
			handle_path /exact {` + named("exact") + `}
			handle_path /two/parts/* {
				route {
					` + named("before") + `
					uri strip_prefix more/
					` + named("behind") + `
				}
			}
			route {
				uri /if/* strip_prefix /if
				` + named("perhaps") + `
				uri strip_prefix /{http.request.host}
				uri strip_prefix {env.PLACE}
				uri strip_suffix .php
				` + named("resolved") + `
			}
		}`, []string{
			"top https://a.example.com", "before https://a.example.com/two/parts", "behind https://a.example.com/two/parts/more", "exact https://a.example.com/exact",
			"nested https://a.example.com/a/b", "within https://a.example.com/a", "perhaps https://a.example.com", "resolved https://a.example.com/Env",
		}},
		"a snippet": {"", `(app) {
			{args[0]}.example.com {` + named("{args[0]}") + `}
		}
		import app one
		import app two`, []string{"one https://one.example.com", "two https://two.example.com"}},
		"the environment": {
			"", `{$PLACE}.example.com, {env.PLACE}.example.org, {env.PLACE_PORT}, {http.request.host.labels.0}.example.com {` + named("a") + `}`,
			[]string{"a https://env.example.com https://env.example.org"},
		},
		"only what a request knows": {
			"", "a.example.com {\n" + top + "@h host {vars.x}.example.com\n handle @h {" + named("a") + "}\n}",
			[]string{"top https://a.example.com"},
		},
		"named routes": {"", `&(app) {` + named("app") + `}
		&(outer) {
			handle_path /in/* {
				invoke inner
			}
		}
		&(inner) {` + named("inner") + `}
		&(unused) {` + named("unused") + `}
		a.example.com {
			invoke app
			handle {
				invoke app
			}
		}
		b.example.com {
			invoke app
			invoke outer
		}`, []string{"app https://a.example.com", "app https://b.example.com", "inner https://b.example.com/in"}},
		"named routes in circles": {"", `&(one) {
			route {
				uri strip_prefix /one
				invoke two
				` + named("one") + `
			}
		}
		&(two) {
			` + named("two") + `
			invoke one
			invoke two
		}
		a.example.com {
			` + top + `
			invoke one
		}`, []string{"top https://a.example.com", "two https://a.example.com/one", "one https://a.example.com/one"}},
		"answers of others": {"", `a.example.com {
			` + top + `
			reverse_proxy 127.0.0.1:1 {
				@denied status 401
				handle_response @denied {` + named("proxy") + `}
			}
			intercept {
				@denied status 401
				handle_response @denied {` + named("intercept") + `}
			}
			forward_auth 127.0.0.1:1 {
				uri /auth
			}
		}`, []string{"top https://a.example.com", "intercept https://a.example.com", "proxy https://a.example.com"}},
		"errors": {"", `a.example.com {
			` + top + `
			handle_errors {` + named("error") + `}
		}`, []string{"top https://a.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, tc.globals, tc.sites)
			wantPlaces(t, s, tc.want)
		})
	}
}

// TestPlacesBelow: one named route in two blocks is two apps.
func TestPlacesBelow(t *testing.T) {
	s := newSite(t, "", `&(app) {`+named("app")+`}
	a.example.com {
		`+named("top")+`
		handle /one/* {
			invoke app
		}
		handle /two/* {
			invoke app
		}
	}`)
	var below []string
	for _, p := range s.app.mounts() {
		below = append(below, p.Below)
	}
	if want := []string{"", "/one", "/two"}; !slices.Equal(below, want) {
		t.Errorf("found below %q, want %q", below, want)
	}
}

func TestPlacesJSON(t *testing.T) {
	ours := func(name string) string {
		return `{"handler":"universal_logout","return_to":"/` + name + `"}`
	}
	for name, tc := range map[string]struct {
		servers string
		want    []string
	}{
		"no servers": {`{}`, nil},
		"in order": {`{
			"z":{"listen":[":8080"],"routes":[{"handle":[` + ours("z") + `]}]},
			"a":{"listen":[":9080"],"automatic_https":{"disable":true},"routes":[{"match":[{"host":["b"]}],"handle":[` + ours("one") + `,` + ours("two") + `]},{"match":[{"host":["a"]}],"handle":[` + ours("three") + `]}]}
		}`, []string{"one http://b:9080", "two http://b:9080", "three http://a:9080", "z http://any"}},
		"several ports": {`{
			"a":{"listen":[":80",":8080",":9443",":443"],"tls_connection_policies":[{}],"routes":[{"handle":[` + ours("https") + `]}]},
			"b":{"listen":["127.0.0.1:8080"],"tls_connection_policies":[{}],"routes":[{"handle":[` + ours("http") + `]}]},
			"c":{"listen":["127.0.0.1:9000-9005",":9444"],"tls_connection_policies":[{}],"routes":[{"handle":[` + ours("range") + `]}]},
			"d":{"listen":["unix//run/d"],"tls_connection_policies":[{}],"routes":[{"handle":[` + ours("socket") + `]}]},
			"e":{"listen":[":0"],"automatic_https":{"disable":true},"routes":[{"handle":[` + ours("none") + `]}]},
			"f":{"listen":["127.0.0.1:443"],"automatic_https":{"disable":true},"routes":[{"handle":[` + ours("plain") + `]}]},
			"g":{"routes":[{"handle":[` + ours("nowhere") + `]}]}
		}`, []string{"https https://any", "http http://any", "range https://any:9000", "socket https://any", "none http://any", "plain http://any:443", "nowhere http://any"}},
		"one of several matcher sets": {`{"a":{"listen":[":8080"],"routes":[
			{"match":[{"host":["a"]},{"host":["b","a"]}],"handle":[` + ours("either") + `]},
			{"match":[{"host":["a"]},{"path":["/x"]}],"handle":[` + ours("any") + `]},
			{"match":[{"host":[]}],"handle":[` + ours("never") + `]},
			{"match":[{"host":["{env.UL_NO_SUCH}","a b","x..y","a.example.com:8080","[::1]","b*.example.com","**"]}],"handle":[` + ours("unnamed") + `]}
		]}}`, []string{"either http://a http://b", "any http://any"}},
		"deep": {
			`{"a":{"listen":[":8080"],"routes":[{"match":[{"host":["*.example.com","example.org"]}],"handle":[{"handler":"subroute","routes":[
			{"match":[{"host":["a.example.com","example.org"]}],"handle":[{"handler":"subroute","routes":[
				{"match":[{"host":["*.*.com"]}],"handle":[{"handler":"rewrite","strip_path_prefix":"/a/"},{"handler":"rewrite","uri":"/x"},` + ours("deep") + `]}
			]}]},
			{"handle":[` + ours("behind") + `]}
		],"errors":{"routes":[{"handle":[` + ours("error") + `]}]}}]}],"errors":{"routes":[{"handle":[` + ours("error") + `]}]}}}`,
			[]string{"deep http://a.example.com/a", "behind http://*.example.com http://example.org"},
		},
		"a route that ends": {`{"a":{"listen":[":8080"],"routes":[{"match":[{"host":["a","b","c","d"]}],"handle":[{"handler":"subroute","routes":[
			{"match":[{"host":["a"]}],"handle":[{"handler":"vars"}],"terminal":true},
			{"match":[{"host":["b"]}],"handle":[{"handler":"vars"}]},
			{"match":[{"host":["c"]}],"group":"g","handle":[{"handler":"static_response"}]},
			{"match":[{"path":["/x"]}],"group":"g","handle":[{"handler":"vars"}]},
			{"group":"g","handle":[{"handler":"static_response"}]},
			{"handle":[` + ours("some") + `,{"handler":"subroute","routes":[{"handle":[{"handler":"static_response"},` + ours("never") + `]}]}]},
			{"handle":[` + ours("never") + `]}
		]}]}]}}`, []string{"some http://b http://c http://d"}},
		"unknown route": {`{"a":{"listen":[":8080"],"routes":[{"handle":[{"handler":"invoke","name":"nothing"},` + ours("a") + `]}]}}`, []string{"a http://any"}},
	} {
		t.Run(name, func(t *testing.T) { wantPlaces(t, jsonSites(t, tc.servers), tc.want) })
	}
	t.Run("no http", func(t *testing.T) {
		ctx, stop := caddy.NewContext(caddy.Context{Context: t.Context()})
		defer stop()
		places, names := findMounts(ctx)
		if len(places) != 0 || len(names) != 0 {
			t.Errorf("%v %v", places, names)
		}
	})
}

// TestPlacesAfterReload: nothing of one configuration is in the next.
func TestPlacesAfterReload(t *testing.T) {
	before := newSite(t, "", "a.example.com {"+named("a")+"}\nb.example.com {"+named("b")+"}")
	wantPlaces(t, before, []string{"a https://a.example.com", "b https://b.example.com"})
	after := newSite(t, "", "b.example.com {"+named("b")+"}\nc.example.com {"+named("c")+"}")
	wantPlaces(t, after, []string{"b https://b.example.com", "c https://c.example.com"})
	wantPlaces(t, before, []string{"a https://a.example.com", "b https://b.example.com"})
	for _, s := range []*site{before, after} {
		for _, p := range s.app.mounts() {
			if p.Handler.edge != s.app || s.http.Servers[p.Server.Name] != p.Server.Caddy {
				t.Errorf("%v is of another configuration", described([]mount{p}))
			}
		}
	}
	if before.app.serves(origin.New("https", "c.example.com")) || after.app.serves(origin.New("https", "a.example.com")) {
		t.Error("a name of the other configuration is served")
	}
}

// TestPlacesOverListener: whatever starts first, the walk is over whole apps,
// in Start (which asks for the hub) and at a request.
func TestPlacesOverListener(t *testing.T) {
	const sites = `
	%[1]s.localhost:9443 {` + "\n universal_logout {\n return_to /%[1]s\n}\n" + `}
	other.localhost:9443 {` + "\n universal_logout {\n return_to /other\n}\n" + `}`
	for i, hub := range []string{"", "one", "two", "three"} {
		name, globals := fmt.Sprintf("site%d", i), listenerGlobals
		if hub != "" {
			name, globals = hub, strings.Replace(globals, "universal_logout {", "universal_logout {\n hub https://"+hub+".localhost:9443", 1)
		}
		_, log := listenWith(t, globals, fmt.Sprintf(sites, name))
		res := send(t, clients(t)["HTTP/1.1"], http.MethodGet, "https://"+name+".localhost:9443/.universal-logout/done", "", clicked...)
		if body := bodyOf(t, res); res.StatusCode != 200 {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		app, err := caddy.ActiveContext().App("universal_logout")
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"other https://other.localhost", name + " https://" + name + ".localhost"}
		got := described(app.(*App).mounts())
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		text, err := os.ReadFile(log)
		if err != nil || strings.Contains(string(text), "no site has the hub's name") {
			t.Errorf("the hub was not found in Start: %v", err)
		}
	}
}

package universallogout

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// oddNext, oddFunc, oddMap and oddValue are handlers as other plugins might
// write them.
type oddNext struct {
	Self     caddyhttp.MiddlewareHandler
	Pointer  *oddNext
	Route    *caddyhttp.Route
	Routes   []caddyhttp.Route
	Pointers []*caddyhttp.Route
	Lists    map[string]caddyhttp.RouteList
	Pair     [2]caddyhttp.Route
	Handlers []caddyhttp.MiddlewareHandler
	Sub      *caddyhttp.Subroute
	Errors   *caddyhttp.HTTPErrorConfig
	Any      any
	Func     func()
	Channel  chan caddyhttp.Route
	hidden   caddyhttp.RouteList
}

func (*oddNext) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

type (
	oddFunc  func()
	oddMap   map[string]caddyhttp.MiddlewareHandler
	oddValue struct{ Routes caddyhttp.RouteList }
)

func (oddFunc) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error { return nil }

func (oddMap) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error { return nil }

func (oddValue) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error { return nil }

// TestPlacesInOddHandlers: containers that we do not know are searched, and
// nothing in them is too odd.
func TestPlacesInOddHandlers(t *testing.T) {
	ours := func(name string) caddyhttp.MiddlewareHandler { return &Handler{ReturnTo: "/" + name} }
	route := func(name string) caddyhttp.Route {
		return caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{ours(name)}}
	}
	pointed := route("pointed")
	odd := &oddNext{
		Pointer: &oddNext{}, Route: &pointed, Routes: []caddyhttp.Route{route("list")}, Pointers: []*caddyhttp.Route{nil, &pointed},
		Lists:    map[string]caddyhttp.RouteList{"z": {route("z")}, "a": {route("a")}, "nil": nil},
		Pair:     [2]caddyhttp.Route{route("first"), {}},
		Handlers: []caddyhttp.MiddlewareHandler{nil, (*caddyhttp.Subroute)(nil), (*Handler)(nil), (*oddNext)(nil), ours("handler")},
		Sub:      &caddyhttp.Subroute{Routes: caddyhttp.RouteList{route("sub")}, Errors: &caddyhttp.HTTPErrorConfig{Routes: caddyhttp.RouteList{route("no")}}},
		Errors:   &caddyhttp.HTTPErrorConfig{Routes: caddyhttp.RouteList{route("no")}},
		Any:      route("no"), Func: func() {}, hidden: caddyhttp.RouteList{route("no")},
	}
	odd.Self, odd.Pointer.Pointer = odd, odd
	chain := []caddyhttp.MiddlewareHandler{
		nil, odd, oddFunc(nil), oddFunc(func() {}), oddMap(nil),
		oddMap{"a": ours("in a map"), "b": nil},
		oddValue{},
		oddValue{caddyhttp.RouteList{route("value")}},
		&oddNext{}, (*oddNext)(nil), &caddyhttp.Subroute{}, &caddyhttp.Invoke{}, ours("last"),
		caddyhttp.StaticResponse{},
		ours("no"),
	}
	s := jsonSites(t, `{"a":{"listen":[":8080"],"routes":[{"handle":[{"handler":"universal_logout","return_to":"/first"}]}]}}`)
	server := s.http.Servers["a"]
	server.Routes = append(server.Routes, caddyhttp.Route{
		MatcherSets: caddyhttp.MatcherSets{{nil, 1, caddyhttp.MatchHost{"odd"}}},
		Handlers:    chain,
	})
	want := []string{"first http://any"}
	for _, name := range []string{"pointed", "list", "a", "z", "first", "handler", "sub", "in a map", "value", "last"} {
		want = append(want, name+" http://odd")
	}
	wantPlaces(t, s, want)
}

// TestPlacesAreBounded: configurations that are small, and large when walked.
func TestPlacesAreBounded(t *testing.T) {
	var named []string
	for i := range 40 { // 2^40 ways
		named = append(named, fmt.Sprintf(`"r%d":{"handle":[{"handler":"invoke","name":"r%d"},{"handler":"rewrite","strip_path_prefix":"/x"},{"handler":"invoke","name":"r%d"}]}`, i, i+1, i+1))
	}
	nested := `{"handler":"universal_logout"}`
	for range 512 { // twice as deep as the walk goes
		nested = `{"handler":"subroute","routes":[{"handle":[` + nested + `]}]}`
	}
	s := jsonSites(t, `{"a":{"listen":[":8080"],"named_routes":{`+strings.Join(named, ",")+`},
		"routes":[{"handle":[{"handler":"universal_logout","return_to":"/first"},`+nested+`,{"handler":"invoke","name":"r0"}]}]}}`)
	wantPlaces(t, s, []string{"first http://any"})
}

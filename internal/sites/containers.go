package sites

import (
	"fmt"
	"reflect"
	"slices"
	"sort"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const maxDepth = 8 // of fields in the fields of one handler

var (
	routeType    = reflect.TypeFor[caddyhttp.Route]()
	errorsType   = reflect.TypeFor[caddyhttp.HTTPErrorConfig]()
	handlerType  = reflect.TypeFor[caddyhttp.MiddlewareHandler]()
	handlersType = reflect.TypeFor[[]caddyhttp.MiddlewareHandler]()
)

var containers = []reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map}

// unknown looks into a handler that may contain others.
func (w *walker) unknown(handler caddyhttp.MiddlewareHandler, at spot) {
	v := reflect.ValueOf(handler)
	if v.Kind() == reflect.Pointer {
		if w.within[handler] {
			return
		}
		w.within[handler] = true
		defer delete(w.within, handler)
		v = v.Elem()
	}
	w.inside(v, at, maxDepth)
}

// inside looks for routes in the exported fields of a handler: handle_response
// of reverse_proxy and intercept, and what containers of other plugins have.
func (w *walker) inside(v reflect.Value, at spot, depth int) {
	if !w.mayHold(v.Type(), depth) {
		return
	}
	switch t := v.Type(); {
	case t == routeType:
		w.routes(caddyhttp.RouteList{v.Interface().(caddyhttp.Route)}, at)
	case t == handlerType:
		handler, _ := reflect.TypeAssert[caddyhttp.MiddlewareHandler](v)
		w.handlers([]caddyhttp.MiddlewareHandler{handler}, at)
	case t.Kind() == reflect.Slice && t.Elem() == routeType:
		w.routes(v.Convert(reflect.TypeFor[caddyhttp.RouteList]()).Interface().(caddyhttp.RouteList), at)
	case t.Kind() == reflect.Slice && t.Elem() == handlerType:
		w.handlers(v.Convert(handlersType).Interface().([]caddyhttp.MiddlewareHandler), at)
	case t.Kind() == reflect.Pointer && !v.IsNil():
		w.inside(v.Elem(), at, depth-1)
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		for i := range v.Len() {
			w.inside(v.Index(i), at, depth-1)
		}
	case t.Kind() == reflect.Map:
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return fmt.Sprint(keys[i]) < fmt.Sprint(keys[j]) })
		for _, key := range keys {
			w.inside(v.MapIndex(key), at, depth-1)
		}
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				w.inside(v.Field(i), at, depth-1)
			}
		}
	}
}

type typeAtDepth struct {
	reflect.Type
	depth int
}

// mayHold reports whether a value of a type can have routes in it. Only such
// fields are read: others may be written to while requests are served.
func (w *walker) mayHold(t reflect.Type, depth int) (holds bool) {
	if t == routeType || t == handlerType {
		return true
	}
	if depth == 0 || t == errorsType {
		return false
	}
	at := typeAtDepth{t, depth}
	if known, ok := w.holds[at]; ok {
		return known
	}
	if t.Kind() == reflect.Struct {
		for field := range t.Fields() {
			holds = holds || field.IsExported() && w.mayHold(field.Type, depth-1)
		}
	} else if slices.Contains(containers, t.Kind()) {
		holds = w.mayHold(t.Elem(), depth-1)
	}
	w.holds[at] = holds
	return holds
}

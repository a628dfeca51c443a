package enforce

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// takeRefusedParameters takes refused sessions out of the path: Java's servers
// take /page;jsessionid=… for a cookie, from browsers that have none. The app
// sees a visitor who is not signed in.
func (p *Policy) takeRefusedParameters(list *revocation.List, r *http.Request) {
	if p.AddressesOnly || nested.IsOwnCall(r) || !p.refusesParameters(list, r.URL.Path) {
		return
	}
	escaped := r.URL.EscapedPath()
	kept := withoutParameters(escaped, func(value string) bool { return p.refusesValue(list, value) })
	path, err := url.PathUnescape(kept)
	if kept == escaped || err != nil {
		return
	}
	r.URL.Path, r.URL.RawPath = path, kept
	if kept == (&url.URL{Path: path}).EscapedPath() {
		r.URL.RawPath = ""
	}
	p.Edge.Refused("cookie")
}

// refusesParameters is the cheap question. Nothing is allocated.
func (p *Policy) refusesParameters(list *revocation.List, path string) bool {
	for i := strings.IndexByte(path, ';'); i >= 0; i = strings.IndexByte(path, ';') {
		path = path[i+1:]
		param := path
		if end := strings.IndexAny(path, ";/"); end >= 0 {
			param = path[:end]
		}
		if p.refusesValue(list, param[strings.IndexByte(param, '=')+1:]) {
			return true
		}
	}
	return false
}

// withoutParameters leaves the names: without them the app would get another
// path than the one that matchers saw.
func withoutParameters(path string, refused func(value string) bool) string {
	var kept strings.Builder
	for path != "" {
		end := strings.IndexAny(path[1:], ";/") + 1
		if end == 0 {
			end = len(path)
		}
		piece := path[:end]
		value := strings.IndexByte(piece, '=') + 1
		if path = path[end:]; piece[0] == ';' && refused(piece[max(value, 1):]) {
			piece = piece[:max(value, 1)]
		}
		kept.WriteString(piece)
	}
	return kept.String()
}

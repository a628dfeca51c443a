package appcall

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
)

// LogoutCall is what ends the session of an app: the call that the
// configuration names, or what follows from the app's own logout paths.
type LogoutCall struct {
	Tries   []Call     // until one is not answered with "there is no such thing"
	Derived bool       // from the paths
	CSRF    *CSRFToken // nil: none
	Success []int      // statuses that say so, besides cookies
	Timeout time.Duration
}

// DerivedCalls are the tries that follow from the paths of an app: the first that
// names its method, or else the first. Without a method, most apps take GET;
// those that do not say so.
func DerivedCalls(rs *logoutpath.Rules) []Call {
	var chosen *logoutpath.Rule
	for i := range rs.List {
		rule := &rs.List[i]
		if slices.Contains(rule.Segments, "*") {
			continue
		}
		if chosen == nil || chosen.Method == "" && rule.Method != "" {
			chosen = rule
		}
	}
	if chosen == nil {
		return nil
	}
	u := url.URL{Path: "/" + strings.Join(chosen.Segments, "/")}
	pairs := make([]string, 0, len(chosen.Query))
	for _, pair := range chosen.Query {
		pairs = append(pairs, url.QueryEscape(pair[0])+"="+url.QueryEscape(pair[1]))
	}
	u.RawQuery = strings.Join(pairs, "&")
	if chosen.Method != "" {
		return []Call{{Method: chosen.Method, URI: u.RequestURI()}}
	}
	return []Call{{Method: http.MethodGet, URI: u.RequestURI()}, {Method: http.MethodPost, URI: u.RequestURI()}}
}

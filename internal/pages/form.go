package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// form is the button of a page: it repeats a request that nobody knows the user
// meant, or leads on.
type form struct {
	Method   string
	Action   string
	Fields   [][2]string
	Button   string
	ByItself bool // sent by script, if there is one

	Origin string // where it goes, in a tour: another site
	Kept   bool   // its token is in the browser's history, if anywhere
}

// repeatForm sends a request again, from our page and so from the same origin.
// In place of its body, if it may have one, are the pairs of a query.
func repeatForm(r *http.Request, fields string) *form {
	uri := inbound.URL(r)
	f := form{Method: "post", Action: uri.EscapedPath(), Button: textSignOut}
	if guard.IsSafe(r.Method) {
		// A GET form replaces the query of its action with its fields.
		f.Method = "get"
		f.Fields = queryFields(uri.RawQuery)
	} else {
		f.Fields = queryFields(fields)
		if uri.RawQuery != "" {
			f.Action += "?" + uri.RawQuery
		}
	}
	if !origin.IsPlainPath(uri.EscapedPath()) {
		f.Action = "" // a form without action repeats the page's own address
	}
	return &f
}

// queryFields are a query's pairs in their order, for the fields of a form.
func queryFields(raw string) (fields [][2]string) {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		fields = append(fields, [2]string{unescapeQuery(key), unescapeQuery(value)})
	}
	return fields
}

func unescapeQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

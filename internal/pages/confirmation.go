package pages

import (
	"net/http"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Confirmation asks the person whether r, which came from elsewhere, was meant.
// Its button sends r again, with fields in place of the body: a query, "" for
// no fields, as for the body of a foreign POST, which was not the person's.
func Confirmation(r *http.Request, own origin.Origin, fields string) Page {
	p := textAsk.about(own.Host)
	p.Form = repeatForm(r, fields)
	return p
}

// Again sends r again by itself, with fields in place of the body.
func Again(r *http.Request, fields string) Page {
	p := textGoingOn
	p.Form = repeatForm(r, fields)
	p.Form.ByItself = true
	return p
}

package pages

import (
	"fmt"
	"net/http"

	"github.com/universal-logout/caddy-universal-logout/internal/guard"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
)

// WriteError tells a person on a page, and a program in JSON.
func WriteError(w http.ResponseWriter, r *http.Request, status int) error {
	if !guard.CallerOf(r).Navigation {
		return WriteErrorJSON(w, status)
	}
	p := textStatus[status]
	p.Kind = "error"
	p.Link, p.LinkText = "/", fmt.Sprintf(textBack, inbound.Origin(r).Host)
	return Write(w, status, p)
}

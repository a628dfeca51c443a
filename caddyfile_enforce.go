package universallogout

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
)

// enforceWords are the words of a site about sessions that are over.
var enforceWords = []string{"session_headers", "on_revoked"}

func (h *Handler) parseEnforceWord(d *caddyfile.Dispenser, word string) error {
	if word == "session_headers" {
		return parseList(d, &h.SessionHeaders, checkSessionHeader)
	}
	args := d.RemainingArgs()
	switch {
	case len(args) == 0:
		return d.Errf("on_revoked: write one of strip, reject, redirect <url>")
	case len(args) == 1 && args[0] == enforce.Redirect:
		return d.Errf("on_revoked: redirect where? write a path like /login or a URL like https://www.example.com/ behind it")
	case len(args) > 2 || len(args) == 2 && args[0] != enforce.Redirect:
		return d.Errf("on_revoked: unexpected %q; write one of strip, reject, redirect <url>", args[len(args)-1])
	}
	h.OnRevoked = strings.Join(args, " ")
	if !strings.Contains(args[0], "{") && args[0] != enforce.Redirect {
		if err := (&Handler{OnRevoked: args[0]}).compileOnRevoked(); err != nil {
			return atLine(d, err)
		}
	}
	return noBlock(d)
}

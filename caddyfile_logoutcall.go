package universallogout

import (
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
)

// parseLogoutCall reads the request that ends the app's session when the logout
// began at another site. Syntax:
//
//	logout_call <method> <path> {
//		header  <name> <value>
//		body    <type> <content>
//		csrf    <path> <regexp> field|header <name>
//		success <status...>
//		timeout <duration>
//	} | off
func (h *Handler) parseLogoutCall(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 1 && args[0] == "off" {
		h.LogoutCall = &LogoutCall{Off: true}
		return noBlock(d)
	}
	if len(args) != 2 {
		return d.Err("logout_call: write a method and a path, as in logout_call POST /logout, or off")
	}
	c := &LogoutCall{Method: args[0], Path: args[1]}
	h.LogoutCall = c
	if err := c.checkNow(d); err != nil {
		return err
	}
	return parseBlock(d, c, logoutCallWords)
}

// checkNow finds what loading would find, while there is a line to name. What
// the environment or a file says is not known yet.
func (c *LogoutCall) checkNow(d *caddyfile.Dispenser) error {
	if c.isLater() {
		return nil
	}
	if _, err := c.compile(); err != nil {
		return d.Errf("logout_call: %w", err)
	}
	return nil
}

func (c *LogoutCall) parseCSRF(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 4 || args[2] != "field" && args[2] != "header" {
		return d.Err("csrf: write a page, a regular expression and where the token goes, as in csrf /profile `name=\"csrf\" value=\"([^\"]+)\"` field csrf, or header X-CSRF-Token")
	}
	c.CSRF = &CSRFToken{Path: args[0], Pattern: args[1]}
	if args[2] == "field" {
		c.CSRF.Field = args[3]
	} else {
		c.CSRF.Header = args[3]
	}
	return noBlock(d)
}

// checked checks the call after each of its words, while its line is known.
func checked(parse func(*LogoutCall, *caddyfile.Dispenser) error) func(*LogoutCall, *caddyfile.Dispenser) error {
	return func(c *LogoutCall, d *caddyfile.Dispenser) error {
		if err := parse(c, d); err != nil {
			return err
		}
		return c.checkNow(d)
	}
}

func (c *LogoutCall) isLater() bool {
	texts := append([]string{c.Path, c.Body}, slices.Collect(maps.Values(c.Headers))...)
	if c.CSRF != nil {
		texts = append(texts, c.CSRF.Path, c.CSRF.Pattern)
	}
	return slices.ContainsFunc(texts, placeholders.NeedsLoad)
}

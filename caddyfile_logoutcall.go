package universallogout

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

var logoutCallWords = []string{"header", "body", "csrf", "success", "timeout"}

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
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		if err := once(d, seen, word, "body", "csrf", "timeout"); err != nil {
			return err
		}
		if err := c.parseWord(d, word); err != nil {
			return err
		}
		if err := c.checkNow(d); err != nil {
			return err
		}
	}
	return nil
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

func (c *LogoutCall) isLater() bool {
	texts := append([]string{c.Path, c.Body}, slices.Collect(maps.Values(c.Headers))...)
	if c.CSRF != nil {
		texts = append(texts, c.CSRF.Path, c.CSRF.Pattern)
	}
	return slices.ContainsFunc(texts, placeholders.IsLater)
}

func (c *LogoutCall) parseWord(d *caddyfile.Dispenser, word string) error {
	switch word {
	case "header":
		return parseHeader(d, &c.Headers)
	case "body":
		return parseTwo(d, "media type and the content", &c.ContentType, &c.Body)
	case "csrf":
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
	case "success":
		return parseStatuses(d, &c.Success)
	case "timeout":
		return parseCallTimeout(d, &c.Timeout)
	}
	return unknownWord(d, word, logoutCallWords...)
}

// The words that requests of ours have in common.

func parseHeader(d *caddyfile.Dispenser, headers *map[string]string) error {
	var name, value string
	if err := parseTwo(d, "name and what stands in it", &name, &value); err != nil {
		return err
	}
	name = http.CanonicalHeaderKey(name)
	if _, exists := (*headers)[name]; exists {
		return d.Errf("header %s: is there twice; only one can count", name)
	}
	if *headers == nil {
		*headers = make(map[string]string)
	}
	(*headers)[name] = value
	return nil
}

func parseTwo(d *caddyfile.Dispenser, what string, first, second *string) error {
	word := d.Val()
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("%s: write two values, a %s", word, what)
	}
	*first, *second = args[0], args[1]
	return noBlock(d)
}

func parseStatuses(d *caddyfile.Dispenser, statuses *[]int) error {
	var texts []string
	if err := parseList(d, &texts, func(string) error { return nil }); err != nil {
		return err
	}
	for _, text := range texts {
		status, err := strconv.Atoi(text)
		if err != nil {
			return d.Errf("success: %q is no status; write numbers like 204", text)
		}
		*statuses = append(*statuses, status)
	}
	return nil
}

func parseCallTimeout(d *caddyfile.Dispenser, timeout *caddy.Duration) error {
	var text string
	if err := parseOne(d, &text); err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(text)
	if err != nil || parsed == 0 {
		return d.Errf("timeout: %q is no duration; write one like 2s", text)
	}
	*timeout = caddy.Duration(parsed)
	return nil
}

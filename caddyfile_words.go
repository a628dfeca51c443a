package universallogout

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// word is one word of a block in a Caddyfile.
type word struct {
	name   string
	single bool // one line of it counts
	parse  func(d *caddyfile.Dispenser) error
}

// All words that there are, in the order in which errors list them.

func (a *App) words() []word {
	return []word{
		{"hub", true, a.parseHub},
		{"provider", false, a.parseProvider},
		{"also", false, a.parseAlso},
		{"allowed_return_urls", false, a.parseAllowedReturnURLs},
		{"trusted_origins", false, a.parseTrustedOrigins},
		duration("session_lifetime", "30d", &a.SessionLifetime, checkSessionLifetime),
		one("shared", &a.Shared, checkShared),
		duration("timeout", "5s", &a.Timeout, checkTimeout),
		one("prefix", &a.Prefix, checkPrefix),
	}
}

func (h *Handler) words() []word {
	return []word{
		{"paths", false, h.parsePaths},
		list("session_cookies", &h.SessionCookies, checkName("session_cookies")),
		list("keep_cookies", &h.KeepCookies, checkName("keep_cookies")),
		list("session_headers", &h.SessionHeaders, checkSessionHeader),
		{"on_revoked", true, h.parseOnRevoked},
		{"clear_site_data", true, h.parseClearSiteData},
		{"logout_call", true, h.parseLogoutCall},
		{"identify", true, h.parseIdentify},
		{"group", true, h.parseGroup},
		one("fanout", &h.Fanout, checkFanout),
		{"hosts", false, h.parseHosts},
		placeholder("id_token", &h.IDToken),
		placeholder("access_token", &h.AccessToken),
		placeholder("refresh_token", &h.RefreshToken),
		{"client_id", true, h.parseClientID},
		one("post_logout_redirect_uri", &h.PostLogoutRedirectURI, anything),
		{"allow_cross_site", true, h.parseAllowCrossSite},
		one("return_to", &h.ReturnTo, anything),
	}
}

func (c *LogoutCall) words() []word {
	return []word{
		c.checked(headerWord(&c.Headers)),
		c.checked(bodyWord(&c.ContentType, &c.Body)),
		c.checked(word{"csrf", true, c.parseCSRF}),
		c.checked(successWord(&c.Success)),
		c.checked(timeoutWord(&c.Timeout)),
	}
}

func (p *Provider) words() []word {
	return []word{
		one("client_id", &p.ClientID, anything),
		one("client_secret", &p.ClientSecret, anything),
		one("client_key", &p.ClientKey, anything),
		one("client_auth", &p.ClientAuth, anything),
		one("post_logout_redirect_uri", &p.PostLogoutRedirectURI, anything),
		{"just_in_time_hint", true, p.parseJustInTimeHint},
		one("end_session_endpoint", &p.EndSessionEndpoint, anything),
		one("revocation_endpoint", &p.RevocationEndpoint, anything),
		one("jwks_uri", &p.JWKSURI, anything),
		one("authorization_endpoint", &p.AuthorizationEndpoint, anything),
		one("token_endpoint", &p.TokenEndpoint, anything),
		{"server_logout", true, p.parseServerLogout},
		{"tls_trust", true, func(d *caddyfile.Dispenser) error { return parseList(d, &p.TLSTrust, anything) }},
		one("quirks", &p.Quirks, anything),
		one("logout_url", &p.LogoutURL, anything),
	}
}

func (s *ServerLogout) words() []word {
	return []word{headerWord(&s.Headers), bodyWord(&s.ContentType, &s.Body), successWord(&s.Success), timeoutWord(&s.Timeout)}
}

// parseBlock reads the block that the dispenser is in front of.
func parseBlock(d *caddyfile.Dispenser, words []word) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		i := slices.IndexFunc(words, func(w word) bool { return w.name == name })
		switch {
		case i < 0:
			return unknownWord(d, name, words)
		case words[i].single && seen[name]:
			return d.Errf("%s: is there twice; only one can count", name)
		}
		seen[name] = true
		if err := words[i].parse(d); err != nil {
			return err
		}
	}
	return nil
}

func unknownWord(d *caddyfile.Dispenser, name string, words []word) error {
	known := make([]string, 0, len(words))
	for _, w := range words {
		known = append(known, w.name)
	}
	return d.Errf("unknown word %q; here stand %s", name, strings.Join(known, ", "))
}

// The kinds of words. A check is made while there is a line to name.

func one(name string, value *string, check func(string) error) word {
	return word{name, true, func(d *caddyfile.Dispenser) error { return parseChecked(d, value, check) }}
}

func list(name string, values *[]string, check func(string) error) word {
	return word{name, false, func(d *caddyfile.Dispenser) error { return parseList(d, values, check) }}
}

// duration is a word with a duration; example shows one.
func duration(name, example string, value *caddy.Duration, check func(time.Duration) error) word {
	return word{name, true, func(d *caddyfile.Dispenser) error { return parseDuration(d, example, value, check) }}
}

func placeholder(name string, value *string) word {
	return word{name, true, func(d *caddyfile.Dispenser) error { return parsePlaceholder(d, value) }}
}

// What follows is of requests of ours.

func headerWord(headers *map[string]string) word {
	return word{"header", false, func(d *caddyfile.Dispenser) error { return parseHeader(d, headers) }}
}

func bodyWord(contentType, body *string) word {
	return word{"body", true, func(d *caddyfile.Dispenser) error {
		return parseTwo(d, "media type and the content", contentType, body)
	}}
}

func successWord(statuses *[]int) word {
	return word{"success", false, func(d *caddyfile.Dispenser) error { return parseStatuses(d, statuses) }}
}

func timeoutWord(timeout *caddy.Duration) word {
	return word{"timeout", true, func(d *caddyfile.Dispenser) error { return parseCallTimeout(d, timeout) }}
}

// anything is the check of what is looked at later, with the rest of its block.
func anything(string) error { return nil }

// What the words of a Caddyfile have in common.

func parseOne(d *caddyfile.Dispenser, value *string) error {
	word := d.Val()
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Errf("%s: write exactly one value, not %d", word, len(args))
	}
	*value = args[0]
	return noBlock(d)
}

// parseChecked reads one value, and checks it while there is a line to name.
func parseChecked(d *caddyfile.Dispenser, value *string, check func(string) error) error {
	if err := parseOne(d, value); err != nil {
		return err
	}
	return atLine(d, check(*value))
}

// parseDuration reads the duration of the current word; example shows one.
func parseDuration(d *caddyfile.Dispenser, example string, duration *caddy.Duration, check func(time.Duration) error) error {
	word, text := d.Val(), ""
	if err := parseOne(d, &text); err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("%s: %q is no duration; write one like %s", word, text, example)
	}
	*duration = caddy.Duration(parsed)
	return atLine(d, check(parsed))
}

func parseList(d *caddyfile.Dispenser, list *[]string, check func(string) error) error {
	word := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: write at least one value", word)
	}
	for _, arg := range args {
		if strings.Contains(arg, "{") {
			continue // known when the config is loaded
		}
		if err := check(arg); err != nil {
			if strings.HasPrefix(err.Error(), word) {
				return atLine(d, err)
			}
			return d.Errf("%s: %w", word, err)
		}
	}
	*list = append(*list, args...)
	return noBlock(d)
}

// noBlock refuses a block behind a word that has none.
func noBlock(d *caddyfile.Dispenser) error {
	if nesting := d.Nesting(); d.NextBlock(nesting) {
		return d.Errf("unexpected block: %q belongs on the line of its word, or one level up", d.Val())
	}
	return nil
}

// atLine adds file and line to an error.
func atLine(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
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
	if err := parseList(d, &texts, anything); err != nil {
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

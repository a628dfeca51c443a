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

// word is one word of a block in a Caddyfile that is about a T.
type word[T any] struct {
	name   string
	single bool // one line of it counts
	parse  func(about *T, d *caddyfile.Dispenser) error
}

// one is a word with one value, as it stands there.
func one[T any](name string, field func(about *T) *string) word[T] {
	return word[T]{name, true, func(about *T, d *caddyfile.Dispenser) error { return parseOne(d, field(about)) }}
}

// All words that there are, in the order in which errors list them.
var (
	globalWords = []word[App]{
		{"hub", true, (*App).parseHub},
		{"provider", false, (*App).parseProvider},
		{"also", false, (*App).parseAlso},
		{"allowed_return_urls", false, (*App).parseAllowedReturnURLs},
		{"trusted_origins", false, (*App).parseTrustedOrigins},
		{"session_lifetime", true, func(a *App, d *caddyfile.Dispenser) error {
			return parseDuration(d, "30d", &a.SessionLifetime, checkSessionLifetime)
		}},
		{"shared", true, func(a *App, d *caddyfile.Dispenser) error { return parseChecked(d, &a.Shared, checkShared) }},
		{"timeout", true, func(a *App, d *caddyfile.Dispenser) error { return parseDuration(d, "5s", &a.Timeout, checkTimeout) }},
		{"prefix", true, func(a *App, d *caddyfile.Dispenser) error { return parseChecked(d, &a.Prefix, checkPrefix) }},
	}

	siteWords = []word[Handler]{
		{"paths", false, (*Handler).parsePaths},
		{"session_cookies", false, func(h *Handler, d *caddyfile.Dispenser) error {
			return parseList(d, &h.SessionCookies, checkName("session_cookies"))
		}},
		{"keep_cookies", false, func(h *Handler, d *caddyfile.Dispenser) error {
			return parseList(d, &h.KeepCookies, checkName("keep_cookies"))
		}},
		{"session_headers", false, func(h *Handler, d *caddyfile.Dispenser) error {
			return parseList(d, &h.SessionHeaders, checkSessionHeader)
		}},
		{"on_revoked", true, (*Handler).parseOnRevoked},
		{"clear_site_data", true, (*Handler).parseClearSiteData},
		{"logout_call", true, (*Handler).parseLogoutCall},
		{"identify", true, (*Handler).parseIdentify},
		{"group", true, (*Handler).parseGroup},
		{"fanout", true, (*Handler).parseFanout},
		{"hosts", false, (*Handler).parseHosts},
		{"id_token", true, func(h *Handler, d *caddyfile.Dispenser) error { return parsePlaceholder(d, &h.IDToken) }},
		{"access_token", true, func(h *Handler, d *caddyfile.Dispenser) error { return parsePlaceholder(d, &h.AccessToken) }},
		{"refresh_token", true, func(h *Handler, d *caddyfile.Dispenser) error { return parsePlaceholder(d, &h.RefreshToken) }},
		{"client_id", true, (*Handler).parseClientID},
		one("post_logout_redirect_uri", func(h *Handler) *string { return &h.PostLogoutRedirectURI }),
		{"allow_cross_site", true, (*Handler).parseAllowCrossSite},
		one("return_to", func(h *Handler) *string { return &h.ReturnTo }),
	}

	logoutCallWords = []word[LogoutCall]{
		{"header", false, checked(func(c *LogoutCall, d *caddyfile.Dispenser) error { return parseHeader(d, &c.Headers) })},
		{"body", true, checked(func(c *LogoutCall, d *caddyfile.Dispenser) error {
			return parseTwo(d, "media type and the content", &c.ContentType, &c.Body)
		})},
		{"csrf", true, checked((*LogoutCall).parseCSRF)},
		{"success", false, checked(func(c *LogoutCall, d *caddyfile.Dispenser) error { return parseStatuses(d, &c.Success) })},
		{"timeout", true, checked(func(c *LogoutCall, d *caddyfile.Dispenser) error { return parseCallTimeout(d, &c.Timeout) })},
	}

	providerWords = []word[Provider]{
		one("client_id", func(p *Provider) *string { return &p.ClientID }),
		one("client_secret", func(p *Provider) *string { return &p.ClientSecret }),
		one("client_key", func(p *Provider) *string { return &p.ClientKey }),
		one("client_auth", func(p *Provider) *string { return &p.ClientAuth }),
		one("post_logout_redirect_uri", func(p *Provider) *string { return &p.PostLogoutRedirectURI }),
		{"just_in_time_hint", true, (*Provider).parseJustInTimeHint},
		one("end_session_endpoint", func(p *Provider) *string { return &p.EndSessionEndpoint }),
		one("revocation_endpoint", func(p *Provider) *string { return &p.RevocationEndpoint }),
		one("jwks_uri", func(p *Provider) *string { return &p.JWKSURI }),
		one("authorization_endpoint", func(p *Provider) *string { return &p.AuthorizationEndpoint }),
		one("token_endpoint", func(p *Provider) *string { return &p.TokenEndpoint }),
		{"server_logout", true, (*Provider).parseServerLogout},
		{"tls_trust", true, func(p *Provider, d *caddyfile.Dispenser) error {
			return parseList(d, &p.TLSTrust, func(string) error { return nil })
		}},
		one("quirks", func(p *Provider) *string { return &p.Quirks }),
		one("logout_url", func(p *Provider) *string { return &p.LogoutURL }),
	}

	serverLogoutWords = []word[ServerLogout]{
		{"header", false, func(s *ServerLogout, d *caddyfile.Dispenser) error { return parseHeader(d, &s.Headers) }},
		{"body", true, func(s *ServerLogout, d *caddyfile.Dispenser) error {
			return parseTwo(d, "media type and the content", &s.ContentType, &s.Body)
		}},
		{"success", false, func(s *ServerLogout, d *caddyfile.Dispenser) error { return parseStatuses(d, &s.Success) }},
		{"timeout", true, func(s *ServerLogout, d *caddyfile.Dispenser) error { return parseCallTimeout(d, &s.Timeout) }},
	}
)

// parseBlock reads the block that the dispenser is in front of.
func parseBlock[T any](d *caddyfile.Dispenser, about *T, words []word[T]) error {
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		i := slices.IndexFunc(words, func(w word[T]) bool { return w.name == name })
		switch {
		case i < 0:
			return unknownWord(d, name, words)
		case words[i].single && seen[name]:
			return d.Errf("%s: is there twice; only one can count", name)
		}
		seen[name] = true
		if err := words[i].parse(about, d); err != nil {
			return err
		}
	}
	return nil
}

func unknownWord[T any](d *caddyfile.Dispenser, name string, words []word[T]) error {
	known := make([]string, 0, len(words))
	for _, w := range words {
		known = append(known, w.name)
	}
	return d.Errf("unknown word %q; here stand %s", name, strings.Join(known, ", "))
}

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

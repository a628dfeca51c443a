package universallogout

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"
)

// parseGlobalOption sets up the app from the global option. Syntax:
//
//	universal_logout {
//		hub                 <origin>
//		provider            <name> [<issuer>] {…}
//		also                <name> <url>
//		allowed_return_urls <pattern...>
//		trusted_origins     <origin...>
//		session_lifetime    <duration>
//		shared              storage | off
//		timeout             <duration>
//		prefix              <path>
//	}
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // the option's name
	if existing != nil {
		return nil, d.Err("universal_logout is set twice in the global options; put everything into one block")
	}
	if d.NextArg() {
		return nil, d.Errf("unexpected %q: the global option takes a block only; a site's settings belong to the directive in the site", d.Val())
	}
	app := new(App)
	if err := parseBlock(d, app.words()); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "universal_logout", Value: caddyconfig.JSON(app, nil)}, nil
}

func (a *App) parseHub(d *caddyfile.Dispenser) error {
	if err := parseOne(d, &a.Hub); err != nil || strings.Contains(a.Hub, "{") {
		return err
	}
	_, err := parseHub(a.Hub)
	return atLine(d, err)
}

func (a *App) parseAllowedReturnURLs(d *caddyfile.Dispenser) error {
	return parseList(d, &a.AllowedReturnURLs, func(entry string) error {
		_, err := returnurl.ParsePattern(entry)
		return err
	})
}

func (a *App) parseTrustedOrigins(d *caddyfile.Dispenser) error {
	return parseList(d, &a.TrustedOrigins, func(entry string) error {
		return (&App{TrustedOrigins: []string{entry}}).compile()
	})
}

// parseAlso reads also <name> <url>.
func (a *App) parseAlso(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("also: write a name and the address that logs out there, as in also Mail https://mail.example.com/logout; not %d values", len(args))
	}
	also := AlsoApp{Name: args[0], URL: args[1]}
	if !slices.ContainsFunc(args, func(s string) bool { return strings.Contains(s, "{") }) {
		if _, err := also.resolve(); err != nil {
			return d.Errf("also: %w", err)
		}
	}
	a.Also = append(a.Also, also)
	return noBlock(d)
}

// parseDirective sets up the handler from Caddyfile tokens. Syntax:
//
//	universal_logout [<matcher>] [<provider> | <issuer> [<client_id>]] {
//		paths                    [<method>] <path...> | off
//		session_cookies          <pattern...>
//		keep_cookies             <pattern...>
//		session_headers          <name...>
//		on_revoked               strip | reject | redirect <url>
//		clear_site_data          <types...> | off
//		logout_call              <method> <path> {…} | off
//		identify                 jwt | header <name> | placeholder <name> | off
//		group                    <name>
//		fanout                   on | off
//		hosts                    <host...>
//		id_token                 <placeholder>
//		access_token             <placeholder>
//		refresh_token            <placeholder>
//		client_id                <id>
//		post_logout_redirect_uri <url>
//		allow_cross_site
//		return_to                <url>
//	}
//
// At a site's top level it brings our own pages too. In a block (handle,
// handle_path, route) it is the logout of the app in that block only, and the
// site needs another one at its top level.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name
	matcher, hasMatcher, err := h.MatcherToken()
	if err != nil {
		return nil, err
	}
	handler := new(Handler)
	if hasMatcher {
		if handler.Base, err = baseOf(h, matcher); err != nil {
			return nil, err
		}
	}
	var args []string
	if !hasMatcher && h.Val() != "universal_logout" {
		args = append(args, h.Val()) // looked at as a matcher, which it is not
	}
	if err := handler.takeProvider(h.Dispenser, append(args, h.RemainingArgs()...), providersOf(h)); err != nil {
		return nil, err
	}
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	if !atTopLevel(h) {
		handler.Role = roleApp
	}
	if err := handler.check(h, matcher); err != nil {
		return nil, atLine(h.Dispenser, err)
	}
	if handler.Role == roleApp {
		if _, has := siteSegments(h); !has {
			return nil, h.Err(errNoAddresses.Error())
		}
		return h.NewRoute(matcher, handler), nil
	}
	if len(matcher) == 0 {
		return h.NewRoute(nil, handler), nil
	}
	return append(addressesRoute(h), h.NewRoute(matcher, handler)...), nil
}

// check finds now, where there is a line to name, what loading would find.
func (h *Handler) check(helper httpcaddyfile.Helper, matcher caddy.ModuleMap) error {
	later := func(s string) bool { return strings.Contains(s, "{") }
	for _, list := range [][]string{h.Paths, h.SessionCookies, h.KeepCookies, h.SessionHeaders, {h.ReturnTo, h.OnRevoked}} {
		if slices.ContainsFunc(list, later) {
			return nil
		}
	}
	alone := *h
	alone.edge = &App{Prefix: prefixOf(helper)}
	if err := alone.compile(); err != nil {
		return err
	}
	if h.LogoutCall != nil && !h.LogoutCall.isLater() {
		if err := alone.compileLogoutCall(); err != nil {
			return err
		}
	}
	if err := h.checkProvider(); err != nil {
		return err
	}
	return alone.checkReach(matcher)
}

// checkReach finds logout paths that the directive's own matcher keeps away.
func (h *Handler) checkReach(matcher caddy.ModuleMap) error {
	var reach caddyhttp.MatchPath
	if raw, ok := matcher["path"]; !ok || json.Unmarshal(raw, &reach) != nil || reach.Provision(caddy.Context{}) != nil {
		return nil
	}
	for _, rule := range h.run.rules.List {
		path := "/" + strings.ReplaceAll(strings.Join(rule.Segments, "/"), "*", "x")
		r := (&http.Request{URL: &url.URL{Path: path}}).WithContext(context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
		if within, err := reach.MatchWithError(r); err == nil && !within {
			return fmt.Errorf("%s would never get to universal_logout, whose matcher takes %s only; name the logout path that lies there with paths", path, strings.Join(reach, " "))
		}
	}
	return nil
}

// UnmarshalCaddyfile reads the directive's block.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return parseBlock(d, h.words())
}

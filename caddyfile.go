package universallogout

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"

	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"

	"github.com/universal-logout/caddy-universal-logout/internal/returnurl"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
	seen := make(map[string]bool)
	for d.NextBlock(0) {
		word := d.Val()
		if err := once(d, seen, word, "hub", "session_lifetime", "shared", "timeout", "prefix"); err != nil {
			return nil, err
		}
		if err := app.parseWord(d, word); err != nil {
			return nil, err
		}
	}
	return httpcaddyfile.App{Name: "universal_logout", Value: caddyconfig.JSON(app, nil)}, nil
}

func (a *App) parseWord(d *caddyfile.Dispenser, word string) (err error) {
	switch word {
	case "hub":
		if err := parseOne(d, &a.Hub); err != nil || strings.Contains(a.Hub, "{") {
			return err
		}
		_, err := parseHub(a.Hub)
		return atLine(d, err)
	case "provider":
		return a.parseProvider(d)
	case "also":
		return a.parseAlso(d)
	case "allowed_return_urls":
		return parseList(d, &a.AllowedReturnURLs, func(entry string) error {
			_, err := returnurl.ParsePattern(entry)
			return err
		})
	case "trusted_origins":
		return parseList(d, &a.TrustedOrigins, func(entry string) error {
			return (&App{TrustedOrigins: []string{entry}}).compile()
		})
	case "timeout":
		return parseDuration(d, "5s", &a.Timeout, checkTimeout)
	case "session_lifetime":
		return parseDuration(d, "30d", &a.SessionLifetime, checkSessionLifetime)
	case "shared":
		if err := parseOne(d, &a.Shared); err != nil {
			return err
		}
		return atLine(d, checkShared(a.Shared))
	case "prefix":
		if err := parseOne(d, &a.Prefix); err != nil {
			return err
		}
		return atLine(d, checkPrefix(a.Prefix))
	}
	return unknownWord(d, word, "hub", "provider", "also", "allowed_return_urls", "trusted_origins", "session_lifetime", "shared", "timeout", "prefix")
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
	alone.app = &App{Prefix: prefixOf(helper)}
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
	for _, rule := range h.rules.Rules {
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
	seen := make(map[string]bool)
	for d.NextBlock(0) {
		word := d.Val()
		if err := once(d, seen, word, slices.Concat([]string{"clear_site_data", "logout_call", "identify", "on_revoked", "group", "fanout", "allow_cross_site", "return_to"}, providerWordsOfSite)...); err != nil {
			return err
		}
		if err := h.parseWord(d, word); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) parseWord(d *caddyfile.Dispenser, word string) error {
	switch word {
	case "paths":
		return h.parsePaths(d)
	case "session_cookies":
		return parseList(d, &h.SessionCookies, checkName(word))
	case "keep_cookies":
		return parseList(d, &h.KeepCookies, checkName(word))
	case "clear_site_data":
		return parseList(d, &h.ClearSiteData, func(t string) error {
			_, err := cookie.CompileClearSiteData([]string{t}, false)
			return err
		})
	case "logout_call":
		return h.parseLogoutCall(d)
	case "identify":
		return h.parseIdentify(d)
	case "allow_cross_site":
		h.AllowCrossSite = true
		if d.NextArg() {
			return d.Errf("allow_cross_site: unexpected %q; it takes no value, and trusted_origins in the global options names the sites that may", d.Val())
		}
		return nil
	case "return_to":
		return parseOne(d, &h.ReturnTo)
	}
	if slices.Contains(enforceWords, word) {
		return h.parseEnforceWord(d, word)
	}
	if slices.Contains(fanoutWords, word) {
		return h.parseFanoutWord(d, word)
	}
	if slices.Contains(providerWordsOfSite, word) {
		return h.parseProviderWord(d, word)
	}
	return unknownWord(d, word, slices.Concat([]string{"paths", "session_cookies", "keep_cookies"}, enforceWords, []string{"clear_site_data", "logout_call", "identify"}, fanoutWords, providerWordsOfSite, []string{"allow_cross_site", "return_to"})...)
}

// parsePaths reads one line of paths. A method at its beginning is for all
// paths of the line.
func (h *Handler) parsePaths(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	method := ""
	if len(args) > 1 && !strings.HasPrefix(args[0], "/") && !strings.HasPrefix(args[0], "+") && args[0] != "off" {
		method, args = args[0]+" ", args[1:]
	}
	if len(args) == 0 {
		return d.Err("paths: write the paths that mean log out, as in paths /logout POST /session/end on two lines, or off")
	}
	for _, path := range args {
		if path == "off" && method == "" || strings.Contains(path, "{") {
			h.Paths = append(h.Paths, method+path)
			continue
		}
		if _, _, err := logoutpath.Parse(method + path); err != nil {
			return atLine(d, err)
		}
		h.Paths = append(h.Paths, method+path)
	}
	return noBlock(d)
}

func checkName(word string) func(string) error {
	return func(pattern string) error {
		_, err := cookie.CompileNames(word, []string{pattern})
		return err
	}
}

// baseOf is where the app lies: the one path that the matcher asks for.
func baseOf(h httpcaddyfile.Helper, matcher caddy.ModuleMap) (string, error) {
	var paths []string
	if raw, ok := matcher["path"]; !ok || json.Unmarshal(raw, &paths) != nil {
		return "", nil
	}
	base := ""
	for i, path := range paths {
		inline := h.Val() == path
		if inline && !strings.HasSuffix(path, "*") {
			return "", h.Errf("%s is a matcher here, as everywhere in Caddy: only this very path would get to universal_logout; to name the logout path write universal_logout { paths %s }, for an app below it universal_logout %s/*", path, strings.ReplaceAll(path, "*", "name"), strings.TrimSuffix(path, "/"))
		}
		this := strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/")
		if i > 0 && this != base || strings.Contains(this, "*") || this != "" && !origin.IsPlainPath(this) {
			return "", nil // several places: the app is named by its paths only
		}
		base = this
	}
	return base, nil
}

// atTopLevel reports whether the directive stands in the site itself: there
// the block's state is the whole file's, in a block it is a copy.
func atTopLevel(h httpcaddyfile.Helper) bool {
	const probe = "universal_logout.probe"
	h.State[probe] = true
	_, same := h.BlockState[probe]
	delete(h.State, probe)
	return same && !h.IsNamedRoute()
}

// siteSegments tells the site block apart from others, and whether it has our
// directive at its top level. The Helper does not export its site; should it
// be gone one day, App.Start still finds configs without any top level.
func siteSegments(h httpcaddyfile.Helper) (site uintptr, hasTopLevel bool) {
	segments := reflect.ValueOf(h).FieldByName("parentBlock").FieldByName("Segments")
	if h.IsNamedRoute() || segments.Kind() != reflect.Slice {
		return 0, true
	}
	for i := range segments.Len() {
		if s := segments.Index(i); s.Len() > 0 && s.Index(0).FieldByName("Text").String() == "universal_logout" {
			return segments.Pointer(), true
		}
	}
	return segments.Pointer(), false
}

// addressesRoute serves our own pages on the whole site, once for all apps.
func addressesRoute(h httpcaddyfile.Helper) []httpcaddyfile.ConfigValue {
	const key = "universal_logout.addresses"
	site, _ := siteSegments(h)
	served, _ := h.State[key].(map[uintptr]bool)
	if served == nil {
		served = make(map[uintptr]bool)
		h.State[key] = served
	}
	if site != 0 && served[site] {
		return nil
	}
	served[site] = true
	prefix := prefixOf(h)
	matcher := caddy.ModuleMap{"path": h.JSON(caddyhttp.MatchPath{prefix, prefix + "/*"})}
	values := h.NewRoute(matcher, &Handler{Role: roleAddresses})
	if route, ok := values[0].Value.(caddyhttp.Route); ok {
		// Rounds of a logout are at its own path, but never the app's business.
		route.MatcherSetsRaw = append(route.MatcherSetsRaw, caddy.ModuleMap{"query": h.JSON(caddyhttp.MatchQuery{logoutpath.OwnParameter: {"*"}})})
		// What a logout left to be done goes on with any page of the site.
		route.MatcherSetsRaw = append(route.MatcherSetsRaw, caddy.ModuleMap{"header": h.JSON(caddyhttp.MatchHeader{"Cookie": {"*" + journey.MarkerCookie + "*"}})})
		values[0].Value = route
	}
	return values
}

// globalOption is the app as the global options describe it.
func globalOption(h httpcaddyfile.Helper) (app App) {
	if option, ok := h.Option("universal_logout").(httpcaddyfile.App); ok {
		_ = json.Unmarshal(option.Value, &app) // our own JSON
	}
	return app
}

// prefixOf is the prefix in the global options.
func prefixOf(h httpcaddyfile.Helper) string {
	if prefix := globalOption(h).Prefix; prefix != "" {
		return prefix
	}
	return defaultPrefix
}

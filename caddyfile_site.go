package universallogout

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/enforce"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/placeholders"
)

// What the words of a site say: see (*Handler).words.

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
		return cookie.CheckName(word, pattern)
	}
}

func (h *Handler) parseOnRevoked(d *caddyfile.Dispenser) error {
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

func (h *Handler) parseClearSiteData(d *caddyfile.Dispenser) error {
	return parseList(d, &h.ClearSiteData, func(t string) error {
		_, err := cookie.ClearTypes([]string{t}, false)
		return err
	})
}

func (h *Handler) parseAllowCrossSite(d *caddyfile.Dispenser) error {
	h.AllowCrossSite = true
	if d.NextArg() {
		return d.Errf("allow_cross_site: unexpected %q; it takes no value, and trusted_origins in the global options names the sites that may", d.Val())
	}
	return nil
}

func (h *Handler) parseGroup(d *caddyfile.Dispenser) error {
	if err := parseOne(d, &h.Group); err != nil || strings.Contains(h.Group, "{") {
		return err
	}
	return atLine(d, checkGroup(h.Group))
}

func (h *Handler) parseHosts(d *caddyfile.Dispenser) error {
	return parseList(d, &h.Hosts, func(host string) error {
		_, err := compileHost(host)
		return err
	})
}

// parseIdentify reads identify jwt | header <name> | placeholder <name> | off.
func (h *Handler) parseIdentify(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("identify: write how the user is known: jwt, header <name>, placeholder <name>, or off")
	}
	by, names := args[0], args[1:]
	id := new(Identify)
	switch by {
	case "jwt":
		id.JWT = true
	case "header", "placeholder":
		if len(names) != 1 {
			return d.Errf("identify %s: write exactly one name, as in identify header Remote-User or identify placeholder {http.auth.user.id}; not %d", by, len(names))
		}
		if by == "header" {
			id.Header = names[0]
		} else {
			id.Placeholder = names[0]
		}
		names = nil
	case "off":
		id = nil
	default:
		return d.Errf("identify: unknown word %q; here stand jwt, header, placeholder, off", by)
	}
	if len(names) > 0 {
		return d.Errf("identify %s: unexpected %q; it stands alone", by, names[0])
	}
	if id != nil {
		if _, err := id.compile(); err != nil {
			return d.Errf("identify: %w", err)
		}
	}
	h.Identify = id
	return noBlock(d)
}

// Where the directive stands.

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
	return parseBlock(d, c.words())
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

// checked checks the call after a word of it, while there is a line to name.
func (c *LogoutCall) checked(w word) word {
	return word{w.name, w.single, func(d *caddyfile.Dispenser) error {
		if err := w.parse(d); err != nil {
			return err
		}
		return c.checkNow(d)
	}}
}

func (c *LogoutCall) isLater() bool {
	texts := append([]string{c.Path, c.Body}, slices.Collect(maps.Values(c.Headers))...)
	if c.CSRF != nil {
		texts = append(texts, c.CSRF.Path, c.CSRF.Pattern)
	}
	return slices.ContainsFunc(texts, placeholders.NeedsLoad)
}

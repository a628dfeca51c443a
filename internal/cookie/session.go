package cookie

import (
	"fmt"
	"slices"
	"strings"
)

// Names under which well-known software keeps sessions. They are compared
// without __Host- and its kin and without chunk suffixes.
var builtinSessionCookies = []string{
	// languages and frameworks
	"PHPSESSID", "JSESSIONID", "JSESSIONID*", "ASP.NET_SessionId", ".AspNetCore.*", ".ASPXAUTH",
	"connect.sid", "session", "sessionid", "session_id", "sessions", "sid", "SESSION", "SESSIONID",
	"*_session", "*-session", "*_sessid", "*_sid", "*.sid", "*_session_id", "_session*",
	"remember_token", "remember-me", "remember_me", "remember_user_token", "remember_web_*", "rememberme",
	"auth", "auth_token", "auth-token", "authtoken", "access_token", "refresh_token", "id_token",
	"accessToken", "refreshToken", "idToken", "token", "jwt", "jwt_token", "*-auth",
	"next-auth.session-token", "authjs.session-token", "sb-*",
	// apps
	"grafana_session*", "i_like_*", "gitea_incredible", "forgejo_incredible", "nc_session_id", "nc_token", "nc_username",
	"oc_sessionPassphrase", "_t", "_mastodon_session", "_gitlab_session*", "wordpress_logged_in_*",
	"wordpress_sec_*", "MoodleSession*", "argocd.token", "portainer_api_key", "R_SESS", "MMAUTHTOKEN",
	"MMUSERID", "MATOMO_SESSID", "immich_access_token", "pga4_session", "phpMyAdmin*", "pmaUser-*", "pmaAuth-*",
	"jupyterhub-hub-login", "jupyterhub-session-id", "jupyterhub-user-*", "rc_token", "rc_uid",
}

// The same of sign-in portals and providers: on a registrable domain that they
// share with apps, their cookies may reach the apps too.
var builtinProviderCookies = []string{
	"_oauth2_proxy*", "authelia_session", "authentik_session", "authentik_proxy_*", "_pomerium*",
	"_forward_auth*", "AUTHP_*", "mod_auth_openidc_session*", "KEYCLOAK_*", "AUTH_SESSION_ID*",
}

// Cookies that look like credentials and are none: bot checks, stickiness,
// statistics, consent, and tokens that pages need to log in again (CK-17).
var builtinKeepCookies = []string{
	"__cf*", "cf_*", "_cfuvid", "AWSALB*", "AWSELB*", "SERVERID*", "ARRAffinity*", "INGRESSCOOKIE",
	"BIGipServer*", "_ga*", "_gid", "_gcl*", "_pk_*", "_hj*", "ajs_*", "ph_*", "intercom-*",
	"*consent*", "CookieConsent*", "OptanonConsent", "euconsent*", "*lang*", "*locale*", "*theme*",
	"XSRF-TOKEN", "csrftoken", "csrf_token", "csrf-token", "_csrf*", "_xsrf", "XSRF*", "known_sign_in", "wp-settings-*",
}

// namePatterns matches cookie names: exact, prefix*, *suffix.
type namePatterns struct {
	exact    map[string]struct{}
	prefixes []string
	suffixes []string
	contains []string // *part*: only our own lists use it
}

// compileNames reads patterns as they stand in the config.
func CompileNames(word string, patterns []string) (*namePatterns, error) {
	for _, p := range patterns {
		name := strings.TrimSuffix(strings.TrimPrefix(p, "*"), "*")
		switch {
		case name == "":
			return nil, fmt.Errorf("%s: %q matches every cookie; name them, or use prefix* or *suffix", word, p)
		case strings.Contains(name, "*") || strings.HasPrefix(p, "*") && strings.HasSuffix(p, "*"):
			return nil, fmt.Errorf("%s: %q: * may stand at the beginning or at the end, once", word, p)
		case !IsCookieName(name) || strings.Contains(name, ","):
			return nil, fmt.Errorf("%s: %q is no cookie name; write names with spaces between them, without = ; and ,", word, p)
		}
	}
	return newNamePatterns(patterns), nil
}

func newNamePatterns(patterns []string) *namePatterns {
	np := &namePatterns{exact: make(map[string]struct{})}
	for _, p := range patterns {
		rest, suffix := strings.CutPrefix(p, "*")
		part, prefix := strings.CutSuffix(rest, "*")
		switch {
		case prefix && suffix:
			np.contains = append(np.contains, part)
		case prefix:
			np.prefixes = append(np.prefixes, part)
		case suffix:
			np.suffixes = append(np.suffixes, rest)
		default:
			np.exact[p] = struct{}{}
		}
	}
	return np
}

func (np *namePatterns) Matches(name string) bool {
	plain := WithoutSecurityPrefix(name)
	for _, n := range [...]string{name, plain, withoutChunk(plain)} {
		if _, ok := np.exact[n]; ok {
			return true
		}
		has := func(with func(string, string) bool) func(string) bool {
			return func(p string) bool { return with(n, p) }
		}
		if slices.ContainsFunc(np.prefixes, has(strings.HasPrefix)) ||
			slices.ContainsFunc(np.suffixes, has(strings.HasSuffix)) ||
			slices.ContainsFunc(np.contains, has(strings.Contains)) {
			return true
		}
	}
	return false
}

// exactNames are the configured names that need not be seen to be expired.
func (np *namePatterns) exactNames() []string {
	names := make([]string, 0, len(np.exact))
	for n := range np.exact {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Longer ones first: __Host-Http- begins with __Host-.
var securityPrefixes = []string{"__host-http-", "__host-", "__secure-", "__http-"}

func WithoutSecurityPrefix(name string) string {
	for _, p := range securityPrefixes {
		if len(name) > len(p) && strings.EqualFold(name[:len(p)], p) {
			return name[len(p):]
		}
	}
	return name
}

// withoutChunk cuts the number that software puts behind the parts of a cookie
// too long for one: name.0, name_1, name-2, and nameC1 of ASP.NET (CK-15).
func withoutChunk(name string) string {
	stem := strings.TrimRight(name, "0123456789")
	if len(stem) < 2 || len(stem) == len(name) {
		return name
	}
	switch stem[len(stem)-1] {
	case '.', '_', '-', 'C':
		return stem[:len(stem)-1]
	}
	return name
}

// sessionCookies says which cookies of an app are credentials.
type Rules struct {
	names       *namePatterns
	providers   *namePatterns
	apps        *namePatterns // those of names that no provider has
	Configured  []string      // exact names from the config, expired even unseen
	Keep        *namePatterns
	BuiltinKeep *namePatterns
}

func NewRules(names, keep []string) (*Rules, error) {
	sc := &Rules{
		names:       newNamePatterns(builtinSessionCookies),
		providers:   newNamePatterns(builtinProviderCookies),
		apps:        newNamePatterns(slices.DeleteFunc(slices.Clone(builtinSessionCookies), func(p string) bool { return strings.Contains(p, "*") })),
		BuiltinKeep: newNamePatterns(builtinKeepCookies),
	}
	var err error
	if len(names) > 0 {
		if sc.names, err = CompileNames("session_cookies", names); err != nil {
			return nil, err
		}
		sc.Configured = sc.names.exactNames()
		sc.providers, sc.apps = newNamePatterns(nil), sc.names
	}
	if sc.Keep, err = CompileNames("keep_cookies", keep); err != nil {
		return nil, err
	}
	for _, name := range sc.Configured {
		if sc.Keep.Matches(name) {
			return nil, fmt.Errorf("session_cookies and keep_cookies both name %s; only one can be meant", name)
		}
	}
	return sc, nil
}

// is reports whether a cookie is a session cookie of the app.
func (sc *Rules) Is(name, value string) bool {
	switch {
	case IsOwn(name), sc.Keep.Matches(name):
		return false
	case sc.names.Matches(name), sc.providers.Matches(name):
		return true
	case sc.BuiltinKeep.Matches(name):
		return false
	}
	return looksLikeCredential(value)
}

// mayBeProviders reports whether a session cookie of this name could as well
// be one of a provider that shares our registrable domain.
func (sc *Rules) MayBeProviders(name string) bool {
	return !sc.apps.Matches(name)
}

// kept reports whether a cookie is none of those that hold sessions.
func (sc *Rules) Kept(name string) bool {
	return sc.Keep.Matches(name) || sc.BuiltinKeep.Matches(name)
}

// mayPass reports whether a cookie that an app's answer to its logout sets may
// go on to the browser: it begins no session anew.
func (sc *Rules) MayPass(set Set) bool {
	return set.Expired || set.Value == "" || !sc.Is(set.Name, set.Value)
}

// in lists the session cookies of a request, each name and value once.
func (sc *Rules) In(lines []string) (found []Cookie) {
	Each(lines, func(name, value string) bool {
		c := Cookie{name, value}
		if sc.Is(name, value) && !slices.Contains(found, c) {
			found = append(found, c)
		}
		return len(found) < MaxSessionCookies
	})
	return found
}

const credentialRun = 32

// looksLikeCredential reports whether value holds one random-looking run of at
// least 32 base64 or hex characters: many different ones, with digits among the
// letters or capitals among the small ones. Words, slugs and numbers have none.
func looksLikeCredential(value string) bool {
	for start := 0; start < len(value); {
		end := start
		for end < len(value) && IsBase64(value[end]) {
			end++
		}
		if end-start >= credentialRun && looksRandom(value[start:end]) {
			return true
		}
		start = end + 1
	}
	return false
}

func IsBase64(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		c == '+' || c == '/' || c == '-' || c == '_'
}

func looksRandom(run string) bool {
	var seen [256]bool
	var distinct, lower, upper, digits, changes int
	last := -1
	for i := range len(run) {
		c, class := run[i], 3
		switch {
		case c >= '0' && c <= '9':
			digits++
			class = 0
		case c >= 'a' && c <= 'z':
			lower++
			class = 1
		case c >= 'A' && c <= 'Z':
			upper++
			class = 2
		}
		if last >= 0 && class != last && class != 3 && last != 3 {
			changes++ // 3 is punctuation: a-slug-of-2024 changes only there
		}
		last = class
		if !seen[c] {
			seen[c] = true
			distinct++
		}
	}
	if digits == 0 && (lower == 0 || upper == 0) {
		return false // words, or one letter case only
	}
	if lower == 0 && upper == 0 {
		return false // numbers: a time, a size, a phone
	}
	return distinct >= 10 && changes >= len(run)/6
}

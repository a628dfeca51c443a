package e2e

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// confidential are the parameters of addresses whose values are nobody's business: OpenID Connect's, and our sealed ones.
var confidential = []string{"code", "state", "nonce", "code_challenge", "id_token_hint", "t"}

// What a logout handles stays where it belongs: no token, code, state or cookie value is in anything that Caddy logs at its
// most talkative, in any Referer, or in a page. What we seal may be in the addresses that Caddy logs.
func TestProviderSecretsStayWhereTheyBelong(t *testing.T) {
	withEveryProvider(t, func(t *testing.T, op realOP) {
		// The provider gets a Caddy of its own: what that logs is the provider's affair.
		l := startLab(t, op, labOptions{providers: edgeClient, globals: "debug", apart: true, apps: map[string]labApp{
			"plain": {},
			"hint":  {directive: withTheAppsToken, keeps: keeps{idToken: true}},
			"tokens": {client: "universal-logout", keeps: keeps{idToken: true, tokens: true, offline: op.offline}, directive: `universal_logout main {
				paths /logout /logout/* /api/logout /api/logout/*
				id_token {http.request.cookie.idToken}
				access_token {http.request.cookie.accessToken}
				refresh_token {http.request.cookie.refreshToken}
			}`},
		}})
		for _, app := range []string{"plain", "hint", "tokens"} {
			for _, by := range []string{"link", "fetch"} {
				t.Run(app+" by "+by, func(t *testing.T) { l.wantSecrecy(t, app, by) })
			}
		}
	})
}

func (l *lab) wantSecrecy(t *testing.T, app, by string) {
	v := l.visitorOf(t)
	was := l.signIn(v, app)
	since, sinceOP := l.home(v, app), l.opGate.count()
	logged := len(l.caddy.written(0)) // the app's own code and state, in its own address, are over
	var cookies []string
	note := func() {
		all, err := v.Cookies()
		v.must(err, "reading cookies")
		for _, c := range all {
			if len(c.Value) >= 16 {
				cookies = append(cookies, c.Value)
			}
		}
	}
	note()
	page := func() (html string) {
		v.eval(&html, "return document.documentElement.outerHTML")
		return html
	}
	pages := page()
	if by == "link" {
		v.click("#logout")
		l.wantLanding(v, app, since)
	} else {
		var next string
		v.eval(&next, `return (await (await fetch("/api/logout/redirects", {method: "POST"})).json()).front_channel_logout_url`)
		note()
		v.eval(nil, "location = args[0]", next)
		v.waitFor(`location.pathname === "/" || document.querySelector("main[data-page=landing]")`)
	}
	note()
	pages += page()
	l.home(v, app) // and everything before it is in the logs

	secrets := append(l.apps[app].knownSecrets(), cookies...)
	secrets = append(secrets, labSecret)
	var sealed []string // may be in our own pages
	for _, e := range append(l.caddy.since(since), l.opGate.since(sinceOP)...) {
		for _, address := range append(e.RespHeaders["Location"], e.Request.URI) {
			u, err := url.Parse(address)
			if err != nil || u.Path == "/sign-in" || u.Path == "/signed-in" {
				continue
			}
			for _, name := range confidential {
				if value := u.Query().Get(name); name == "t" && value != "" {
					sealed = append(sealed, value)
				} else if len(value) >= 16 {
					secrets = append(secrets, value)
				}
			}
		}
	}
	if op := l.opGate.since(sinceOP); len(op) == 0 {
		t.Fatal("the browser never was at the provider")
	}

	if found := containsAny(pages, secrets); found {
		t.Error("a page has a secret in it")
	}
	for line := range strings.Lines(l.caddy.written(logged)) {
		if containsAny(line, secrets) || containsAny(withoutAddresses(line), sealed) {
			t.Errorf("Caddy logged a secret: a line of %q with the message %q", field(line, "logger"), field(line, "msg"))
		}
	}
	everything := slices.Concat(secrets, sealed)
	for _, e := range append(l.caddy.since(since), l.opGate.since(sinceOP)...) {
		referrer := e.Request.Headers.Get("Referer")
		if strings.HasPrefix(referrer, "https://"+l.opHost+"/") {
			continue // what the provider's pages tell is the provider's affair
		}
		if containsAny(referrer, everything) {
			path, _, _ := strings.Cut(e.Request.URI, "?")
			t.Errorf("a secret is in the Referer of %s %s%s", e.Request.Method, e.Request.Host, path)
		}
	}
	l.wantSessionsGone(v, app, was)
}

// containsAny tells whether a text has one of these in it, as it is or as in an address, or a long part of a token.
func containsAny(text string, secrets []string) bool {
	return slices.ContainsFunc(secrets, func(secret string) bool {
		parts := []string{secret, url.QueryEscape(secret)}
		for part := range strings.SplitSeq(secret, ".") {
			if len(part) >= 40 && strings.Count(secret, ".") == 2 && !strings.HasPrefix(secret, part) { // of a JWT, not its header
				parts = append(parts, part)
			}
		}
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
	})
}

// withoutAddresses takes the addresses out of a line of the access log, as the README's filter does.
func withoutAddresses(line string) string {
	var entry map[string]any
	if json.Unmarshal([]byte(line), &entry) != nil || !strings.HasPrefix(field(line, "logger"), "http.log.access") {
		return line
	}
	if request, ok := entry["request"].(map[string]any); ok {
		delete(request, "uri")
	}
	if header, ok := entry["resp_headers"].(map[string]any); ok {
		delete(header, "Location")
	}
	rest, err := json.Marshal(entry)
	if err != nil {
		return line
	}
	return string(rest)
}

// field returns a text of a line of the log.
func field(line, name string) string {
	var entry map[string]any
	if json.Unmarshal([]byte(line), &entry) != nil {
		return ""
	}
	s, _ := entry[name].(string)
	return s
}

package universallogout

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestSingleSignOnEnds: wherever the hint comes from and whoever
// asks. With a hint nobody is asked "do you really want to log out?".
func TestSingleSignOnEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		config  signOnConfig
		prepare func(*signOn)
		client  string // that the provider is told
		hint    bool
		silent  bool // prompt=none comes first
	}{
		"just in time": {client: edgeClient, hint: true, silent: true},
		"id_token names a cookie": {
			config:  signOnConfig{site: "id_token {http.request.cookie.kept}\nclient_id app"},
			prepare: func(so *signOn) { so.setCookie("kept=" + so.hint(appClient)) },
			client:  appClient, hint: true,
		},
		"id_token names a header": {
			config: signOnConfig{site: "id_token {http.request.header.X-Id-Token}\nclient_id app"},
			client: edgeClient, hint: true, silent: true, // no such header came
		},
		"a cookie called idToken": {
			config:  signOnConfig{site: "client_id app"},
			prepare: func(so *signOn) { so.setCookie("idToken=" + so.hint(appClient)) },
			client:  appClient, hint: true,
		},
		"a JWT cookie of any name": {
			prepare: func(so *signOn) { so.setCookie("anything=" + so.hint(edgeClient)) },
			client:  edgeClient, hint: true,
		},
		"an expired one": {
			prepare: func(so *signOn) {
				so.setCookie("idToken=" + so.op.IDToken(edgeClient, "ana", so.sid, func(c map[string]any) { c["exp"] = 1_000_000_000 }))
			},
			client: edgeClient, hint: true,
		},
		"the app's own redirect": {
			config: signOnConfig{site: "client_id app"},
			prepare: func(so *signOn) {
				so.app.answer = func(w http.ResponseWriter, _ *http.Request) {
					expire(w)
					w.Header().Set("Location", so.op.Issuer()+"/logout?id_token_hint="+so.hint(appClient)+"&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye")
					w.WriteHeader(302)
				}
			},
			client: appClient, hint: true,
		},
	} {
		for by, log := range map[string]func(*signOn) followed{
			"link":                  (*signOn).click,
			"form":                  (*signOn).submit,
			"fetch, then any page":  (*signOn).fetchThenOpen,
			"fetch, then what JSON": (*signOn).fetchThenHop,
		} {
			t.Run(name+" × "+by, func(t *testing.T) {
				t.Parallel()
				config := tc.config
				if strings.HasPrefix(by, "fetch, then any") && name != "the app's own redirect" {
					config.answer = func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) }
				}
				so := newSignOn(t, config)
				if tc.prepare != nil {
					tc.prepare(so)
				}
				f := log(so)
				so.wantEnded(f)
				ends := so.visits("/logout")
				if len(ends) != 1 {
					t.Fatalf("%d visits to the end_session_endpoint: %v", len(ends), f.visited)
				}
				q := ends[0].Query
				if q.Get("client_id") != tc.client || q.Has("id_token_hint") != tc.hint || q.Get("state") == "" ||
					q.Get("post_logout_redirect_uri") != "https://app.example.com/.universal-logout/return" || len(q) != 4 {
					t.Errorf("the provider was sent %v", q)
				}
				if silent := len(so.visits("/auth")) == 1; silent != tc.silent {
					t.Errorf("asked silently: %v", silent)
				}
				if f.redirects > 6 {
					t.Errorf("%d redirects: %v", f.redirects, f.visited)
				}
				wantNoSecretsIn(t, so, f)
			})
		}
	}
}

// fetchThenOpen logs out by a script that then opens a page of the app.
func (so *signOn) fetchThenOpen() followed {
	so.t.Helper()
	so.fetch()
	return so.follow(so.jar, request("GET", "https://app.example.com/login", "", clicked...))
}

// TestHintIsOurs: RPI-13, JWT-01 to JWT-06. What is no ID token of this
// provider for a client that we name is never sent; the silent question takes
// its place, and nobody sees an error page.
func TestHintIsOurs(t *testing.T) {
	for name, make := range map[string]func(*signOn) string{
		"another client's": func(so *signOn) string { return so.hint("somebody") },
		"another issuer's": func(so *signOn) string {
			return so.op.IDToken(edgeClient, "ana", so.sid, func(c map[string]any) { c["iss"] = "https://evil.example" })
		},
		"signed by another key":      func(so *signOn) string { return so.op.Forge(oidctest.ForeignKey, so.hint(edgeClient)) },
		"an unknown kid":             func(so *signOn) string { return so.op.Forge(oidctest.UnknownKid, so.hint(edgeClient)) },
		"alg none":                   func(so *signOn) string { return so.op.Forge(oidctest.AlgNone, so.hint(edgeClient)) },
		"the public key as a secret": func(so *signOn) string { return so.op.Forge(oidctest.PublicKeyAsSecret, so.hint(edgeClient)) },
		"changed":                    func(so *signOn) string { return so.op.Forge(oidctest.Tampered, so.hint(edgeClient)) },
		"an access token": func(so *signOn) string {
			return so.op.IDToken(edgeClient, "ana", so.sid, func(c map[string]any) { c["typ"], c["scope"] = "Bearer", "openid" })
		},
		"an RFC 9068 access token": func(so *signOn) string {
			return so.op.Sign("at+jwt", map[string]any{"iss": so.op.Issuer(), "sub": "ana", "aud": edgeClient, "sid": so.sid})
		},
		"a logout token": func(so *signOn) string {
			return so.op.Sign("logout+jwt", map[string]any{"iss": so.op.Issuer(), "sub": "ana", "aud": edgeClient, "events": map[string]any{}})
		},
		"junk": func(*signOn) string { return "eyJhbGciOiJSUzI1NiJ9.e30.AAAA" },
		"long": func(*signOn) string { return "eyJ" + strings.Repeat("a", 20<<10) + ".e30.AAAA" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{site: "id_token {http.request.header.X-Kept}"})
			foreign := make(so)
			so.wantEnded(so.follow(so.jar, request("GET", "https://app.example.com/logout", "", with(clicked, "X-Kept: "+foreign)...)))
			for _, r := range so.op.Seen("/logout") {
				if r.Query.Get("id_token_hint") == foreign {
					t.Error("the provider was sent it")
				}
			}
			if len(so.visits("/auth")) != 1 {
				t.Error("the silent question did not take its place")
			}
		})
	}
}

// TestSilentQuestionErrors: every way it can end.
func TestSilentQuestionErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		mode  oidctest.Mode
		says  string // on the landing page
		ends  bool   // the session at the provider
		asked bool   // at the end_session_endpoint
	}{
		"consent_required":     {oidctest.ConsentRequired, "", false, true},
		"interaction_required": {oidctest.InteractionRequired, "", false, true},
		"invalid_grant":        {oidctest.TokenRefuses, "", false, true},
		"no ID token":          {oidctest.NoIDToken, "", false, true},
		"another nonce":        {oidctest.WrongNonce, "", false, true},
		"another audience":     {oidctest.WrongAudience, "", false, true},
		"another key":          {oidctest.ForeignSignature, "", false, true},
		"another state":        {oidctest.WrongState, "may still be signed in", false, false},
		"no state":             {oidctest.NoState, "may still be signed in", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{})
			so.op.Misbehave(tc.mode)
			f := so.click()
			if tc.asked {
				// Without a hint the provider has to ask the person (RPI-43).
				ends := so.visits("/logout")
				if len(ends) != 1 || ends[0].Query.Has("id_token_hint") || ends[0].Query.Get("client_id") != edgeClient {
					t.Fatalf("at the provider: %v\n%v", ends, f.visited)
				}
				if f.StatusCode != 200 || !strings.HasPrefix(f.visited[len(f.visited)-1], so.op.Issuer()) {
					t.Errorf("%d at %v", f.StatusCode, f.visited)
				}
				return
			}
			so.wantLanding(f)
			if !strings.Contains(f.body, tc.says) || so.op.Sessions() != 1 || !strings.Contains(f.body, so.op.Issuer()+"/logout") {
				t.Errorf("the page says %s", f.body)
			}
		})
	}
	t.Run("login_required", func(t *testing.T) {
		so := newSignOn(t, signOnConfig{})
		so.jar.cookies = slices.DeleteFunc(so.jar.cookies, func(c jarCookie) bool { return c.name == "op_session" })
		f := so.click()
		so.wantLanding(f)
		if len(so.visits("/logout")) != 0 || !strings.Contains(f.body, "no session at") {
			t.Errorf("%v %s", f.visited, f.body)
		}
	})
}

// TestProviderAskedOnce: a second logout has no session and no hint, and
// the provider would only ask for a login.
func TestProviderAskedOnce(t *testing.T) {
	so := newSignOn(t, signOnConfig{})
	so.wantEnded(so.click())
	before := len(so.op.Seen())
	f := so.click()
	so.wantLanding(f)
	if after := len(so.op.Seen()); after != before {
		t.Errorf("%d more requests to the provider", after-before)
	}
}

// TestCallbackLoginCSRF: nobody's code, state or address does anything in a
// browser that did not ask, and nothing goes wrong in one that did.
func TestCallbackLoginCSRF(t *testing.T) {
	foreign := newSignOn(t, signOnConfig{})
	// A state of the attacker's own logout, and a code that goes with it.
	begun := foreign.do(request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...))
	question, err := url.Parse(begun.Header.Get("Location"))
	if err != nil || question.Path != "/auth" {
		t.Fatalf("%v %v", begun.Header, err)
	}
	state := question.Query().Get("state")
	for name, tc := range map[string]struct{ address, cookie string }{
		"no logout under way":         {"/callback?code=c&state=" + state, ""},
		"no state":                    {"/callback?code=c", ""},
		"junk":                        {"/callback?code=c&state=%00%ff", ""},
		"an error":                    {"/callback?error=login_required&state=" + state, ""},
		"a foreign cookie of a name":  {"/callback?code=c&state=" + state, "__Host-universal-logout-marker=junk"},
		"return without a logout":     {"/return?state=" + state, ""},
		"return without anything":     {"/return", ""},
		"return with somebody's junk": {"/return?state=<script>alert(1)</script>&next=https://evil.example/", ""},
		"hop without a logout":        {"/hop?t=" + state, ""},
	} {
		t.Run(name, func(t *testing.T) {
			seen := len(foreign.op.Seen("/token"))
			headers := with(clicked, "Cookie: sessionid=fresh; "+tc.cookie)
			headers[0] = "Sec-Fetch-Site: cross-site"
			res := foreign.do(request("GET", "https://app.example.com/.universal-logout"+tc.address, "", headers...))
			body := bodyOf(t, res)
			if res.StatusCode != 200 || !strings.Contains(body, `data-page="landing"`) || res.Header.Get("Clear-Site-Data") != "" || len(res.Header["Set-Cookie"]) > 0 {
				t.Errorf("%d %v", res.StatusCode, res.Header)
			}
			if strings.Contains(body, "evil.example") || strings.Contains(body, "<script>alert") {
				t.Errorf("reflected: %s", body)
			}
			if len(foreign.op.Seen("/token")) != seen {
				t.Error("a code was redeemed")
			}
		})
	}
	t.Run("in the middle of one's own logout", func(t *testing.T) {
		so := newSignOn(t, signOnConfig{})
		r := request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...)
		res := so.do(r)
		so.jar.store("app.example.com", "/logout", true, res.Header["Set-Cookie"])
		stolen := newSignOn(t, signOnConfig{op: so.op})
		stolen.site.app.use(so.site.app.process) // one edge
		begun := stolen.do(request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...))
		for name, state := range map[string]string{"another edge's": state, "another browser's": mustURL(begun.Header.Get("Location")).Query().Get("state")} {
			before := slices.Clone(so.jar.cookies)
			f := so.follow(so.jar, request("GET", "https://app.example.com/.universal-logout/callback?code=evil&state="+state, "", clicked...))
			if len(so.op.Seen("/token")) != 0 {
				t.Error("the attacker's code was redeemed")
			}
			if f.StatusCode != 200 || !strings.Contains(f.body, `data-page="landing"`) || strings.Contains(f.body, `data-next`) || f.Header.Get("Clear-Site-Data") != "" {
				t.Errorf("%s: %v %s", name, f.Header, f.body)
			}
			so.jar.cookies = before
		}
		f := so.follow(so.jar, request("GET", res.Header.Get("Location"), "", clicked...))
		if so.wantLanding(f); so.op.HasSession(so.sid) || !strings.Contains(f.body, "has ended, too") {
			t.Errorf("its own way does not go on: %v", f.visited)
		}
	})
	t.Run("another provider's answer (RFC 9207)", func(t *testing.T) {
		so := newSignOn(t, signOnConfig{})
		res := so.do(request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...))
		so.jar.store("app.example.com", "/logout", true, res.Header["Set-Cookie"])
		question, _ := url.Parse(res.Header.Get("Location"))
		so.follow(so.jar, request("GET", "https://app.example.com/.universal-logout/callback?code=c&iss=https%3A%2F%2Fevil.example&state="+question.Query().Get("state"), "", clicked...))
		if len(so.op.Seen("/token")) != 0 {
			t.Error("the code was redeemed")
		}
	})
	t.Run("a frame", func(t *testing.T) {
		res := foreign.do(request("GET", "https://app.example.com/.universal-logout/callback?code=c&state="+state, "",
			"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe", "Accept: text/html"))
		if res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%d", res.StatusCode)
		}
	})
}

// TestReturnState: RPI-15, RPI-33, conformance rp-init-logout-other-state and
// -no-state. Whatever comes back, the person lands; a return target only
// counts if the state is ours.
func TestReturnState(t *testing.T) {
	for name, tc := range map[string]struct {
		mode oidctest.Mode
		says string
		goes bool
	}{
		"ours":    {oidctest.Behaves, "has ended, too", true},
		"another": {oidctest.WrongState, "may still be signed in", false},
		"none":    {oidctest.NoState, "may still be signed in", false},
	} {
		t.Run(name, func(t *testing.T) {
			so := newSignOn(t, signOnConfig{})
			so.setCookie("idToken=" + so.hint(edgeClient))
			so.op.Misbehave(tc.mode)
			f := so.follow(so.jar, request("GET", "https://app.example.com/logout?rd=/welcome", "", clicked...))
			so.wantLanding(f)
			if so.op.Sessions() != 0 || !strings.Contains(f.body, tc.says) || strings.Contains(f.body, `data-next="/welcome"`) != tc.goes {
				t.Errorf("%v %s", f.visited, f.body)
			}
			if slices.Contains(so.jar.names(), "__Host-universal-logout-marker") {
				t.Error("the logout is still under way in the browser")
			}
		})
	}
}

package oidctest

import (
	"net/http"
	"net/url"
	"testing"
)

// logoutURL is an address of the end_session_endpoint; parameters come in pairs.
func logoutURL(op *Provider, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return op.endpoint("/logout") + "?" + q.Encode()
}

func TestFittingHintEndsTheSessionUnasked(t *testing.T) {
	for name, edit := range map[string]func(map[string]any){
		"fresh":   nil,
		"expired": func(claims map[string]any) { claims["exp"] = 1 },
		"no sid":  func(claims map[string]any) { delete(claims, "sid") },
		"aud list": func(claims map[string]any) {
			claims["aud"] = []string{"app:1"}
		},
		"many audiences": func(claims map[string]any) {
			claims["aud"], claims["azp"] = []string{"other", "app:1"}, "app:1"
		},
	} {
		t.Run(name, func(t *testing.T) {
			op := start(t)
			c := op.SignIn("ana")
			sid := op.SID(c)
			got := newBrowser(t, c).get(logoutURL(op, "id_token_hint", op.IDToken("app:1", "ana", sid, edit),
				"client_id", "app:1", "post_logout_redirect_uri", postLogin, "state", "a b&c=ü/%"))
			if q := got.to(t, postLogin+"?"); q.Get("state") != "a b&c=ü/%" || len(q) != 1 {
				t.Errorf("sent back with %v", q)
			}
			if op.HasSession(sid) || op.SID(c) != "" {
				t.Error("the session lives")
			}
			if cookies := got.Cookies(); len(cookies) != 1 || cookies[0].Name != "op_session" || cookies[0].MaxAge >= 0 {
				t.Errorf("Set-Cookie %v", got.Header["Set-Cookie"])
			}
		})
	}
}

func TestPostLogsOutToo(t *testing.T) { // RPI-40
	op := start(t)
	c := op.SignIn("ana")
	form := url.Values{"id_token_hint": {op.IDToken("app:1", "ana", op.SID(c), nil)}, "post_logout_redirect_uri": {postLogin}}
	got := newBrowser(t, c).post(op.endpoint("/logout"), form)
	if q := got.to(t, postLogin); got.StatusCode != http.StatusSeeOther || len(q) != 0 {
		t.Errorf("status %d, sent back with %v", got.StatusCode, q)
	}
	if seen := op.Seen("/logout"); len(seen) != 1 || seen[0].Param("post_logout_redirect_uri") != postLogin {
		t.Errorf("%d requests are remembered", len(seen))
	}
}

// TestWhoeverCannotProveItIsAsked: RPI-43, RPI-44.
func TestWhoeverCannotProveItIsAsked(t *testing.T) {
	op := start(t)
	foreign := op.IDToken("app:1", "ana", op.SID(op.SignIn("ana")), nil)
	for name, query := range map[string][]string{
		"nothing":           nil,
		"client and uri":    {"client_id", "app:1", "post_logout_redirect_uri", postLogin, "state", "s"},
		"another session":   {"id_token_hint", foreign, "post_logout_redirect_uri", postLogin, "state", "s"},
		"another user":      {"id_token_hint", op.IDToken("app:1", "bob", "", nil)},
		"told to ask":       {"id_token_hint", "fitting"},
		"hint without user": {"id_token_hint", op.IDToken("app:1", "", "", func(c map[string]any) { delete(c, "sub") })},
	} {
		t.Run(name, func(t *testing.T) {
			c := op.SignIn("ana")
			sid := op.SID(c)
			if name == "told to ask" {
				query[1] = op.IDToken("app:1", "ana", sid, nil)
				op.Misbehave(Asks)
				defer op.Misbehave(Behaves)
			}
			b := newBrowser(t, c)
			page := b.get(logoutURL(op, query...))
			page.shows(t, 200, "Sign out?")
			b.post(op.endpoint("/logout/confirm"), url.Values{"logout": {"yes"}, "csrf": {"guessed"}}).shows(t, 403, "not sent from our page")

			no := b.submit(page, "logout", "no")
			if !op.HasSession(sid) {
				t.Fatal("the session ended although the user said no")
			}
			yes := b.submit(page, "logout", "yes")
			if op.HasSession(sid) {
				t.Error("the session lives although the user said yes")
			}
			for _, got := range []answer{no, yes} {
				if len(query) < 4 {
					got.shows(t, 200, "You are signed out")
				} else if q := got.to(t, postLogin+"?"); q.Get("state") != "s" {
					t.Errorf("sent back with %v", q)
				}
			}
		})
	}
}

func TestNoSessionInThisBrowser(t *testing.T) {
	op := start(t)
	b := newBrowser(t)
	b.get(logoutURL(op)).shows(t, 200, "You are signed out")
	b.get(logoutURL(op, "client_id", "app:1", "post_logout_redirect_uri", postLogin)).to(t, postLogin)

	sid := op.SID(op.SignIn("ana"))
	b.get(logoutURL(op, "id_token_hint", op.IDToken("app:1", "ana", sid, nil), "post_logout_redirect_uri", postLogin)).to(t, postLogin)
	if op.HasSession(sid) {
		t.Error("the hint's session lives")
	}
}

// TestBadLogoutRequestsNeverRedirect: RPI-41, RPI-42, RPI-45, RPI-46.
func TestBadLogoutRequestsNeverRedirect(t *testing.T) {
	op := start(t)
	c := op.SignIn("ana")
	hint := op.IDToken("app:1", "ana", op.SID(c), nil)
	for name, tc := range map[string]struct {
		query []string
		text  string
	}{
		"hint of another client": {[]string{"id_token_hint", hint, "client_id", "other"}, "not the one of the id_token_hint"},
		"hint is rubbish":        {[]string{"id_token_hint", "a.b.c"}, "not ours"},
		"hint of another issuer": {[]string{"id_token_hint", op.IDToken("app:1", "ana", "", func(c map[string]any) { c["iss"] = "https://op.example" })}, "not ours"},
		"hint is forged":         {[]string{"id_token_hint", op.Forge(AlgNone, hint)}, "not ours"},
		"hint for many":          {[]string{"id_token_hint", op.IDToken("", "ana", "", func(c map[string]any) { c["aud"] = []string{"app:1", "other"} }), "client_id", "app:1"}, "not the one"},
		"unknown client":         {[]string{"client_id", "nobody", "post_logout_redirect_uri", postLogin}, "not known"},
		"address not registered": {[]string{"id_token_hint", hint, "post_logout_redirect_uri", postLogin + "/"}, "not registered"},
		"another's address":      {[]string{"client_id", "other", "post_logout_redirect_uri", postLogin}, "not registered"},
		"address, no client":     {[]string{"post_logout_redirect_uri", postLogin}, "not registered"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(t, c)
			b.get(logoutURL(op, tc.query...)).shows(t, 400, tc.text)
			form, _ := url.ParseQuery(mustParse(t, logoutURL(op, tc.query...)).RawQuery)
			b.post(op.endpoint("/logout"), form).shows(t, 400, tc.text)
		})
	}
	newBrowser(t, c).get(logoutURL(op, "client_id", "app:1")+"&client_id=app%3A1").shows(t, 400, "twice")
	if op.SID(c) == "" {
		t.Error("the session ended")
	}
}

func TestMisbehavingLogouts(t *testing.T) {
	op := start(t)
	for name, tc := range map[string]struct {
		mode  Mode
		state string
	}{
		"as it should be": {Behaves, "s"},
		"wrong state":     {WrongState, "s_INVALID"},
		"no state":        {NoState, ""},
		"both":            {NoState | WrongState, ""},
	} {
		t.Run(name, func(t *testing.T) {
			op.Misbehave(tc.mode)
			got := newBrowser(t).get(logoutURL(op, "client_id", "app:1", "post_logout_redirect_uri", postLogin, "state", "s"))
			if q := got.to(t, postLogin); q.Get("state") != tc.state {
				t.Errorf("state %q, want %q", q.Get("state"), tc.state)
			}
		})
	}
	op.Misbehave(Refuses)
	newBrowser(t).get(logoutURL(op)).shows(t, 400, "refused")
	op.Misbehave(Circle)
	newBrowser(t).get(logoutURL(op, "state", "s")).to(t, logoutURL(op, "state", "s"))
	newBrowser(t).get(op.endpoint("/auth")+"?a=b").to(t, op.endpoint("/auth")+"?a=b")
}

func mustParse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

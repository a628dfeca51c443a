package oidctest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
)

func TestDiscoveryAndItsDefects(t *testing.T) {
	op := start(t)
	if !strings.HasSuffix(op.Issuer(), "/realms/main") {
		t.Fatal(op.Issuer())
	}
	for name, tc := range map[string]struct {
		mode          Mode
		ok            bool // go-oidc believes it
		logout, token bool // these endpoints are named
	}{
		"as it should be": {Behaves, true, true, true},
		"no end session":  {NoEndSession, true, false, true},
		"no revocation":   {NoRevocation, true, true, false},
		"neither":         {NoEndSession | NoRevocation, true, false, false},
		"another issuer":  {WrongIssuer, false, false, false},
		"a web page":      {HTML, false, false, false},
		"broken":          {Fails, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			op.Misbehave(tc.mode)
			p, err := oidc.NewProvider(t.Context(), op.Issuer())
			if (err == nil) != tc.ok {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			var doc struct {
				Logout  string   `json:"end_session_endpoint"`
				Revoke  string   `json:"revocation_endpoint"`
				Methods []string `json:"revocation_endpoint_auth_methods_supported"`
			}
			if err := p.Claims(&doc); err != nil {
				t.Fatal(err)
			}
			if (doc.Logout == op.endpoint("/logout")) != tc.logout || (doc.Revoke == op.endpoint("/revoke")) != tc.token {
				t.Errorf("%+v", doc)
			}
			if !slices.Equal(doc.Methods, []string{"client_secret_basic", "client_secret_post", "none"}) {
				t.Errorf("methods %q", doc.Methods)
			}
		})
	}
}

func TestHangingEndsWithTheClientOrTheProvider(t *testing.T) {
	op := start(t)
	op.Misbehave(Hangs)
	ask := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, op.endpoint("/revoke"), strings.NewReader("token=x"))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			return fmt.Errorf("answered %d", resp.StatusCode)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	for _, giveUp := range []func(){cancel, op.Close} {
		before := len(op.Seen("/revoke"))
		done := make(chan error, 1)
		go func() { done <- ask(ctx) }()
		for len(op.Seen("/revoke")) == before {
			select {
			case err := <-done:
				t.Fatal("not held: ", err)
			default:
			}
		}
		giveUp()
		if err := <-done; err != nil {
			t.Error(err)
		}
		ctx = t.Context()
	}
}

func TestSessionCookie(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://op.example.com":   "; Path=/; HttpOnly; Secure; SameSite=Lax; Domain=example.com",
		"http://127.0.0.1:1/realm": "; Path=/; HttpOnly; SameSite=Lax; Domain=example.com",
	} {
		op := New(Config{Cookies: "; Domain=example.com"})
		op.SetIssuer(issuer)
		w := httptest.NewRecorder()
		c := op.SignIn("ana")
		op.setSession(w, c)
		op.setSession(w, nil)
		got := w.Header()["Set-Cookie"]
		if got[0] != "op_session="+c.Value+want || got[1] != "op_session="+strings.Replace(want, "/;", "/; Max-Age=0;", 1) {
			t.Errorf("%s: %q", issuer, got)
		}
	}
}

func TestOnlyBelowTheIssuer(t *testing.T) {
	op := start(t)
	root := strings.TrimSuffix(op.Issuer(), "/realms/main")
	for _, address := range []string{root + "/jwks", root + "/realms/main/other", root + "/realms/main/token"} {
		newBrowser(t).get(address).shows(t, 404, "")
	}
	w := httptest.NewRecorder()
	New(Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/jwks", nil))
	if w.Code != 404 {
		t.Errorf("without an issuer: %d", w.Code)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	op := New(Config{Issuer: "https://op.example"})
	last := op.SignIn("first")
	for range maxKept {
		last = op.SignIn("ana")
		op.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", nil))
	}
	op.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/last", nil))
	seen := op.Seen()
	if op.Sessions() != maxKept || op.SID(last) == "" || len(seen) != maxKept || seen[maxKept-1].Path != "/last" {
		t.Errorf("%d sessions, %d requests", op.Sessions(), len(seen))
	}
	body := strings.NewReader("a=" + strings.Repeat("x", maxBody))
	r := httptest.NewRequest(http.MethodPost, "/token", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	if op.ServeHTTP(w, r); w.Code != 400 {
		t.Errorf("a large body: %d", w.Code)
	}
}

// FuzzRequests: whatever it is asked, it does not panic and sends nobody to an address that is not registered.
func FuzzRequests(f *testing.F) {
	keys := New(Config{}).jwks()
	op := New(Config{Issuer: "https://op.example", Clients: []Client{
		{ID: "app", Secret: "s", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{postLogin}},
		{ID: "jwt", AuthMethod: "private_key_jwt", Key: &keys.Keys[0]},
	}})
	session := op.SignIn("ana")
	hint := op.IDToken("app", "ana", op.SID(session), nil)
	f.Add("GET", "/auth?client_id=app&response_type=code&scope=openid&state=s&redirect_uri="+url.QueryEscape(callback), "", "", "")
	f.Add("GET", "/logout?client_id=app&id_token_hint="+hint+"&state=s&post_logout_redirect_uri="+url.QueryEscape(postLogin), "", "op_session="+session.Value, "")
	f.Add("POST", "/login?client_id=app", "name=ana&password=x&csrf=y", "op_csrf=y", "")
	f.Add("POST", "/logout/confirm?client_id=app", "logout=yes&csrf=y", "op_csrf=y", "")
	f.Add("POST", "/token", "grant_type=authorization_code&code=x", "", "Basic YXBwOnM=")
	f.Add("POST", "/revoke", "token=x&client_assertion="+hint+"&client_assertion_type="+url.QueryEscape(assertionType), "", "")
	f.Fuzz(func(t *testing.T, method, target, body, cookie, authorization string) {
		if method != http.MethodGet {
			method = http.MethodPost
		}
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" {
			return
		}
		r := httptest.NewRequest(method, "/", strings.NewReader(body))
		r.URL = u
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		op.ServeHTTP(w, r)
		location := w.Header().Get("Location")
		if location != "" && !strings.HasPrefix(location, callback+"&") && location != postLogin && !strings.HasPrefix(location, postLogin+"?") {
			t.Errorf("sent to %q", location)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("bad JSON %q", w.Body)
		}
	})
}

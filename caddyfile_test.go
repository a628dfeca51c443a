package universallogout

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddytest"
)

// TestGolden: one file for each form of the directive: a Caddyfile, ten dashes,
// and the JSON it becomes. Mistakes are in TestCaddyfileErrors.
//
// UPDATE_GOLDEN=1 writes the part behind the dashes anew; read the diff.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	t.Setenv("SSO_SECRET", "secret")
	t.Setenv("AUTH_HOST", "auth.example.com")
	t.Setenv("WIKI", "https://wiki.example.com/?logout")
	t.Setenv("OTHER_HOST", "other.example.net")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			config, want, _ := strings.Cut(string(content), goldenSeparator)
			want = strings.TrimSpace(want)
			adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config+"\n"), map[string]any{"filename": "Caddyfile"})
			if err != nil {
				t.Fatal(err)
			}
			if os.Getenv("UPDATE_GOLDEN") != "" {
				updateGolden(t, file, config, adapted)
				return
			}
			for _, w := range warnings {
				if strings.Contains(w.Message, "universal_logout") {
					t.Errorf("warning: %s", w.Message)
				}
			}
			caddytest.AssertAdapt(t, config+"\n", "caddyfile", want)
			// What adapts must also load.
			var cfg caddy.Config
			if err := json.Unmarshal(adapted, &cfg); err != nil {
				t.Fatal(err)
			}
			if _, err := loadSite(t, config); err != nil {
				t.Errorf("adapts, but does not load: %v", err)
			}
		})
	}
}

func updateGolden(t *testing.T, file, config string, adapted []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, adapted, "", "\t"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(config+goldenSeparator+pretty.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRefusedOnLoad: mistakes that only show when a config is loaded, JSON
// written by hand among them.
func TestRefusedOnLoad(t *testing.T) {
	for name, tc := range map[string]struct{ app, handler, says string }{
		"negative timeout":      {`{"timeout":-1}`, `{}`, "timeout"},
		"prefix":                {`{"prefix":"logout"}`, `{}`, "prefix"},
		"prefix is everything":  {`{"prefix":"/"}`, `{}`, "prefix"},
		"return pattern":        {`{"allowed_return_urls":["*"]}`, `{}`, "allowed_return_urls"},
		"trusted origin":        {`{"trusted_origins":["https://*.example.com"]}`, `{}`, "trusted_origins"},
		"unknown placeholder":   {`{"trusted_origins":["{http.request.host}"]}`, `{}`, "http.request.host"},
		"role":                  {`{}`, `{"role":"hub"}`, "role"},
		"base":                  {`{}`, `{"base":"grafana/"}`, "base"},
		"paths":                 {`{}`, `{"paths":["logout"]}`, "begin with /"},
		"session cookie":        {`{}`, `{"session_cookies":["a*b"]}`, "session_cookies"},
		"keep cookie":           {`{}`, `{"keep_cookies":["*"]}`, "keep_cookies"},
		"clear_site_data":       {`{}`, `{"clear_site_data":["*"]}`, "clear_site_data"},
		"contradiction":         {`{}`, `{"clear_site_data":["cookies"],"keep_cookies":["x"]}`, "keep_cookies"},
		"return_to":             {`{}`, `{"return_to":"//evil.example"}`, "return_to"},
		"return_to itself":      {`{}`, `{"return_to":"/logout"}`, "never arrive"},
		"return_to over http":   {`{}`, `{"return_to":"http://www.example.com/"}`, "plain http"},
		"call: off and more":    {`{}`, `{"logout_call":{"off":true,"path":"/logout"}}`, "off stands alone"},
		"call: no path":         {`{}`, `{"logout_call":{"method":"POST"}}`, "logout_call: write the path"},
		"call: negative":        {`{}`, `{"logout_call":{"path":"/logout","timeout":-1}}`, "logout_call: timeout"},
		"call: header lines":    {`{}`, `{"logout_call":{"path":"/logout","headers":{"X-Key":"a\nb"}}}`, "X-Key"},
		"call: header twice":    {`{}`, `{"logout_call":{"path":"/logout","headers":{"X-Key":"a","x-key":"b"}}}`, "twice"},
		"call: csrf goes where": {`{}`, `{"logout_call":{"path":"/logout","csrf":{"path":"/","pattern":"(x)"}}}`, "where does the token go"},
		"call: csrf goes twice": {`{}`, `{"logout_call":{"path":"/logout","csrf":{"path":"/","pattern":"(x)","field":"a","header":"b"}}}`, "only one can be meant"},
		"call: csrf of ours":    {`{"prefix":"/-"}`, `{"logout_call":{"path":"/logout","csrf":{"path":"/-/done","pattern":"(x)","field":"a"}}}`, "/-/done belongs to our own pages"},
		"call: no such secret":  {`{}`, `{"logout_call":{"path":"/logout","headers":{"X-Key":"{env.UL_NO_SUCH}"}}}`, "env.UL_NO_SUCH"},
		"identify: nothing":     {`{}`, `{"identify":{}}`, "identify: write jwt"},
		"identify: two ways":    {`{}`, `{"identify":{"jwt":true,"header":"Remote-User"}}`, "identify: jwt, header and placeholder"},
		"identify: two names":   {`{}`, `{"identify":{"placeholder":"{http.auth.user.id}","header":"Remote-User"}}`, "identify: jwt, header and placeholder"},
		"identify: a brace":     {`{}`, `{"identify":{"placeholder":"{http.auth.user.id"}}`, "identify: placeholder"},
		"identify: in a block":  {`{}`, `{"role":"app","identify":{"header":"Remote-User"}}`, "top level of the site"},
		"return_to with script": {`{}`, `{"return_to":"javascript:alert(1)"}`, "return_to"},
	} {
		t.Run(name, func(t *testing.T) {
			handler := `{"handler":"universal_logout",` + tc.handler[1:]
			handler = strings.Replace(handler, ",}", "}", 1)
			raw := `{"admin":{"disabled":true},"apps":{"universal_logout":` + tc.app + `,"http":{"servers":{"s":{"routes":[{"handle":[` + handler + `]}]}}}}}`
			var cfg caddy.Config
			if err := json.Unmarshal([]byte(raw), &cfg); err != nil {
				t.Fatal(err)
			}
			if _, err := caddy.ProvisionContext(&cfg); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one about %s", err, tc.says)
			}
		})
	}
}

// TestPlaceholders: {env.*} where a deployment needs it.
func TestPlaceholders(t *testing.T) {
	t.Setenv("UL_PORTAL", "https://portal.example.com")
	t.Setenv("UL_BYE", "/bye")
	app := newSessions(t, endsSession)
	s := newSite(t, "universal_logout {\n trusted_origins {env.UL_PORTAL}\n}", `app.example.com {
		universal_logout {
			return_to {env.UL_BYE}
		}
		reverse_proxy `+app.addr()+`
	}`)
	res := s.do(request("POST", "https://app.example.com/logout", "", "Origin: https://portal.example.com", "Accept: text/html", "Cookie: sessionid=one"))
	if got := metaRefresh(bodyOf(t, res)); res.StatusCode != 200 || got != "/bye" {
		t.Errorf("%d goes on to %q", res.StatusCode, got)
	}
}

// TestStartNeedsAddresses: the sentence of the Caddyfile, for JSON by hand.
func TestStartNeedsAddresses(t *testing.T) {
	app := &App{roles: map[string]int{roleApp: 1}}
	if err := app.Start(); err == nil || !strings.Contains(err.Error(), "top level") {
		t.Errorf("%v", err)
	}
}

// FuzzConfig: no Caddyfile and no JSON makes the parsers panic, and what the
// Caddyfile accepts can be compiled.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"paths /logout", "paths POST +/x /y?a=b", "paths off", "session_cookies a* *b c", "keep_cookies x", "clear_site_data cookies storage cache",
		"clear_site_data off", "allow_cross_site", "return_to https://www.example.com/x", "return_to /x {\n}", "paths {\n}", "\"", "paths `", "timeout 5s", "prefix /x", "trusted_origins https://a.b",
		"logout_call POST /x", "logout_call off", "logout_call POST /x?a=%20 {\nheader A b\nbody text/plain `{x`\nsuccess 200\ntimeout 1s\n}",
		"identify jwt", "identify header Remote-User", "identify placeholder {http.auth.user.id}", "identify placeholder http.vars.x", "identify off",
		"logout_call PUT /x {\ncsrf /y `a{2}(b)` field c\n}", "logout_call DELETE /x {\ncsrf /y `(\\p{L}+)` header X-C\n}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, block string) {
		h := &Handler{edge: &App{Prefix: defaultPrefix}}
		if d := caddyfile.NewTestDispenser("universal_logout {\n" + block + "\n}"); d.Next() {
			err := h.UnmarshalCaddyfile(d)
			if err == nil && !strings.Contains(block, "{") {
				if err := h.compile(); err != nil && !strings.Contains(err.Error(), "return_to") {
					t.Errorf("%q is accepted, but does not load: %v", block, err)
				}
			}
			if err == nil && h.LogoutCall != nil && !h.LogoutCall.isLater() {
				if _, err := h.LogoutCall.compile(); err != nil {
					t.Errorf("%q is accepted, but does not load: %v", block, err)
				}
			}
		}
		_, _ = parseGlobalOption(caddyfile.NewTestDispenser("universal_logout {\n"+block+"\n}"), nil)
		var again Handler
		if json.Unmarshal([]byte(block), &again) == nil {
			again.edge = &App{Prefix: defaultPrefix}
			if again.compile() == nil {
				_ = again.compileLogoutCall()
			}
		}
	})
}

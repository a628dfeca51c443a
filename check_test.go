package universallogout

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
)

const openID = "provider main https://sso.example.com {\nclient_id edge\nend_session_endpoint https://sso.example.com/out\n}\n"

// TestCheck: each warning, with what it takes to be rid of it.
func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		globals, sites string
		warns          []string // one for each line, in order; none: no warning
	}{
		"nothing to say": {
			"universal_logout {\n" + openID + "hub https://logout.example.com\nallowed_return_urls https://*.example.com https://www.other.org\n}",
			"a.example.com {\nuniversal_logout main\nreverse_proxy :1\n}\nlogout.example.com {\nuniversal_logout\n}", nil,
		},
		"no block":               {"", "a.example.com {\nuniversal_logout\nreverse_proxy :1\n}", nil},
		"return pattern":         {"universal_logout {\nallowed_return_urls https://*.other.org https://*.other.org/bye http://localhost:3000\n}", "a.example.com {\nuniversal_logout\nreverse_proxy :1\n}", []string{"allowed_return_urls https://*.other.org: every page", "allowed_return_urls http://localhost:3000: it leads to the visitor's own machine"}},
		"hub with an app":        {"universal_logout {\nhub https://a.example.com\n}", "a.example.com {\nuniversal_logout\nreverse_proxy :1\n}", []string{"hub https://a.example.com: it has an app of its own"}},
		"hub below a wildcard":   {"universal_logout {\nhub https://logout.example.com\n}", "logout.example.com {\nuniversal_logout\n}\n*.example.com {\nuniversal_logout {\nhosts a.example.com\n}\nreverse_proxy :1\n}", nil},
		"hub of a wildcard":      {"universal_logout {\nhub https://logout.example.com\n}", "*.example.com {\nuniversal_logout {\nhosts logout.example.com\n}\nreverse_proxy :1\n}", []string{"hub https://logout.example.com: it has an app of its own"}},
		"hub nowhere":            {"universal_logout {\nhub https://logout.example.com\n}", "a.example.com {\nuniversal_logout\nreverse_proxy :1\n}", []string{"hub https://logout.example.com: no site has this name"}},
		"hub without us":         {"universal_logout {\nhub https://logout.example.com\n}", "a.example.com {\nuniversal_logout\nreverse_proxy :1\n}\nlogout.example.com {\nrespond hello\n}", []string{"hub https://logout.example.com: its site has no universal_logout"}},
		"no client":              {"", "a.example.com {\nuniversal_logout https://sso.example.com\nreverse_proxy :1\n}", []string{"a.example.com: no client_id is known for provider https://sso.example.com"}},
		"the site's client":      {"", "a.example.com {\nuniversal_logout https://sso.example.com app\nreverse_proxy :1\n}", nil},
		"provider of nobody":     {"universal_logout {\n" + openID + "}", "a.example.com {\nuniversal_logout\nreverse_proxy :1\n}", []string{"provider main: no site names it"}},
		"insecure":               {"universal_logout {\nprovider main https://sso.example.com {\nclient_id x\ntls_trust insecure\n}\n}", "a.example.com {\nuniversal_logout main\nreverse_proxy :1\n}", []string{"provider main: tls_trust insecure"}},
		"plain http":             {"", "http://a.example.com {\nuniversal_logout\nreverse_proxy :1\n}\nhttp://localhost {\nuniversal_logout\nreverse_proxy :1\n}", []string{"http://a.example.com: browsers take no orders"}},
		"wildcard":               {"", "*.example.com {\nuniversal_logout\nreverse_proxy :1\n}", []string{"*.example.com: a site for many names takes no part"}},
		"wildcard with hosts":    {"", "*.example.com {\nuniversal_logout {\nhosts a.example.com\n}\nreverse_proxy :1\n}", nil},
		"hosts elsewhere":        {"", "*.example.com {\nuniversal_logout {\nhosts a.example.com a.example.org\n}\nreverse_proxy :1\n}", []string{"*.example.com: hosts names a.example.org"}},
		"cookies of others":      {"", "a.example.com {\nuniversal_logout {\nclear_site_data cookies\n}\nreverse_proxy :1\n}\nb.example.com {\nreverse_proxy :1\n}\nc.example.com {\nuniversal_logout {\ngroup other\n}\nreverse_proxy :1\n}\nd.example.com {\nuniversal_logout\nreverse_proxy :1\n}\nexample.org {\nreverse_proxy :1\n}", []string{"a.example.com: clear_site_data cookies signs people out of b.example.com, c.example.com, too"}},
		"cookies of nobody else": {"", "a.example.com {\nuniversal_logout {\nclear_site_data cookies\n}\nreverse_proxy :1\n}\nb.example.com {\nuniversal_logout\nreverse_proxy :1\n}\na.example.org {\nreverse_proxy :1\n}", nil},
		"nobody answers":         {"", "a.example.com {\nencode\nuniversal_logout\n}", []string{"a.example.com: nothing behind universal_logout answers"}},
		"answered in a block":    {"", "a.example.com {\nuniversal_logout\nhandle /x/* {\nfile_server\n}\n}", nil},
		"identify nobody":        {"", "a.example.com {\nuniversal_logout {\nidentify header Remote-User\n}\nreverse_proxy :1\n}\nb.example.com {\nuniversal_logout {\nidentify placeholder {http.auth.user.id}\n}\nreverse_proxy :1\n}", []string{"a.example.com: nothing on this site says who the user is in Remote-User", "b.example.com: nothing on this site says who the user is in {http.auth.user.id}"}},
		"identify somebody":      {"", "a.example.com {\nuniversal_logout {\nidentify header Remote-User\n}\nforward_auth :2 {\nuri /auth\ncopy_headers Remote-User\n}\nreverse_proxy :1\n}\nb.example.com {\nuniversal_logout {\nidentify placeholder {http.auth.user.id}\n}\nbasic_auth {\nana $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\nreverse_proxy :1\n}", nil},
		"a key as a session":     {"", "a.example.com {\nuniversal_logout {\nsession_headers X-API-Key Authorization\n}\nreverse_proxy :1\n}", []string{"a.example.com: session_headers X-Api-Key"}},
		"pages only":             {"", "a.example.com {\nuniversal_logout {\npaths off\n}\n}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			file := writeCaddyfile(t, tc.globals, tc.sites)
			printed, err := command(t, "", "check", "--config", file, "--adapter", "caddyfile")
			if err != nil {
				t.Fatal(err)
			}
			var warned []string
			for line := range strings.SplitSeq(printed, "\n") {
				if w, found := strings.CutPrefix(line, "warning: "); found {
					warned = append(warned, w)
				}
			}
			if len(warned) != len(tc.warns) {
				t.Fatalf("%q", warned)
			}
			for i, w := range warned {
				if !strings.HasPrefix(w, tc.warns[i]) || !strings.Contains(w, ";") {
					t.Errorf("%q, want %q… and what to do", w, tc.warns[i])
				}
			}
			if _, err = command(t, "", "check", "--config", file, "--adapter", "caddyfile", "--strict"); (err != nil) != (len(tc.warns) > 0) {
				t.Errorf("--strict: %v", err)
			}
		})
	}
}

// TestCheckOfJSON: what a Caddyfile cannot say.
func TestCheckOfJSON(t *testing.T) {
	const proxy = `{"handler":"reverse_proxy","upstreams":[{"dial":":1"}]}`
	for name, tc := range map[string]struct{ routes, warns string }{
		"a matcher in front":      {`[{"match":[{"host":["a.example.com"]}],"handle":[{"handler":"subroute","routes":[{"match":[{"path":["/wiki/*"]}],"handle":[{"handler":"universal_logout"},` + proxy + `]}]}]}]`, "a path matcher in front keeps /.universal-logout/* from universal_logout"},
		"a matcher for us":        {`[{"match":[{"host":["a.example.com"],"path":["/.universal-logout/*"]}],"handle":[{"handler":"universal_logout","role":"addresses"}]},{"match":[{"host":["a.example.com"],"path":["/wiki/*"]}],"handle":[{"handler":"universal_logout","role":"app"},` + proxy + `]}]`, ""},
		"pages on another site":   {`[{"match":[{"host":["a.example.com"]}],"handle":[{"handler":"universal_logout","role":"app"},` + proxy + `]},{"match":[{"host":["b.example.com"]}],"handle":[{"handler":"universal_logout"},` + proxy + `]}]`, "its logouts have no pages to end on"},
		"an app in a named route": {`[{"match":[{"host":["a.example.com"]}],"handle":[{"handler":"universal_logout"},{"handler":"invoke","name":"app"}]}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := inspectJSON([]byte(`{"admin":{"disabled":true},"apps":{"http":{"servers":{"srv":{"listen":[":443"],"named_routes":{"app":{"handle":[` + proxy + `]}},"routes":` + tc.routes + `}}}}}`))
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			warned := c.check()
			if tc.warns == "" && len(warned) > 0 || tc.warns != "" && (len(warned) != 1 || !strings.Contains(warned[0].String(), tc.warns)) {
				t.Errorf("%v, want %q", warned, tc.warns)
			}
		})
	}
}

// TestCheckAsksOnlyIfTold: no provider is asked but with --online.
func TestCheckAsksOnlyIfTold(t *testing.T) {
	asked := 0
	op := labtest.NewWire(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		asked++
		_, _ = w.Write([]byte(`{"issuer":"http://` + r.Host + `"}`))
	})
	file := writeCaddyfile(t, "universal_logout {\nprovider main "+op.URL+" {\nclient_id x\n}\nprovider gone http://127.0.0.1:1 {\nclient_id x\n}\n}",
		"a.example.com {\nuniversal_logout main\nreverse_proxy :1\n}\nb.example.com {\nuniversal_logout gone\nreverse_proxy :1\n}")
	printed, err := command(t, "", "check", "--config", file, "--adapter", "caddyfile")
	if err != nil || asked > 0 || strings.Contains(printed, "warning") || !strings.Contains(printed, "not asked: provider gone, provider main") {
		t.Errorf("asked %d times: %s %v", asked, printed, err)
	}
	printed, err = command(t, "", "check", "--config", file, "--adapter", "caddyfile", "--online")
	if err != nil || asked != 1 || !strings.Contains(printed, "warning: provider main: it names no end_session_endpoint") ||
		!strings.Contains(printed, "warning: provider gone: it cannot be asked") || strings.Contains(printed, "not asked") {
		t.Errorf("asked %d times: %s %v", asked, printed, err)
	}
}

// TestInspectFails: what cannot be loaded is an error, which says why.
func TestInspectFails(t *testing.T) {
	for name, tc := range map[string]struct{ sites, says string }{
		"not ours":     {"a.example.com {\nrespond hello\n}", "uses universal_logout"},
		"a wrong word": {"a.example.com {\nuniversal_logout {\nnonsense\n}\n}", "nonsense"},
	} {
		for _, sub := range [][]string{{"check"}, {"explain", "https://a.example.com/logout"}} {
			if _, err := command(t, "", append(sub, "--config", writeCaddyfile(t, "", tc.sites), "--adapter", "caddyfile")...); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s of %s: %v", sub[0], name, err)
			}
		}
	}
	for _, config := range []string{`{`, `{"apps":{"universal_logout":{}}}`, `{"apps":{"universal_logout":{"timeout":-1},"http":{}}}`} {
		if c, err := inspectJSON([]byte(config)); err == nil {
			c.close()
			t.Errorf("%s is taken", config)
		}
	}
}

// TestInspectLeavesAlone: log files, storage and certificates of the
// configuration are not touched.
func TestInspectLeavesAlone(t *testing.T) {
	dir := t.TempDir()
	file := writeCaddyfile(t, `storage file_system `+dir+`/storage
		log {
			output file `+dir+`/log
		}`, `a.example.com {
			log {
				output file `+dir+`/access
			}
			tls `+dir+`/none.pem `+dir+`/none.key
			universal_logout
			reverse_proxy :1
		}`)
	if _, err := command(t, "", "check", "--config", file, "--adapter", "caddyfile"); err != nil {
		t.Fatal(err)
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("%v %v", made, err)
	}
}

package universallogout

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

const adminAddress = "localhost:2999"

// TestAdminOverListener: the admin API, its command and the metrics, with an
// app that only a site's directive made, and over reloads.
func TestAdminOverListener(t *testing.T) {
	app := newSessions(t, endsSession)
	site := func(words string) string {
		return `app.localhost:9443 {
			log
			universal_logout http://127.0.0.1:1/sso {
				` + words + `
			}
			reverse_proxy ` + app.addr() + `
		}`
	}
	const issuer = "http://127.0.0.1:1/sso"
	globals := strings.Replace(listenerGlobals, "universal_logout {\n\t\ttimeout 500ms\n\t}", "", 1)
	if globals == listenerGlobals {
		t.Fatal("the global option is still there")
	}
	read := func() (s adminStatus) {
		t.Helper()
		eventually(t, "the list is open", func() bool {
			printed, err := command(t, "", "status", "--address", adminAddress)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(printed), &s); err != nil {
				t.Fatal(err)
			}
			return s.Open
		})
		return s
	}
	metrics := func() string {
		t.Helper()
		res, err := http.Get("http://" + adminAddress + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return string(text)
	}
	_, log := listenWith(t, globals, site(""))
	before := read()
	if len(before.Sites) != 1 || before.Sites[0].Host != "app.localhost" || len(before.Providers) != 1 || before.Providers[0].Issuer != issuer {
		t.Errorf("%+v", before)
	}
	for _, args := range [][]string{{"--sub", "s3cr3t-sub"}, {"--sub", "-"}, {"--sid", "-"}} {
		printed, err := command(t, "s3cr3t-stdin\r\nmore", append([]string{"revoke", "--address", adminAddress, "--issuer", issuer}, args...)...)
		if err != nil || !strings.HasPrefix(printed, "revoked: ") {
			t.Errorf("%v: %s %v", args, printed, err)
		}
	}
	for name, args := range map[string][]string{
		"nobody":         {"--issuer", issuer},
		"both":           {"--issuer", issuer, "--sub", "a", "--sid", "b"},
		"no issuer":      {"--sub", "a"},
		"another issuer": {"--issuer", "https://other.example.com", "--sub", "s3cr3t-other"},
		"an argument":    {"--issuer", issuer, "--sub", "a", "b"},
	} {
		printed, err := command(t, "", append([]string{"revoke", "--address", adminAddress}, args...)...)
		if err == nil {
			t.Errorf("%s: %s", name, printed)
		} else if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := command(t, "", "revoke", "--address", adminAddress, "--issuer", issuer, "--sub", "-"); err == nil {
		t.Error("nothing from standard input revokes")
	}
	res := send(t, clients(t)["HTTP/2.0"], "GET", "https://app.localhost:9443/logout", "", with(clicked, "Cookie: sessionid=s3cr3t-session")...)
	_ = res.Body.Close()

	for _, words := range []string{"return_to /one", "return_to /two"} {
		listenWith(t, globals, site(words))
		after := read()
		if after.Revocations.Subjects < before.Revocations.Subjects+2 || after.Revocations.Sessions < before.Revocations.Sessions+1 || after.Version <= before.Version {
			t.Errorf("after a reload: %+v, before it %+v", after.Revocations, before.Revocations)
		}
		for _, line := range []string{
			`caddy_universal_logout_logouts_total{initiator="admin",result="ok"}`, `caddy_universal_logout_logouts_total{initiator="user",result="ok"}`,
			`caddy_universal_logout_app_logouts_total{app="app.localhost",outcome="ended"}`, `caddy_universal_logout_revocations{kind="subject"}`,
			`caddy_universal_logout_log_lag_seconds`, `caddy_universal_logout_provider_requests_total{`,
		} {
			if !strings.Contains(metrics(), "\n"+line) {
				t.Errorf("after a reload: no %s in\n%s", line, metrics())
			}
		}
	}
	// A config that is refused at its start leaves the one before.
	broken := `{"admin":{"listen":"` + adminAddress + `"},"apps":{"http":{"servers":{"s":{"listen":[":9443"],"routes":[{"handle":[{"handler":"universal_logout","role":"app"}]}]}}}}}`
	answer, err := http.Post("http://"+adminAddress+"/load", "application/json", strings.NewReader(broken))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if s := read(); answer.StatusCode == 200 || len(s.Sites) != 1 || s.Sites[0].Host != "app.localhost" {
		t.Errorf("after a refused config (%d): %+v", answer.StatusCode, s.Sites)
	}
	if _, err := command(t, "", "status", "--address", "localhost:1"); err == nil {
		t.Error("a status of nothing")
	}
	content, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(content), "logged out by the admin API") || !strings.Contains(string(content), "audit") {
		t.Errorf("%v: no audit in %s", err, content)
	}
	for line := range strings.SplitSeq(string(content)+metrics(), "\n") {
		if strings.Contains(line, "s3cr3t") {
			t.Errorf("told: %s", line)
		}
	}
}

// TestCommandHelp: what is no subcommand is an error, nothing at all is help.
func TestCommandHelp(t *testing.T) {
	if printed, err := command(t, ""); err != nil || !strings.Contains(printed, "explain") {
		t.Errorf("%s %v", printed, err)
	}
	for _, args := range [][]string{{"nonsense"}, {"explain"}, {"check", "more"}, {"status", "--config", "/nonsense"}} {
		if printed, err := command(t, "", args...); err == nil {
			t.Errorf("%v: %s", args, printed)
		}
	}
}

package universallogout

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// TestOperationsDocs: the configurations of docs/operations.md can be loaded,
// and it names all that an administrator can ask for, and what the status says.
// TestDocsNameAll of internal/telemetry looks for metrics and events.
func TestOperationsDocs(t *testing.T) {
	content, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text, snippets := string(content), 0
	for i, block := range strings.Split(text, "\n```\n") {
		if i%2 == 0 || !strings.HasPrefix(block, "{\n\tlog") {
			continue
		}
		snippets++
		adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(block+"\na.example.com {\nlog\nuniversal_logout\nrespond app\n}\n"), map[string]any{"filename": "Caddyfile"})
		if err != nil || strings.Contains(block, "filter") != strings.Contains(string(adapted), `"filter"`) {
			t.Errorf("%s\n%v %s", block, err, adapted)
		}
		for _, w := range warnings {
			if !strings.Contains(w.Message, "not formatted") {
				t.Errorf("%s: %s", block, w.Message)
			}
		}
		if _, err := loadJSON(t, adapted); err != nil {
			t.Errorf("%s\n%v", block, err)
		}
	}
	if snippets != 2 {
		t.Errorf("%d configurations found", snippets)
	}
	words := []string{statusPath, revokePath}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(caddyJSON(adminSite(t).app.status())), &fields); err != nil {
		t.Fatal(err)
	}
	for field := range fields {
		if field != "version" && field != "shared" {
			words = append(words, field)
		}
	}
	for _, word := range words {
		if !strings.Contains(text, "`"+word+"`") && !strings.Contains(text, "localhost:2019"+word) {
			t.Errorf("%s is not in it", word)
		}
	}
}

// TestLogFilterOverListener: with the filter, no query that has a token in it is in
// an access log.
func TestLogFilterOverListener(t *testing.T) {
	content, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, filter, found := strings.Cut(string(content), "\t\tformat filter {")
	filter, _, _ = strings.Cut(filter, "\n\t}\n")
	if !found {
		t.Fatal("there is none")
	}
	app := newSessions(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://sso.example.com/out?id_token_hint=s3cr3t-hint", http.StatusFound)
	})
	_, log := listenWith(t, strings.Replace(listenerGlobals, "level DEBUG", "format filter {"+filter, 1), `app.localhost:9443 {
		log
		universal_logout {
			paths off
		}
		reverse_proxy `+app.addr()+`
	}`)
	client := clients(t)["HTTP/1.1"]
	for _, path := range []string{oursAt + "/hop?t=s3cr3t-token", "/oidc?code=s3cr3t-code&state=s3cr3t-state&shown=1", "/logout?id_token_hint=s3cr3t-hint"} {
		res := send(t, client, "GET", "https://app.localhost:9443"+path, "", with(clicked, "Referer: https://app.localhost:9443"+path, "Cookie: sessionid=s3cr3t-session")...)
		_ = res.Body.Close()
	}
	eventually(t, "all is logged", func() bool {
		content, err = os.ReadFile(log)
		return err == nil && strings.Count(string(content), "handled request") >= 3
	})
	if !strings.Contains(string(content), "shown=1") {
		t.Errorf("more than tokens is left out: %s", content)
	}
	for line := range strings.SplitSeq(string(content), "\n") {
		if strings.Contains(line, "s3cr3t") {
			t.Errorf("logged: %s", line)
		}
	}
}

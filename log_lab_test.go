package universallogout

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// observe lets the site's handlers log to the test.
func (s *site) observe() *observer.ObservedLogs {
	core, logged := observer.New(zapcore.DebugLevel)
	for _, h := range ours(s.http, "app.example.com") {
		h.logger = zap.New(core)
	}
	return logged
}

func logsOf(logged *observer.ObservedLogs) string {
	var all []string
	for _, entry := range logged.All() {
		all = append(all, entry.Message+fmt.Sprint(entry.ContextMap()))
	}
	return strings.Join(all, "\n")
}

// wantQuiet: no secret in any line of the log.
func wantQuiet(t testing.TB, logged *observer.ObservedLogs, secrets ...string) {
	t.Helper()
	for _, entry := range logged.All() {
		line := entry.Message + fmt.Sprint(entry.ContextMap())
		for _, secret := range secrets {
			if strings.Contains(line, secret) || strings.Contains(line, url.QueryEscape(secret)) {
				t.Errorf("logged: %s", line)
			}
		}
	}
}

// checkLog: no credential in any line, and no token of ours in lines of ours.
func checkLog(t *testing.T, file, secret string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) == 0 {
		t.Fatal("nothing was logged")
	}
	for line := range strings.SplitSeq(string(content), "\n") {
		if strings.Contains(line, secret) {
			t.Errorf("a cookie value in the log: %s", line)
		}
		var entry struct{ Logger, Msg string }
		if json.Unmarshal([]byte(line), &entry) == nil && strings.Contains(entry.Logger, "universal_logout") && strings.Contains(line, "t=") && strings.Contains(line, "/done") {
			t.Errorf("a token in our log: %s", line)
		}
	}
}

func cookieSafe(c rune) rune {
	if c <= ' ' || c >= 0x7f || strings.ContainsRune(`,;"\×`, c) {
		return '-'
	}
	return c
}

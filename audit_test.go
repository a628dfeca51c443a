package universallogout

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestLoggedOnce: every logout and every request that is refused is one line,
// and none has a credential, a token or a query in it.
func TestLoggedOnce(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		universal_logout
		reverse_proxy `+app.addr()+`
	}
	down.example.com {
		universal_logout
		reverse_proxy 127.0.0.1:1
	}`)
	s.app.process.limit = newSessionlessLimit()
	core, logged := observer.New(zap.DebugLevel)
	for _, h := range s.handlers() {
		h.logger = zap.New(core)
	}
	session := "Cookie: sessionid=s3cr3t"
	for _, tc := range []struct {
		name string
		r    *http.Request
		says []string
	}{
		{"logout", request("GET", "https://app.example.com/logout?id_token_hint=s3cr3t", "", with(clicked, session)...), []string{"logged out"}},
		{"fetch", request("POST", "https://app.example.com/logout", "", with(fetched, session)...), []string{"logged out"}},
		{"app is down", request("GET", "https://down.example.com/logout", "", with(clicked, session)...), []string{"logged out, but the app did not end its session"}},
		{"bad return URL", request("GET", "https://app.example.com/logout?rd=https://evil.example/s3cr3t", "", with(clicked, session)...), []string{"dropped return URLs that are not allowed; see allowed_return_urls", "logged out"}},
		{"foreign form", request("POST", "https://app.example.com/logout?s3cr3t", "", session, "Origin: https://evil.example"), []string{"refused a request"}},
		{"frame", request("GET", "https://app.example.com/logout", "", session, "Sec-Fetch-Dest: iframe"), []string{"refused a request"}},
		{"TRACE", request("TRACE", "https://app.example.com/logout", "", session), []string{"refused a request"}},
		{"question", request("GET", "https://app.example.com/logout", "", session, "Accept: text/html"), nil},
		{"prefetch", request("GET", "https://app.example.com/logout", "", with(clicked, session, "Sec-Purpose: prefetch")...), nil},
		{"no logout", request("GET", "https://app.example.com/", "", with(clicked, session)...), nil},
	} {
		s.do(tc.r)
		var said []string
		for _, entry := range logged.TakeAll() {
			said = append(said, entry.Message)
			for _, field := range entry.Context {
				if strings.Contains(field.String, "s3cr3t") || strings.Contains(field.String, "evil") {
					t.Errorf("%s: %s is %q", tc.name, field.Key, field.String)
				}
			}
		}
		if strings.Join(said, "|") != strings.Join(tc.says, "|") {
			t.Errorf("%s: logged %q, want %q", tc.name, said, tc.says)
		}
	}
}

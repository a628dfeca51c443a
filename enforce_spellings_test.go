package universallogout

import (
	"fmt"
	"strings"
	"testing"
)

// TestRevokedSpellings: every spelling that an app could take for the
// session, over HTTP: the app sees none of them.
func TestRevokedSpellings(t *testing.T) {
	octal := func(v string) string { return `"\` + fmt.Sprintf("%03o", v[0]) + v[1:] + `"` }
	percent := func(v string) string { return fmt.Sprintf("%%%02X", v[0]) + v[1:] }
	allPercent := func(v string) (all string) {
		for i := range len(v) {
			all += fmt.Sprintf("%%%02x", v[i])
		}
		return all
	}
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNpZCI6IjEyMyJ9.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXI"
	for name, cookies := range map[string][]string{
		"plain":              {"sessionid=" + revokedSession},
		"quoted":             {`sessionid="` + revokedSession + `"`},
		"quoted, octal":      {"sessionid=" + octal(revokedSession)},
		"quote left open":    {`sessionid="` + revokedSession},
		"percent":            {"sessionid=" + percent(revokedSession)},
		"all percent":        {"sessionid=" + allPercent(revokedSession)},
		"PHP's name":         {"session id=" + revokedSession, "session.id=" + revokedSession},
		"PHP's array":        {"sessionid[x]=" + revokedSession},
		"twice, first":       {"sessionid=" + revokedSession + "; sessionid=" + aliveSession},
		"twice, last":        {"sessionid=" + aliveSession + "; sessionid=" + revokedSession},
		"second line":        {"theme=dark", "sessionid=" + revokedSession},
		"no space":           {"theme=dark;sessionid=" + revokedSession},
		"spaces":             {"theme=dark ;  sessionid = " + revokedSession + " "},
		"behind a comma":     {"theme=dark, sessionid=" + revokedSession},
		"case of the name":   {"SessionID=" + revokedSession},
		"a JWT":              {"token=" + jwt},
		"its signature bent": {"token=" + jwt[:len(jwt)-1] + "J"},
		"quoted JWT":         {`token="` + jwt + `"`},
	} {
		for _, words := range []string{"", "on_revoked reject"} {
			t.Run(name+" "+words, func(t *testing.T) {
				s, app := newEnforced(t, words, nil)
				s.revoke(jwt)
				for _, method := range []string{"GET", "POST"} {
					r := request(method, "https://app.example.com/", "", fetched...)
					r.Header["Cookie"] = cookies
					res := s.do(r)
					if words != "" && res.StatusCode != 401 && !strings.Contains(name, "twice") {
						t.Errorf("%d", res.StatusCode)
					}
				}
				for _, r := range app.requests() {
					if got := strings.Join(r.Header["Cookie"], "; "); strings.Contains(got, revokedSession[1:]) || strings.Contains(got, allPercent(revokedSession)) || strings.Contains(got, "eyJ") {
						t.Errorf("the app got %q", got)
					}
				}
			})
		}
	}
	t.Run("what Django writes", func(t *testing.T) {
		// Quoted with backslashes, and no session: it stays.
		s, app := newEnforced(t, "", nil)
		const messages = `messages="[[\"__json_message\"\0540\05425\054\"Welcome\"]]:1vXyZ:abcdefghijklmnopq"`
		res := s.do(request("GET", "https://app.example.com/", "", with(clicked, "Cookie: "+messages)...))
		if got := app.requests()[0].Header.Get("Cookie"); got != messages || len(res.Header["Set-Cookie"]) > 0 {
			t.Errorf("the app got %q", got)
		}
	})
}

package universallogout

import "testing"

// TestRevokedInPath: a session that is over is none in the path either, and the
// rest of the path stays what it was.
func TestRevokedInPath(t *testing.T) {
	s, app := newEnforced(t, "", nil)
	for path, want := range map[string]string{
		"/a;jsessionid=" + revokedSession + "/b?c=d":                 "/a;jsessionid=/b?c=d",
		"/a%2Fb;x=1;jsessionid=" + revokedSession + ".node1;y=2":     "/a%2Fb;x=1;jsessionid=;y=2",
		"/;JSESSIONID=" + revokedSession:                             "/;JSESSIONID=",
		"/a;jsessionid=%71" + revokedSession[1:] + "/":               "/a;jsessionid=/",
		"/a;jsessionid=" + aliveSession + "/b;" + revokedSession[1:]: "/a;jsessionid=" + aliveSession + "/b;" + revokedSession[1:],
		"/a/..;" + revokedSession + "/b":                             "/a/..;/b",
		"/a;b=c/%C3%A4%3B":                                           "/a;b=c/%C3%A4%3B",
	} {
		res := s.do(request("GET", "https://app.example.com"+path, "", clicked...))
		seen := app.requests()
		if got := seen[len(seen)-1].RequestURI; res.StatusCode != 200 || got != want {
			t.Errorf("%s: %d, the app got %s, want %s", path, res.StatusCode, got, want)
		}
	}
}

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestTourPassesByWhatCannotBeReached: a name that the browser's network does not know, or a firewall that swallows
// everything, is no dead end; the page says so, and the rest is ended.
func TestTourPassesByWhatCannotBeReached(t *testing.T) {
	inEveryEngine(t, func(t *testing.T, v *visitor) {
		lab := newTourLab(t, "", "session_cookies sid", 1, 1, 1, 1)
		// Nobody was there before: a connection that is open would still work.
		proxy.Route(lab.hosts[1], closedPort(t))
		proxy.Route(lab.hosts[2], silentPort(t))
		sids := map[string]string{}
		for _, host := range []string{lab.hosts[0], lab.hosts[3]} {
			sids[host] = v.signIn("https://" + host)
		}
		v.goTo("https://" + lab.hosts[0] + "/form")
		v.click("#out")
		v.onOurPage("landing")
		text, err := v.Text("main")
		v.must(err, "reading the page")
		for i, host := range lab.hosts {
			unreached := i == 1 || i == 2
			if sid := sids[host]; sid != "" && alive(t, lab.app.url, "sid", sid) {
				t.Errorf("%s: the app still honours the session", host)
			}
			_, after, _ := strings.Cut(text, host)
			if len(after) > 40 {
				after = after[:40]
			}
			if strings.Contains(after, "not reached") != unreached {
				t.Errorf("%s: the page says %q", host, text)
			}
		}
	})
}

// closedPort is an address that refuses connections.
func closedPort(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePort(t))
}

// silentPort is one that takes connections and never says a word.
func silentPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

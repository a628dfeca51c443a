package universallogout

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

const hubSite = "https://logout.example.com"

// newHub is a sign-on where only the hub's addresses are registered at the
// provider, and a second site that uses it.
func newHub(t testing.TB) *signOn {
	t.Helper()
	so := newSignOn(t, signOnConfig{})
	so.op.Register(oidctest.Client{
		ID: edgeClient, Secret: "secret",
		RedirectURIs: []string{hubSite + "/.universal-logout/callback"}, PostLogoutRedirectURIs: []string{hubSite + "/.universal-logout/return"},
	})
	s := newSite(t, `universal_logout {
			hub `+hubSite+`
			provider main `+so.op.Issuer()+` {
				client_id edge
				client_secret secret
			}
		}`, `logout.example.com {
			universal_logout
		}
		app.example.com, other.example.com {
			universal_logout main
			reverse_proxy `+so.app.addr()+`
		}`)
	s.op = so.op
	so.site = s
	return so
}

// begin is a logout at a site, whose browser is on its way to the provider. It
// returns the state that went there.
func (so *signOn) begin(site string) (state string, j *jar) {
	so.t.Helper()
	j = &jar{now: time.Now()}
	host := strings.TrimPrefix(site, "https://")
	so.app.login("one")
	j.store(host, "/", true, []string{"sessionid=one; Path=/; Secure"})
	r := request("GET", site+"/logout", "", clicked...)
	res := so.followUntil(j, r, func(res *http.Response) bool { return strings.HasPrefix(res.Header.Get("Location"), so.op.Issuer()) }).Response
	u, err := url.Parse(res.Header.Get("Location"))
	if err != nil || u.Path != "/auth" {
		so.t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	return u.Query().Get("state"), j
}

func timestamp() string { return strconv.FormatInt(time.Now().Unix(), 10) }

package universallogout

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// providerFaults are what a provider can be like when a user logs out.
var providerFaults = map[string]struct {
	mode oidctest.Mode
	link bool // there is something to click: the endpoint is known
}{
	"down":                    {oidctest.Behaves, false}, // at a port that nobody listens at
	"refuses":                 {oidctest.Refuses, false}, // and would refuse a click
	"hangs":                   {oidctest.Hangs, false},
	"500":                     {oidctest.Fails, false},
	"HTML instead of JSON":    {oidctest.HTML, false},
	"wrong issuer":            {oidctest.WrongIssuer, false},
	"no end_session_endpoint": {oidctest.NoEndSession, false},
	"circle":                  {oidctest.Circle, true},
}

// TestProviderFaults: whatever the provider does × whatever the app does ×
// whoever asks: a person ends on our page, which says that the single sign-on
// may be alive, within timeout + 500 ms; the app is logged out as ever.
func TestProviderFaults(t *testing.T) {
	for fault, provider := range providerFaults {
		op := oidctest.Start(t, oidctest.Config{})
		op.Misbehave(provider.mode)
		issuer := op.Issuer()
		if fault == "down" {
			issuer = "http://" + closedPort(t)
		}
		for state, app := range appStates {
			t.Run(fault+" × "+state, func(t *testing.T) {
				t.Parallel()
				so := newSignOn(t, signOnConfig{op: op, issuer: issuer, answer: app.answer, timeout: testTimeout})
				if app.answer == nil {
					so.app.Close()
				}
				for by, c := range callers {
					t.Run(by, func(t *testing.T) {
						so.startAnew(t)
						began := time.Now()
						f := so.follow(so.jar, request(c.method, "https://app.example.com/logout", c.body, c.headers...))
						if took := time.Since(began); took > testTimeout+500*time.Millisecond {
							t.Errorf("took %s", took)
						}
						if !c.person {
							f = so.afterScript(f, app.outcome)
						}
						if slices.Contains(so.jar.names(), "sessionid") {
							t.Errorf("left in the browser: %v", so.jar.cookies)
						}
						checkLanding(t, f, app.outcome)
						if !strings.Contains(f.body, "may still be signed in at 127.0.0.1") {
							t.Errorf("does not say that the single sign-on is alive: %s", f.body)
						}
						if linked := strings.Contains(f.body, `href="`+op.Issuer()+`/logout"`); linked != provider.link {
							t.Errorf("a way to end it by a click: %v", linked)
						}
						if strings.Contains(f.body, "data-next") {
							t.Error("goes on by itself although something failed")
						}
					})
				}
			})
		}
	}
}

// startAnew gives the next test a browser of its own, signed in.
func (so *signOn) startAnew(t *testing.T) {
	so.site.t = t
	so.app.login("one")
	so.jar = &jar{now: time.Now()}
	so.setCookie("sessionid=one")
	so.signInAtProvider()
}

// afterScript looks at what a script got, and goes where it would go.
func (so *signOn) afterScript(f followed, want outcome.Outcome) followed {
	so.t.Helper()
	var answer pages.Answer
	if !strings.Contains(f.body, "logout_id") {
		return so.follow(so.jar, request("GET", "https://app.example.com/login", "", clicked...))
	}
	if err := json.Unmarshal([]byte(f.body), &answer); err != nil || answer.Success != (want != outcome.Failed) {
		so.t.Errorf("%v: %s", err, f.body)
	}
	res := so.do(request("GET", "https://app.example.com"+answer.RedirectURL, "", clicked...))
	if res.StatusCode != 200 || !strings.Contains(bodyOf(so.t, res), `data-page="landing"`) {
		so.t.Errorf("redirect_url: %d", res.StatusCode)
	}
	return so.follow(so.jar, request("GET", answer.FrontChannelLogoutURL, "", clicked...))
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestFaultsLater: a provider that was in order, and is so no more when the
// next person logs out. What was known of it is used, but nobody is sent to an
// endpoint that does not answer.
func TestFaultsLater(t *testing.T) {
	for fault, tc := range map[string]struct {
		mode  oidctest.Mode
		visit bool
	}{
		"discovery is HTML":               {oidctest.HTML, true},
		"discovery names another issuer":  {oidctest.WrongIssuer, true},
		"everything is a 500":             {oidctest.Fails, false},
		"everything hangs":                {oidctest.Hangs, false},
		"the document lost its endpoints": {oidctest.NoEndSession, false},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{timeout: time.Second})
			c := so.turnable()
			so.wantEnded(so.click())

			so.app.login("one")
			so.setCookie("sessionid=one")
			so.signInAtProvider()
			so.op.Misbehave(tc.mode)
			c.turn(time.Minute)
			f := so.click()
			so.wantLanding(f)
			if ended := so.op.Sessions() == 0; ended != tc.visit {
				t.Errorf("ended at the provider: %v\n%s", ended, f.visited)
			}
			if tc.visit == strings.Contains(f.body, "may still be signed in") {
				t.Errorf("says %s", f.body)
			}
		})
	}
}

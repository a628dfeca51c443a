package universallogout

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestNeighboursCookieIsNoFreshLogin: several apps on one host know different
// cookies for sessions. What was there at the logout is no login since.
func TestNeighboursCookieIsNoFreshLogin(t *testing.T) {
	for name, sites := range map[string]string{
		"under a matcher": `app.example.com {
			universal_logout /grafana/* main {
				session_cookies sessionid
			}
			reverse_proxy APP
		}`,
		"in a block": `app.example.com {
			universal_logout {
				paths off
			}
			handle_path /grafana/* {
				universal_logout main {
					session_cookies sessionid
				}
				reverse_proxy APP
			}
			reverse_proxy APP
		}`,
	} {
		for by, begin := range map[string]*http.Request{
			"form":  request("POST", "https://app.example.com/grafana/logout", "a=b", submitted...),
			"fetch": request("POST", "https://app.example.com/grafana/logout", "", fetched...),
		} {
			t.Run(name+" × "+by, func(t *testing.T) {
				so := newSignOnAt(t, mainProvider, sites, func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) })
				so.setCookie("wiki_session=neighbour")
				f := so.follow(so.jar, begin)
				if by == "fetch" {
					f = so.follow(so.jar, request("GET", "https://app.example.com/anything", "", clicked...))
				}
				so.wantEnded(f)
				if !so.has("wiki_session=neighbour") {
					t.Error("the neighbour is logged out")
				}
			})
		}
	}
}

// TestOneHandlerDecidesAboutAMarker: the site's handler in front of the app's.
func TestOneHandlerDecidesAboutAMarker(t *testing.T) {
	so := newSignOnAt(t, mainProvider, `app.example.com {
		universal_logout /grafana/* main
		reverse_proxy APP
	}`, func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) })
	so.send(request("POST", "https://app.example.com/grafana/logout", "", fetched...))
	so.setCookie("sessionid=fresh")
	res := so.send(request("GET", "https://app.example.com/grafana/", "", clicked...))
	if body := bodyOf(t, res); body != "app" || so.isMarked() {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// TestTooLongHintGivesWay: RPI-21. One that fits no address is as good as none,
// and the silent question takes its place.
func TestTooLongHintGivesWay(t *testing.T) {
	for by, log := range map[string]func(*signOn) followed{"link": (*signOn).click, "form": (*signOn).submit} {
		t.Run(by, func(t *testing.T) {
			so := newSignOn(t, signOnConfig{})
			so.setCookie("idToken=" + so.op.IDToken(edgeClient, "ana", so.sid, func(c map[string]any) { c["groups"] = strings.Repeat("group,", 450) }))
			so.wantEnded(log(so))
			if len(so.visits("/auth")) != 1 {
				t.Error("nobody was asked")
			}
		})
	}
}

// TestOnlyTheClientIsRefused: what a stranger can make the provider say about a
// code of his own does not switch the silent question off for others.
func TestOnlyTheClientIsRefused(t *testing.T) {
	for mode, asked := range map[oidctest.Mode]int{oidctest.TokenRefuses: 2, oidctest.Behaves: 2} {
		so := newSignOn(t, signOnConfig{})
		so.op.Misbehave(mode)
		begun := so.leave()
		so.send(request("GET", oursAtApp+"/callback?code="+strings.Repeat("x", 5000)+"&state="+url.QueryEscape(mustURL(begun.Header.Get("Location")).Query().Get("state")), "", clicked...))
		so.app.login("one")
		so.setCookie("sessionid=one")
		so.click()
		if n := len(so.visits("/auth")) + 1; n != asked {
			t.Errorf("mode %d: asked %d times", mode, n)
		}
	}
}

// TestNoLinkThatIsRefused: a button that leads to an error page is none.
func TestNoLinkThatIsRefused(t *testing.T) {
	so := newSignOn(t, signOnConfig{options: "quirks okta\njust_in_time_hint off"})
	so.op.Misbehave(oidctest.Refuses)
	f := so.click()
	so.wantLanding(f)
	if !strings.Contains(f.body, "may still be signed in") || strings.Contains(f.body, so.op.Issuer()+"/logout") || len(so.visits("/logout")) != 0 {
		t.Errorf("%v %s", f.visited, f.body)
	}
}

// TestHubStaysOutOfWhatItCannotForward: a provider that sends no state back
// gets the site's own address.
func TestHubStaysOutOfWhatItCannotForward(t *testing.T) {
	so := newSignOnAt(t, `universal_logout {
		hub https://logout.example.com
		provider main ISSUER {
			client_id edge
			quirks cognito
		}
	}`, `app.example.com {
		universal_logout main
		reverse_proxy APP
	}
	logout.example.com {
		universal_logout
	}`, endsSession)
	u := mustURL(so.leave().Header.Get("Location"))
	if u.Query().Get("logout_uri") != oursAtApp+"/return" || u.Query().Has("state") {
		t.Errorf("%s", u)
	}
}

// TestProviderIsNoTarget: PG-09. An app's redirect to the provider is the
// provider's step, and never where the landing page leads to as well.
func TestProviderIsNoTarget(t *testing.T) {
	var so *signOn
	so = newSignOn(t, signOnConfig{site: "client_id app", issuer: "https://sso.example.com", global: "allowed_return_urls https://*.example.com", answer: func(w http.ResponseWriter, _ *http.Request) {
		expire(w)
		w.Header().Set("Location", "https://sso.example.com/logout?id_token_hint="+so.hint(appClient))
		w.WriteHeader(302)
	}})
	so.op.SetIssuer("https://sso.example.com")
	so.inProcess()
	so.jar.cookies = slices.DeleteFunc(so.jar.cookies, func(c jarCookie) bool { return c.name == "op_session" })
	session := so.op.SignIn("ana")
	so.sid = so.op.SID(session)
	so.jar.store("sso.example.com", "/", true, []string{fmt.Sprintf("op_session=%s; Path=/; Secure", session.Value)})
	f := so.click()
	so.wantLanding(f)
	if strings.Contains(f.body, "sso.example.com/logout") || strings.Contains(f.body, "data-next") || so.op.HasSession(so.sid) {
		t.Errorf("%v %s", f.visited, f.body)
	}
	wantNoSecretsIn(t, so, f)
}

// TestOwnPageIsNoWayBack: RPI-33. A click on the app's own page, while the
// person is asked at the provider, is no proof of anything.
func TestOwnPageIsNoWayBack(t *testing.T) {
	var so *signOn
	so = newSignOn(t, signOnConfig{answer: func(w http.ResponseWriter, _ *http.Request) {
		expire(w)
		w.Header().Set("Location", so.op.Issuer()+"/logout?client_id=app&state=theirs&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye")
		w.WriteHeader(302)
	}})
	so.leave()
	if res := so.send(request("GET", "https://app.example.com/bye", "", clicked...)); bodyOf(t, res) != "app" || !so.isMarked() {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// TestLostMarkerIsTold: a browser that kept nothing of its logout, or came too
// late, reads that the single sign-on may be alive, and where to end it.
func TestLostMarkerIsTold(t *testing.T) {
	so := newSignOn(t, signOnConfig{})
	callback := so.next(so.step(so.leave()))
	so.jar.cookies = nil
	f := so.follow(so.jar, request("GET", callback, "", fromElsewhere...))
	if f.StatusCode != 200 || !strings.Contains(f.body, "may still be signed in") || !strings.Contains(f.body, `href="`+so.op.Issuer()+`/logout"`) || f.Header.Get("Clear-Site-Data") != "" {
		t.Errorf("%d %s", f.StatusCode, f.body)
	}
}

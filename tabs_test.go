package universallogout

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
	"github.com/universal-logout/caddy-universal-logout/internal/pages"
)

// stages are how far a browser may be when its user does something else.
var stages = map[string]func(*signOn) *http.Response{
	"before the question": func(so *signOn) *http.Response { return so.leave() },
	"after the question":  func(so *signOn) *http.Response { return so.step(so.leave()) },
	"before its logout":   func(so *signOn) *http.Response { return so.step(so.step(so.leave())) },
	"behind its logout":   func(so *signOn) *http.Response { return so.step(so.step(so.step(so.leave()))) },
	"the user is asked":   func(so *signOn) *http.Response { so.op.Misbehave(oidctest.Asks); return so.step(so.step(so.leave())) },
	"the question is over": func(so *signOn) *http.Response {
		so.op.Misbehave(oidctest.ConsentRequired)
		return so.step(so.step(so.leave()))
	},
}

// TestSecondClickGoesOn: who clicks again, or comes back by the Back button,
// before the single sign-on has ended presents no session any more. The logout
// goes on all the same, wherever the first click got to.
func TestSecondClickGoesOn(t *testing.T) {
	for where, leave := range stages {
		for by, again := range map[string]func(*signOn) followed{
			"link":                  (*signOn).click,
			"form":                  (*signOn).submit,
			"fetch, then what JSON": (*signOn).fetchThenHop,
			"Back, then link": func(so *signOn) followed {
				if res := so.send(request("GET", "https://app.example.com/", "", clicked...)); bodyOf(so.t, res) != "app" {
					so.t.Errorf("the app's page: %d %v", res.StatusCode, res.Header)
				}
				return so.click()
			},
		} {
			t.Run(where+" × "+by, func(t *testing.T) {
				t.Parallel()
				so := newSignOn(t, signOnConfig{})
				leave(so)
				so.op.Misbehave(oidctest.Behaves)
				f := again(so)
				so.wantLanding(f)
				if so.op.Sessions() != 0 || strings.Contains(f.body, "may still be signed in") {
					t.Errorf("the single sign-on is alive: %s\n%s", strings.Join(f.visited, "\n"), f.body)
				}
				if so.isMarked() {
					t.Error("still under way in the browser")
				}
				if !strings.Contains(f.body, "app.example.com has ended your session") {
					t.Errorf("does not say what the first click did: %s", f.body)
				}
			})
		}
	}
}

// TestReloadedAnswersDoNothing: the provider's answers count once.
func TestReloadedAnswersDoNothing(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{})
	callback := so.next(so.step(so.leave()))
	f := so.follow(so.jar, request("GET", callback, "", clicked...))
	so.wantEnded(f)
	asked := len(so.op.Seen())
	so.setCookie("sessionid=two")
	for _, address := range f.visited {
		if !strings.HasPrefix(address, oursAtApp) || strings.HasPrefix(address, oursAtApp+"/done") {
			continue
		}
		res := so.send(request("GET", address, "", clicked...))
		if path := mustURL(address).Path; strings.HasSuffix(path, "/callback") {
			// As far as this browser knows, the provider was never asked to end anything.
			wantUntouched(t, path, res)
			if body := bodyOf(t, res); res.StatusCode != 200 || !strings.Contains(body, "may still be signed in") {
				t.Errorf("%s: %d %s", path, res.StatusCode, body)
			}
		} else {
			wantBare(t, path, res)
		}
	}
	if len(so.op.Seen()) != asked || !so.has("sessionid=two") {
		t.Errorf("%d more requests to the provider, %v", len(so.op.Seen())-asked, so.jar.names())
	}
}

// TestAnotherTabsLogoutGoesOn: two logouts of one browser share one marker,
// which is the second's. What comes back for the first leaves it alone.
func TestAnotherTabsLogoutGoesOn(t *testing.T) {
	begin := func(t *testing.T) (so *signOn, first, second *http.Response) {
		t.Parallel()
		so = newSignOn(t, signOnConfig{})
		first = so.leave()
		so.app.login("two")
		so.setCookie("sessionid=two")
		return so, first, so.leave()
	}
	t.Run("the first comes back first", func(t *testing.T) {
		so, first, second := begin(t)
		wantBare(t, "the first tab", so.step(so.step(first)))
		if !so.isMarked() {
			t.Fatal("the second tab's logout is over")
		}
		so.wantEnded(so.follow(so.jar, request("GET", so.next(second), "", clicked...)))
	})
	t.Run("the second comes back first", func(t *testing.T) {
		so, first, second := begin(t)
		so.wantEnded(so.follow(so.jar, request("GET", so.next(second), "", clicked...)))
		// Nothing is kept of it any more: it does not know what the second has done.
		last := so.step(so.step(first))
		if body := bodyOf(t, last); last.StatusCode != 200 || !strings.Contains(body, "may still be signed in") || last.Header.Get("Clear-Site-Data") != "" || len(last.Header["Set-Cookie"]) != 0 {
			t.Errorf("the first tab: %d %v", last.StatusCode, last.Header)
		}
	})
	t.Run("by turns", func(t *testing.T) {
		so, first, second := begin(t)
		first, second = so.step(first), so.step(second)
		wantBare(t, "the first tab", so.step(first))
		so.wantEnded(so.follow(so.jar, request("GET", so.next(second), "", clicked...)))
	})
}

// TestFreshSessionIsLeftAlone: whoever signs in again while another tab is
// at the provider keeps what they have, however that tab comes back.
func TestFreshSessionIsLeftAlone(t *testing.T) {
	for where, leave := range stages {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{site: "clear_site_data storage cookies cache"})
			res := leave(so)
			so.op.Misbehave(oidctest.Behaves)
			so.setCookie("sessionid=fresh")
			if page := so.send(request("GET", "https://app.example.com/inbox", "", clicked...)); bodyOf(t, page) != "app" {
				t.Errorf("the app's page: %d %v", page.StatusCode, page.Header)
			}
			for res.Header.Get("Location") != "" {
				address := so.next(res)
				if res = so.step(res); !strings.HasPrefix(address, so.op.Issuer()) {
					wantUntouched(t, mustURL(address).Path, res)
				}
			}
			if !so.has("sessionid=fresh") {
				t.Errorf("left in the browser: %v", so.jar.names())
			}
		})
	}
	for _, answer := range []string{"error=login_required", "error=consent_required", "code=c"} {
		t.Run("the question is answered with "+answer, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{})
			state := so.stateOf(so.leave())
			so.setCookie("sessionid=fresh")
			res := so.send(request("GET", oursAtApp+"/callback?"+answer+"&iss="+url.QueryEscape(so.op.Issuer())+"&state="+state, "", fromElsewhere...))
			for wantUntouched(t, answer, res); res.Header.Get("Location") != ""; {
				address := so.next(res)
				if res = so.step(res); !strings.HasPrefix(address, so.op.Issuer()) {
					wantUntouched(t, answer, res)
				}
			}
			if !so.has("sessionid=fresh") {
				t.Errorf("left in the browser: %v", so.jar.names())
			}
		})
	}
}

// TestHopBesideFreshSession: a session that the script's logout does not know
// may be a fresh login. It is left alone, and so is the single sign-on behind
// it; the page says so and has the way to end that one.
func TestHopBesideFreshSession(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{})
	var answer pages.Answer
	if err := json.Unmarshal([]byte(so.fetch()), &answer); err != nil {
		t.Fatal(err)
	}
	so.setCookie("sessionid=fresh")
	res := so.send(request("GET", answer.FrontChannelLogoutURL, "", clicked...))
	wantUntouched(t, "/hop", res)
	page := so.step(res)
	wantUntouched(t, "/done", page)
	body := bodyOf(t, page)
	if so.op.Sessions() != 1 || !so.has("sessionid=fresh") {
		t.Errorf("%d sessions at the provider, %v", so.op.Sessions(), so.jar.names())
	}
	if page.StatusCode != 200 || !strings.Contains(body, "may still be signed in") || hrefIn(body, so.op.Issuer()+"/logout") == "" || strings.Contains(body, "data-next") {
		t.Errorf("%d %s", page.StatusCode, body)
	}
}

// TestPendingVisitIsToldAndEnded: a script that goes to redirect_url, and not
// where it should, leads its user to a page that says what is left to do, has
// a link for it, and takes nothing away that the link needs.
func TestPendingVisitIsToldAndEnded(t *testing.T) {
	for _, clears := range []string{"storage", "cookies storage", "cookies cache"} {
		t.Run(clears, func(t *testing.T) {
			t.Parallel()
			so := newSignOn(t, signOnConfig{site: "clear_site_data " + clears + "\nreturn_to /welcome"})
			var answer pages.Answer
			if err := json.Unmarshal([]byte(so.fetch()), &answer); err != nil {
				t.Fatal(err)
			}
			page := so.send(request("GET", "https://app.example.com"+answer.RedirectURL, "", clicked...))
			body := bodyOf(t, page)
			if page.StatusCode != 200 || !strings.Contains(body, "may still be signed in") || strings.Contains(body, "data-next") {
				t.Errorf("%d %s", page.StatusCode, body)
			}
			if strings.Contains(page.Header.Get("Clear-Site-Data"), "cookies") {
				t.Errorf("clears %s before the provider was visited (CSD-06)", page.Header.Get("Clear-Site-Data"))
			}
			hop := hrefIn(body, "/.universal-logout/hop?t=")
			if hop == "" {
				t.Fatalf("no link: %s", body)
			}
			f := so.follow(so.jar, request("GET", "https://app.example.com"+hop, "", clicked...))
			so.wantEnded(f)
			if got := f.Header.Get("Clear-Site-Data"); strings.Contains(clears, "cookies") != strings.Contains(got, "cookies") {
				t.Errorf("in the end it clears %s", got)
			}
		})
	}
}

// TestManyLogoutsAtOnce: none of them loses its way to the provider.
func TestManyLogoutsAtOnce(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{timeout: 20 * time.Second})
	hint := so.hint(edgeClient)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			cookies := "Cookie: sessionid=one"
			if i%2 == 0 {
				cookies += "; idToken=" + hint
			}
			res := so.do(request("GET", "https://app.example.com/logout", "", with(clicked, cookies)...))
			if res.StatusCode != 303 || !strings.HasPrefix(res.Header.Get("Location"), so.op.Issuer()) {
				t.Errorf("%d %s", res.StatusCode, res.Header.Get("Location"))
			}
		})
	}
	all.Wait()
}

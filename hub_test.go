package universallogout

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"
)

// TestHubCarriesTheRegisteredAddresses: the provider knows the hub alone;
// the site begins and finishes.
func TestHubCarriesTheRegisteredAddresses(t *testing.T) {
	t.Parallel()
	so := newHub(t)
	f := so.click()
	so.wantEnded(f)
	want := []string{"/logout", "/.universal-logout/hop", "/.universal-logout/hop", "/auth", "/.universal-logout/callback", "/.universal-logout/callback", "/logout", "/.universal-logout/return", "/.universal-logout/return", "/.universal-logout/done"}
	if got := paths(f.visited); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("visited %v", got)
	}
	if q := so.visits("/auth")[0].Query; q.Get("redirect_uri") != hubSite+"/.universal-logout/callback" {
		t.Errorf("redirect_uri is %s", q.Get("redirect_uri"))
	}
	if q := so.visits("/logout")[0].Query; q.Get("post_logout_redirect_uri") != hubSite+"/.universal-logout/return" {
		t.Errorf("post_logout_redirect_uri is %s", q.Get("post_logout_redirect_uri"))
	}
	for i, address := range f.visited {
		host := strings.Split(address, "/")[2]
		if viaHub := host == "logout.example.com"; viaHub != (i == 4 || i == 7) {
			t.Errorf("number %d of the way is %s", i+1, address)
		}
	}
	for _, r := range so.op.Seen("/token") {
		if r.Form.Get("redirect_uri") != hubSite+"/.universal-logout/callback" {
			t.Errorf("the code was redeemed for %s", r.Form.Get("redirect_uri"))
		}
	}
	for _, c := range so.jar.cookies {
		if c.domain == "logout.example.com" {
			t.Errorf("the hub has left %s", c.name)
		}
	}
}

// TestHubForwardsWhatBelongs: code, state, error and iss go to the site of the
// sealed state, nothing else and nowhere else.
func TestHubForwardsWhatBelongs(t *testing.T) {
	t.Parallel()
	so := newHub(t)
	state, _ := so.begin("https://other.example.com")
	const more = "&next=https%3A%2F%2Fevil.example%2F&id_token=eyJ&session_state=x&state2=y&error_description=%3Cscript%3E&code2=z"
	for _, path := range []string{"/callback", "/return"} {
		r := request("GET", hubSite+"/.universal-logout"+path+"?code=c%2Bd&iss=https%3A%2F%2Fsso&error=e&state="+state+more, "", with(clicked, "Cookie: sessionid=x; other=y")...)
		res := so.do(r)
		u, err := url.Parse(res.Header.Get("Location"))
		if err != nil || res.StatusCode != 303 {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		want := url.Values{"code": {"c+d"}, "iss": {"https://sso"}, "error": {"e"}, "state": {state}}
		if u.Scheme+"://"+u.Host+u.Path != "https://other.example.com/.universal-logout"+path || u.Query().Encode() != want.Encode() {
			t.Errorf("forwards to %s", u)
		}
		if len(res.Header["Set-Cookie"]) != 0 || res.Header.Get("Clear-Site-Data") != "" || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%v", res.Header)
		}
	}
	if len(so.op.Seen("/token")) != 0 {
		t.Error("the hub redeemed the code")
	}
}

// TestHubForwardsNothingElse: whatever is not sealed by us, or too old, ends
// at the hub, on a page that says little.
func TestHubForwardsNothingElse(t *testing.T) {
	t.Parallel()
	so := newHub(t)
	c := so.turnable()
	state, _ := so.begin("https://app.example.com")
	wantBare := func(name, address string, headers ...string) {
		t.Helper()
		res := so.do(request("GET", address, "", with(clicked, headers...)...))
		body := bodyOf(t, res)
		if res.StatusCode != 200 || !strings.Contains(body, `data-page="landing"`) || res.Header.Get("Location") != "" || res.Header.Get("Clear-Site-Data") != "" || strings.Contains(body, "evil") {
			t.Errorf("%s: %d %v %s", name, res.StatusCode, res.Header, body)
		}
	}
	sealed := so.site.app.process.keys
	for name, state := range map[string]string{
		"none":             "",
		"junk":             "junk",
		"cut":              state[:len(state)-2],
		"with more":        state + "AA",
		"for another use":  sealed.Seal("landing", []byte(`{"i":"x","s":"https://app.example.com","m":`+timestamp()+`}`)),
		"of no time":       sealed.Seal("state", []byte(`{"i":"x","s":"https://app.example.com"}`)),
		"of the future":    sealed.Seal("state", []byte(`{"i":"x","s":"https://app.example.com","m":9999999999}`)),
		"no JSON":          sealed.Seal("state", []byte(`https://app.example.com`)),
		"plain, not ours":  `{"i":"x","s":"https://evil.example","m":` + timestamp() + `}`,
		"of the hub alone": sealed.Seal("state", []byte(`{"i":"x","s":"`+hubSite+`","m":`+timestamp()+`}`)),
	} {
		for _, path := range []string{"/callback", "/return"} {
			wantBare(name, hubSite+"/.universal-logout"+path+"?code=c&next=https://evil.example&state="+url.QueryEscape(state))
		}
	}
	// At a site that is no hub, a state of another site is nothing.
	wantBare("another site's state", "https://other.example.com/.universal-logout/callback?code=c&state="+state, "Cookie: sessionid=fresh")
	c.turn(journey.VisitLifetime + time.Second)
	wantBare("expired", hubSite+"/.universal-logout/callback?code=c&state="+state)

	res := so.do(request("POST", hubSite+"/.universal-logout/callback?code=c&state="+state, "", clicked...))
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", res.StatusCode)
	}
	if len(so.op.Seen("/token")) != 0 {
		t.Error("a code was redeemed")
	}
}

// TestTwoSitesShareAHub: each browser goes back to the site that it came from,
// also if both are under way in one.
func TestTwoSitesShareAHub(t *testing.T) {
	t.Parallel()
	so := newHub(t)
	stateOfApp, j := so.begin("https://app.example.com")
	stateOfOther, other := so.begin("https://other.example.com")
	j.cookies = append(j.cookies, other.cookies...)
	for state, site := range map[string]string{stateOfApp: "https://app.example.com/", stateOfOther: "https://other.example.com/"} {
		f := so.follow(j, request("GET", hubSite+"/.universal-logout/callback?error=login_required&iss="+url.QueryEscape(so.op.Issuer())+"&state="+state, "", clicked...))
		last := f.visited[len(f.visited)-1]
		if f.StatusCode != 200 || !strings.HasPrefix(last, site) || !strings.Contains(f.body, "no session at") {
			t.Errorf("ends at %s with %d", last, f.StatusCode)
		}
	}
}

package universallogout

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
)

const oursAtApp = "https://app.example.com/.universal-logout"

// send is one request of the browser, whose answer leads nowhere by itself.
func (so *signOn) send(r *http.Request) *http.Response {
	so.t.Helper()
	host, https := r.URL.Hostname(), r.URL.Scheme == "https"
	if cookies := so.jar.header(host, r.URL.Path, https); cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	at := so.do
	if strings.HasPrefix(r.URL.String(), so.op.Issuer()) {
		at = so.atProvider
	}
	res := at(r)
	so.jar.store(host, r.URL.Path, https, res.Header["Set-Cookie"])
	return res
}

// step goes where an answer leads, once.
func (so *signOn) step(res *http.Response) *http.Response {
	so.t.Helper()
	return so.send(request("GET", so.next(res), "", clicked...))
}

func (so *signOn) next(res *http.Response) string {
	so.t.Helper()
	u, err := mustURL(oursAtApp).Parse(res.Header.Get("Location"))
	if err != nil || res.Header.Get("Location") == "" {
		so.t.Fatalf("leads nowhere: %d %v", res.StatusCode, res.Header)
	}
	return u.String()
}

// stateOf is what an answer gives the browser to carry to the provider.
func (so *signOn) stateOf(res *http.Response) string {
	so.t.Helper()
	return mustURL(so.next(res)).Query().Get("state")
}

// leave begins a logout by a link and stops in front of the provider.
func (so *signOn) leave() *http.Response {
	so.t.Helper()
	res := so.send(request("GET", "https://app.example.com/logout", "", clicked...))
	if !strings.HasPrefix(res.Header.Get("Location"), so.op.Issuer()) {
		so.t.Fatalf("does not go to the provider: %d %v", res.StatusCode, res.Header)
	}
	return res
}

func (so *signOn) isMarked() bool {
	return slices.Contains(so.jar.names(), "__Host-universal-logout-marker")
}

// has reports whether the browser has a cookie of the app, as name=value.
func (so *signOn) has(pair string) bool {
	return slices.Contains(strings.Split(so.jar.header("app.example.com", "/", true), "; "), pair)
}

// wantUntouched: an answer clears nothing and deletes no cookie but ours.
func wantUntouched(t testing.TB, what string, res *http.Response) {
	t.Helper()
	if clears := res.Header.Get("Clear-Site-Data"); clears != "" {
		t.Errorf("%s: clears %s", what, clears)
	}
	for _, line := range res.Header["Set-Cookie"] {
		if name, _, _ := strings.Cut(line, "="); !cookie.IsOwn(name) {
			t.Errorf("%s: sets %s", what, name)
		}
	}
}

// wantBare is the landing page of nobody's logout.
func wantBare(t testing.TB, what string, res *http.Response) {
	t.Helper()
	wantUntouched(t, what, res)
	if body := bodyOf(t, res); res.StatusCode != 200 || !strings.Contains(body, `data-page="landing"`) || strings.Contains(body, "which signs you in") || strings.Contains(body, "data-next") {
		t.Errorf("%s: %d %v %s", what, res.StatusCode, res.Header, body)
	}
}

// queryOf is what an address that leads to an endpoint of the provider says.
func (so *signOn) queryOf(res *http.Response, endpoint string) url.Values {
	so.t.Helper()
	u := mustURL(so.next(res))
	if got := u.Scheme + "://" + u.Host + u.Path; got != so.op.Issuer()+endpoint {
		so.t.Fatalf("leads to %s, not to %s", got, endpoint)
	}
	return u.Query()
}

package universallogout

import (
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/logoutpath"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// FuzzProviderAnswers: whatever comes back from a provider, or from whoever
// says to be one, ends on a page or goes to an address that is known. STATE
// and MARKER in the input become those of a logout that is under way, so that
// the fuzzer gets behind the seal.
func FuzzProviderAnswers(f *testing.F) {
	for _, query := range []string{
		"code=c&state=STATE", "code=c&state=STATE&iss=https%3A%2F%2Fevil.example", "error=login_required&state=STATE", "error=consent_required&state=STATE",
		"error=login_required&error=x&state=STATE&state=x", "state=STATE", "state=", "", "%zz;&&=&state=%ff%00", "t=STATE", "t=STATE&t=x", "code=%0d%0aX%3a+y&state=STATE",
		"state=STATE&next=//evil.example&post_logout_redirect_uri=https://evil.example", "state=<script>alert(1)</script>",
	} {
		for path := range backPaths {
			f.Add(uint8(path), query, "__Host-universal-logout-marker=MARKER; sessionid=one", false)
		}
	}
	f.Add(uint8(0), "code=c&state=STATE", "sessionid=fresh; __Host-universal-logout-marker=MARKER; __Host-universal-logout-marker=x", true)
	f.Add(uint8(1), "state=STATE", `__Host-universal-logout-marker="MARKER"; =; ;`, true)
	f.Add(uint8(2), "t=STATE", "__Host-universal-logout-marker=MARKERx; universal-logout-marker=MARKER", false)
	so := newSignOn(f, signOnConfig{})
	if _, err := so.asks(); err != nil {
		f.Fatal(err)
	}
	own := origin.Origin{Scheme: "https", Host: "app.example.com"}
	a, began := so.site.app, so.site.app.now()
	stages := map[string]string{"/callback": journey.StageHint, "/return": journey.StageEnd, "/hop": ""}
	known := []string{so.op.Issuer() + "/logout", so.op.Issuer() + "/auth", "https://app.example.com/"}
	f.Fuzz(func(t *testing.T, which uint8, query, cookies string, framed bool) {
		if len(query) > 4096 || len(cookies) > 8192 {
			return
		}
		path := backPaths[int(which)%len(backPaths)]
		j := journey.Journey{
			Visit: &journey.Visit{Provider: "main", Clients: []journey.Client{{ID: edgeClient}}, Stage: stages[path], ID: "id", Nonce: "n", Verifier: "v"},
			Sweep: journey.Sweep{Host: own.Host, Made: began.Unix(), Landing: &journey.Landing{ID: "x", Host: own.Host, Began: began.Unix(), Outcome: outcome.Ended, Target: "/bye", GoesOn: true, Browser: "b"}},
		}
		query = strings.ReplaceAll(query, "STATE", a.seals.SealState(j.Visit, own))
		marker, _ := a.seals.SealMarker(own, j, journey.VisitLifetime)
		_, marker, _ = strings.Cut(marker, "=")
		marker, _, _ = strings.Cut(marker, ";")
		cookies = strings.ReplaceAll(cookies, "MARKER", marker)
		r := request("GET", "https://app.example.com/.universal-logout"+path, "", clicked...)
		r.URL.RawQuery, r.RequestURI = query, r.URL.Path+"?"+query
		r.Header["Cookie"] = []string{cookies}
		if framed {
			r.Header.Set("Sec-Fetch-Dest", "iframe")
		}
		here := *so.site
		here.t = t // not f
		res := here.do(r)
		body := bodyOf(t, res)
		switch res.StatusCode {
		case 200, 303:
			if framed {
				t.Errorf("answers a frame with %d", res.StatusCode)
			}
		case 405:
		default:
			t.Errorf("%s?%s: %d", path, query, res.StatusCode)
		}
		if location := res.Header.Get("Location"); location != "" && !isKnownPlace(location, known) {
			t.Errorf("%s?%s goes to %q", path, query, location)
		}
		for _, line := range append(res.Header["Set-Cookie"], res.Header["Location"]...) {
			if strings.ContainsAny(line, "\r\n\x00") {
				t.Errorf("header %q", line)
			}
		}
		if next := metaRefresh(body); next != "" && next != "/bye" && !isKnownPlace(next, known) {
			t.Errorf("%s?%s: the page goes on to %q", path, query, next)
		}
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "evil.example") {
			t.Errorf("%s?%s: reflected: %s", path, query, body)
		}
	})
}

var backPaths = []string{"/callback", "/return", "/hop"}

func isKnownPlace(location string, known []string) bool {
	u, err := url.Parse(location)
	if err != nil || strings.ContainsAny(location, "\\ ") {
		return false
	}
	if u.Scheme == "" && u.Host == "" {
		return strings.HasPrefix(location, "/.universal-logout/done") || strings.HasPrefix(location, "/logout?"+logoutpath.OwnParameter+"=")
	}
	for _, place := range known {
		if origin.SameEndpoint(location, place) {
			return true
		}
	}
	return false
}

package universallogout

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/journey"
	"github.com/universal-logout/caddy-universal-logout/internal/origin"
	"github.com/universal-logout/caddy-universal-logout/internal/sites"
	"github.com/universal-logout/caddy-universal-logout/internal/tour"
)

// FuzzTourForms: whatever comes in a hop's form or in a script's question, from
// the very page that may ask, only a token of ours does anything.
func FuzzTourForms(f *testing.F) {
	app := newSessions(f, endsSession)
	s := newSite(f, "", `one.example.com, two.example.com, shop.example.net {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	res := s.do(request("GET", "https://one.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...))
	fields := formField.FindAllStringSubmatch(bodyOf(f, res), -1)
	token := fields[0][2]
	word := s.app.seals.SealReport(tour.Report{ID: "another", AppNo: 1, Result: tour.Ended})
	for _, seed := range []string{
		"", "t=", "t=" + token[:len(token)-1], "t=" + token + "A&o=asked", "o=asked&t=%", token[1:], token[:40] + "\nover", "\n\n", "x\n" + word,
		"t=" + url.QueryEscape(s.app.process.keys.Seal("tour", []byte(`{"i":"x","p":-1,"a":"AAAA","m":99999999999}`))),
		s.app.process.keys.Seal("tour", []byte(`{}`)), s.app.process.keys.Seal("word", []byte(`{}`)), strings.Repeat("t=x&", 20000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, token) {
			return // no seed has it
		}
		for _, r := range []*http.Request{
			request("POST", "https://shop.example.net/.universal-logout/hop", body, "Origin: https://one.example.com", "Sec-Fetch-Site: cross-site",
				"Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Content-Type: application/x-www-form-urlencoded", "Cookie: sessionid=two"),
			request("POST", "https://two.example.com/.universal-logout/site", body, "Origin: https://one.example.com", "Sec-Fetch-Site: same-site",
				"Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Cookie: sessionid=two"),
		} {
			here := *s
			here.t = t
			res := here.do(r)
			if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusOK || len(res.Header["Set-Cookie"]) != 0 || res.Header.Get("Clear-Site-Data") != "" {
				t.Errorf("%s: %d %v", r.URL, res.StatusCode, res.Header)
			}
		}
	})
}

// FuzzWords: what a page says of the sites it asked changes nothing but what
// became of these, and never panics.
func FuzzWords(f *testing.F) {
	app := newSessions(f, endsSession)
	s := newSite(f, "", `one.example.com, two.example.com, shop.example.net {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	r := request("GET", "https://one.example.com/logout", "", clicked...)
	s.do(r) // all is known from here on
	var srv *sites.Server
	for _, srv = range s.app.registry().servers {
		if srv.HTTPS {
			break
		}
	}
	it := s.app.itineraryFrom(srv, origin.Parse("https://one.example.com"), defaultGroup)
	begun := tour.Tour{ID: "logout", Group: defaultGroup, Server: srv.Name, Start: "https://one.example.com", Digest: it.Digest, Results: make([]byte, it.Apps)}
	for _, seed := range []string{
		"", "asked", "asked over", "skip:2 asked", "skip:-1 skip:99999999999999999999 skip:0 skip:1", "asked " + s.app.seals.SealReport(tour.Report{ID: "logout", AppNo: 99}),
		s.app.seals.SealReport(tour.Report{ID: "logout", AppNo: -1, Result: 255}), s.app.seals.SealReport(tour.Report{ID: "logout", AppNo: 1, Result: 255}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		after := begun.Clone()
		after.Merge(&it, said, s.app.seals.OpenReport)
		if after.Result(0) != tour.Unvisited && said == "" || len(after.Results) != it.Apps || after.Next(&it) >= len(it.Stops) {
			t.Errorf("%v", after)
		}
		s.app.landingPage(journey.Landing{Tour: after, Host: "one.example.com"}, "")
	})
}

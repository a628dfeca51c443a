package universallogout

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TestSeveralApps: several directives on one host, in blocks and by matcher;
// the one that knows the app best answers, and the app hears of it once.
func TestSeveralApps(t *testing.T) {
	root, sub := newSessions(t, endsSession), newSessions(t, endsSession)
	s := newSite(t, "", `example.com {
		universal_logout {
			return_to /root
		}
		universal_logout /wiki/* {
			return_to /wiki/bye
		}
		handle_path /grafana/* {
			universal_logout {
				return_to /grafana/bye
			}
			reverse_proxy `+sub.addr()+`
		}
		@admin path /admin/*
		handle @admin {
			universal_logout {
				paths /admin/logout /logout
				return_to /admin/bye
			}
			reverse_proxy `+sub.addr()+`
		}
		handle {
			reverse_proxy `+root.addr()+`
		}
	}
	inner.example.com {
		universal_logout {
			return_to /outer
		}
		handle {
			universal_logout {
				return_to /inner
			}
			reverse_proxy `+root.addr()+`
		}
	}`)
	for _, tc := range []struct {
		url, target string
		app         *sessions
		appPath     string
	}{
		{"https://example.com/logout", "/root", root, "/logout"},
		{"https://example.com/wiki/logout", "/wiki/bye", root, "/wiki/logout"},
		{"https://example.com/grafana/logout", "/grafana/bye", sub, "/logout"},
		{"https://example.com/admin/logout", "/admin/bye", sub, "/admin/logout"},
		{"https://inner.example.com/logout", "/inner", root, "/logout"},
	} {
		t.Run(tc.url, func(t *testing.T) {
			before := len(tc.app.requests())
			j := &jar{now: time.Now()}
			host := strings.Split(tc.url, "/")[2]
			j.store(host, "/", true, []string{"sessionid=one; Path=/", "remember_token=x; Path=/grafana/"})
			f := s.follow(j, request("GET", tc.url, "", clicked...))
			if got := metaRefresh(f.body); got != tc.target {
				t.Errorf("goes on to %q, want %q", got, tc.target)
			}
			heard := slices.DeleteFunc(tc.app.requests()[before:], func(r *http.Request) bool { return r.URL.Path != tc.appPath })
			if len(heard) != 1 { // what the site's other apps heard is another matter
				t.Errorf("the app heard %d times, of %v", len(heard), heard)
			}
			if strings.Contains(j.header(host, "/", true), "sessionid") {
				t.Error("the session cookie is left")
			}
			if strings.Contains(tc.url, "grafana") && len(j.cookies) != 0 {
				t.Errorf("left: %v", j.cookies)
			}
		})
	}
	t.Run("confirmation names what the browser asked for", func(t *testing.T) {
		res := s.do(request("GET", "https://example.com/grafana/logout?x=1", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"))
		if page := bodyOf(t, res); !strings.Contains(page, `action="/grafana/logout"`) {
			t.Error(page)
		}
	})
}

// TestWildcardAndHostless: nothing is built from a Host header that a client
// made up.
func TestWildcardAndHostless(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `https:// {
		universal_logout
		reverse_proxy `+app.addr()+`
	}`)
	for _, host := range []string{"a.example.com", "evil.example", "xn--bcher-kva.example", "a..b", "..", `a"b`, "a;b=c", "[::1]", "example.com:1234"} {
		r := request("GET", "https://x/logout", "", with(clicked, "Cookie: sessionid=one")...)
		r.Host = host
		res := s.do(r)
		if res.StatusCode == http.StatusBadRequest {
			continue // Caddy takes no such Host
		}
		if location := res.Header.Get("Location"); !strings.HasPrefix(location, "/.universal-logout/done?t=") {
			t.Errorf("%s: %d, Location %q", host, res.StatusCode, location)
		}
		for _, line := range res.Header["Set-Cookie"] {
			if strings.ContainsAny(host, `;"`) && strings.Contains(line, host) {
				t.Errorf("%s: %s", host, line)
			}
		}
	}
}

// TestSlowHandler: one that ignores that it was cancelled is left behind.
func TestSlowHandler(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	stuck := newSessions(t, nil)
	s := newSite(t, "universal_logout {\n timeout 100ms\n}", `app.example.com {
		universal_logout
		reverse_proxy `+stuck.addr()+`
	}`)
	for by, c := range callers {
		answer := make(chan *http.Response, 1)
		h := s.handlers()[0]
		go func() {
			answer <- s.serveWith(h, stubborn{release}, request(c.method, "https://app.example.com/logout", c.body, with(c.headers, "Cookie: sessionid=one")...))
		}()
		select {
		case res := <-answer:
			if res.StatusCode/100 > 3 || !strings.Contains(fmt.Sprint(res.Header["Set-Cookie"]), "sessionid=;") {
				t.Errorf("%s: %d %v", by, res.StatusCode, res.Header)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: no answer", by)
		}
	}
}

// TestNestedTiming: a handler in a block may not take over when the one of the
// site has given up, and has no time of its own.
func TestNestedTiming(t *testing.T) {
	for name, tc := range map[string]struct {
		wait, took time.Duration
	}{
		"too late to take over": {150 * time.Millisecond, 500 * time.Millisecond},
		"just in time":          {60 * time.Millisecond, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "universal_logout {\n timeout 100ms\n}", "app.example.com {\n universal_logout\n}")
			outer := s.handlers()[0]
			inner := *outer
			inner.Role = roleApp
			hangs := caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error { <-r.Context().Done(); return r.Context().Err() })
			slow := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				time.Sleep(tc.wait) // what is slow before the inner handler does not look at its context
				return inner.ServeHTTP(w, r, hangs)
			})
			began := time.Now()
			res := s.serveWith(outer, slow, request("GET", "https://app.example.com/logout", "", with(clicked, "Cookie: sessionid=one")...))
			if took := time.Since(began); res.StatusCode != 303 || took > tc.took {
				t.Errorf("%d after %s", res.StatusCode, took)
			}
		})
	}
}

// TestNestedBreakOff: half an answer looks like half an answer, also when the
// handler in a block passed it on.
func TestNestedBreakOff(t *testing.T) {
	s := newSite(t, "", "app.example.com {\n universal_logout\n}")
	outer := s.handlers()[0]
	inner := *outer
	inner.Role = roleApp
	breaks := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write(make([]byte, 200<<10))
		panic(http.ErrAbortHandler)
	})
	nested := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return inner.ServeHTTP(w, r, breaks) })
	for name, next := range map[string]caddyhttp.Handler{"flat": breaks, "nested": nested} {
		func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler {
					t.Errorf("%s: ends with %v", name, p)
				}
			}()
			s.serveWith(outer, next, request("POST", "https://app.example.com/logout", "", with(fetched, "Cookie: sessionid=one")...))
		}()
	}
}

// TestMatcherAroundLogout: what is left to expire does not get to the app
// because a matcher is about another method.
func TestMatcherAroundLogout(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		@post method POST
		universal_logout @post
		reverse_proxy `+app.addr()+`
	}`)
	j := &jar{now: time.Now()}
	for i := range 40 {
		j.store("app.example.com", "/", true, []string{fmt.Sprintf("c%d=%d%s; Path=/; Domain=example.com", i, i, credential)})
	}
	f := s.follow(j, request("POST", "https://app.example.com/logout", "", submitted...))
	if got := app.requests(); len(j.cookies) != 0 || len(got) != 1 || f.StatusCode != 200 {
		t.Errorf("%d, left %v, the app saw %d requests", f.StatusCode, j.names(), len(got))
	}
}

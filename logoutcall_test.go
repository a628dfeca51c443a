package universallogout

import (
	"fmt"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/appcall"
	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/inbound"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

const shortCall = "logout_call POST /logout {\ntimeout 300ms\n}"

// TestCallFaults: whatever an app does, a call is over in time and says what
// became of the session.
func TestCallFaults(t *testing.T) {
	for name, app := range appStates {
		for by, block := range map[string]string{"configured": shortCall, "derived": ""} {
			t.Run(name+" × "+by, func(t *testing.T) {
				t.Parallel()
				upstream := newSessions(t, app.answer)
				if app.answer == nil {
					upstream.Close()
				}
				s := endingSite(t, upstream.addr(), block)
				for _, h := range ours(s.http, "app.example.com") {
					h.run.call.Timeout = callTimeout
				}
				logged := s.observe()
				got := s.end("", "Cookie: sessionid=one")
				want := app.outcome
				if by == "derived" && (name == "404" || name == "405") {
					want = outcome.Cleared
				}
				if got.Outcome != want {
					t.Errorf("outcome %s, want %s", got.Outcome, want)
				}
				wantInTime(t, got.Took)
				if logged.Len() != map[bool]int{true: 1}[want == outcome.Failed] {
					t.Errorf("logged:\n%s", logsOf(logged))
				}
				if tooSlow := strings.Contains(logsOf(logged), "did not answer in time"); tooSlow != (name == "hangs") {
					t.Errorf("logged:\n%s", logsOf(logged))
				}
			})
		}
	}
}

// TestCallHandlers: handlers that panic, do not look at their context or write
// after they were left behind; no goroutine of ours stays longer than they do.
func TestCallHandlers(t *testing.T) {
	release := make(chan struct{})
	s := endingSite(t, "127.0.0.1:1", shortCall)
	h := ours(s.http, "app.example.com")[0]
	logged := s.observe()
	presented := []cookie.Cookie{{Name: "sessionid", Value: "one"}}
	for name, tc := range map[string]struct {
		next caddyhttp.HandlerFunc
		want outcome.Outcome
		says string
	}{
		"panics":   {func(http.ResponseWriter, *http.Request) error { panic("a bug") }, outcome.Failed, "a handler behind us panicked"},
		"aborts":   {func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }, outcome.Failed, "did not end its session"},
		"stubborn": {stubborn{release}.ServeHTTP, outcome.Failed, "did not answer in time"},
		"writes and panics": {func(w http.ResponseWriter, _ *http.Request) error {
			expire(w)
			w.WriteHeader(204)
			panic(http.ErrAbortHandler)
		}, outcome.Ended, ""},
		"ends and stays": {func(w http.ResponseWriter, r *http.Request) error {
			expire(w)
			w.WriteHeader(204)
			return stubborn{release}.ServeHTTP(w, r)
		}, outcome.Ended, ""},
		"cancelled": {func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		}, outcome.Failed, "did not answer in time"},
		"has no deadline": {func(w http.ResponseWriter, r *http.Request) error {
			if _, has := r.Context().Deadline(); !has && nested.IsOwnCall(r) {
				expire(w)
			}
			return nil
		}, outcome.Ended, ""},
		"flushes, and says 1xx first": {func(w http.ResponseWriter, _ *http.Request) error {
			_ = http.NewResponseController(w).Flush()
			w.WriteHeader(103)
			expire(w)
			if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
				t.Error("a handler has a connection")
			}
			return nil
		}, outcome.Ended, ""},
	} {
		r := request("POST", "https://app.example.com/hop", "", "Cookie: sessionid=one")
		s.serveWith(h, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
			from := appcall.BrowserOf(r, inbound.Origin(r))
			began := time.Now()
			got := h.ending().End(from, tc.next, inbound.Origin(r), "", presented)
			wantInTime(t, time.Since(began))
			if got.Outcome != tc.want {
				t.Errorf("%s: %s", name, got.Outcome)
			}
			return nil
		}), r)
		if said := logsOf(logged); said == "" != (tc.says == "") || !strings.Contains(said, tc.says) {
			t.Errorf("%s: logged %s", name, said)
		}
		logged.TakeAll()
	}
	close(release)
	eventually(t, "nothing of a call runs", func() bool { return !running(t, "appcall.Browser.send", "appcall.serveRecovered") })
}

// TestCallDoesNotStrike: that we did not wait any longer is no sign of a sick
// upstream; with a deadline it would be, and the site would answer 503.
func TestCallDoesNotStrike(t *testing.T) {
	app := newSessions(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s := newSite(t, "", `app.example.com {
		test_end_session
		universal_logout {
			`+shortCall+`
		}
		reverse_proxy `+app.addr()+` {
			fail_duration 30s
			max_fails 1
		}
	}`)
	if got := s.end("", "Cookie: sessionid=one"); got.Outcome != outcome.Failed {
		t.Errorf("%+v", got)
	}
	if res := s.do(request("GET", "https://app.example.com/page", "", clicked...)); res.StatusCode != 200 {
		t.Errorf("the site answers %d", res.StatusCode)
	}
}

// TestCallsAtOnce: many browsers, many calls from one request, while that
// request itself goes on through the same handlers. Without forward_auth: two
// proxies in one request race in Caddy itself, a dial that is not needed any
// more of the one with the other.
func TestCallsAtOnce(t *testing.T) {
	app := newSessions(t, endsSession)
	s := newSite(t, "", `app.example.com {
		test_end_session
		vars who alice
		universal_logout
		encode gzip
		map {path} {kind} {
			~/log.* logout
			default page
		}
		request_header X-Who {vars.who}
		handle /logout {
			universal_logout
			rewrite /internal/logout
			reverse_proxy `+app.addr()+`
		}
		handle {
			reverse_proxy `+app.addr()+`
		}
	}`)
	errs := make(chan string, 8)
	for range 8 {
		go func() {
			wrong := ""
			for range 25 {
				res := s.do(request("POST", "https://app.example.com/end?times=4", "", with(submitted, "Cookie: sessionid=one; theme=dark", "Accept-Encoding: gzip")...))
				if res.StatusCode != 200 || res.Header.Get("X-Wrong") != "" {
					wrong = fmt.Sprint(res.StatusCode, res.Header)
				}
			}
			errs <- wrong
		}()
	}
	for range 8 {
		if wrong := <-errs; wrong != "" {
			t.Error(wrong)
		}
	}
	if n := len(app.requests()); n != 8*25*5 {
		t.Errorf("the app saw %d requests", n)
	}
	eventually(t, "nothing of a call runs", func() bool { return !running(t, "appcall.Browser.send", "appcall.serveRecovered") })
}

// TestCallIsNotLoggedOverListener: over a real listener, with an access log: one line for
// the browser's request, none for ours, and no secret.
func TestCallIsNotLoggedOverListener(t *testing.T) {
	t.Setenv("UL_KEY", "s3cr3t-key")
	app := newSessions(t, nil)
	app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/form" {
			w.Header().Set("Set-Cookie", "csrftoken=s3cr3t-csrf")
			fmt.Fprint(w, `<input value="s3cr3t-token">`, strings.Repeat("x", 1<<20)) // more than is read
			return
		}
		w.WriteHeader(http.StatusForbidden)
	})
	_, log := listen(t, `app.localhost:9443 {
		log
		test_end_session
		universal_logout {
			logout_call POST /logout {
				csrf /form `+"`value=\"([^\"]+)\"`"+` field token
				body application/x-www-form-urlencoded key={env.UL_KEY}
			}
		}
		reverse_proxy `+app.addr()+`
	}`)
	for version, client := range clients(t) {
		res := send(t, client, "POST", "https://app.localhost:9443/end", "", "Cookie: sessionid=s3cr3t-session")
		if body := bodyOf(t, res); res.StatusCode != 200 || !strings.Contains(body, `"Outcome":"failed"`) {
			t.Errorf("%s: %d %s", version, res.StatusCode, body)
		}
	}
	checkLog(t, log, "s3cr3t")
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]int{`"handled request"`: 3, "logout_call: the app did not end its session": 3, "aborting with incomplete response": 0} {
		got := 0
		for line := range strings.SplitSeq(string(content), "\n") {
			if strings.Contains(line, what) && strings.Contains(line, "app.localhost") && !strings.Contains(line, `"level":"debug"`) {
				got++
			}
		}
		if got != want {
			t.Errorf("%d lines with %s, want %d", got, what, want)
		}
	}
}

// TestCallThroughFastCGI: PHP hears of a form what it hears from a browser.
func TestCallThroughFastCGI(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hang := make(chan struct{})
	defer close(hang)
	go serveFastCGI(l, hang)
	root := t.TempDir()
	if err := os.WriteFile(root+"/login.php", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for block, want := range map[string]outcome.Outcome{
		"paths POST /login.php?action=logout": outcome.Cleared, // nobody is who=ana
		"logout_call POST /login.php?action=logout {\nbody application/x-www-form-urlencoded who=ana\n}":    outcome.Ended,
		"logout_call POST /login.php?action=hang {\ntimeout 300ms\n}":                                       outcome.Failed,
		"logout_call POST /login.php?action=logout {\nbody application/x-www-form-urlencoded who=nobody\n}": outcome.Cleared,
	} {
		s := newSite(t, "", `app.example.com {
			root * `+root+`
			test_end_session
			universal_logout {
				`+block+`
			}
			php_fastcgi `+l.Addr().String()+`
		}`)
		got := s.end("", "Cookie: PHPSESSID=one")
		if got.Outcome != want {
			t.Errorf("%s: %s", block, got.Outcome)
		}
		if want == outcome.Failed {
			wantInTime(t, got.Took)
		}
	}
}

// serveFastCGI is a PHP whose logout wants to know who.
func serveFastCGI(l net.Listener, hang chan struct{}) {
	_ = fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("action") == "hang":
			<-hang // FastCGI never hears that nobody waits
		case r.PostFormValue("who") == "ana" && r.ContentLength == int64(len("who=ana")):
			w.Header().Set("Set-Cookie", "PHPSESSID=; Max-Age=0")
		}
	}))
}

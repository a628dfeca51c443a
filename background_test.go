package universallogout

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/labtest"
)

// TestBusyRevocationEndpoint: REV-08, REV-10. The person leaves after 2 s at
// the latest; what is left is done when the server said, or is ready.
func TestBusyRevocationEndpoint(t *testing.T) {
	for name, tc := range map[string]struct {
		timeout time.Duration
		answer  func(n int, w http.ResponseWriter, left <-chan struct{})
		within  time.Duration
		times   int
		fails   bool
	}{
		"503, come back in 1 s": {timeout: 300 * time.Millisecond, answer: func(n int, w http.ResponseWriter, _ <-chan struct{}) {
			if n == 1 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(503)
			}
		}, within: 900 * time.Millisecond, times: 2},
		"slow":                  {answer: func(_ int, _ http.ResponseWriter, left <-chan struct{}) { <-left }, within: 2500 * time.Millisecond, times: 1},
		"slow, and little time": {timeout: 300 * time.Millisecond, answer: func(_ int, _ http.ResponseWriter, left <-chan struct{}) { <-left }, within: time.Second, times: 1},
		"refuses, and that is that": {
			answer: func(_ int, w http.ResponseWriter, _ <-chan struct{}) { w.WriteHeader(401) },
			within: time.Second, times: 1, fails: true,
		},
		"unsupported_token_type (REV-07)": {answer: func(_ int, w http.ResponseWriter, _ <-chan struct{}) {
			w.WriteHeader(400)
			_, _ = w.Write([]byte(`{"error":"unsupported_token_type"}`))
		}, within: time.Second, times: 1},
		"redirects (REV-10)": {answer: func(_ int, w http.ResponseWriter, _ <-chan struct{}) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(307)
		}, within: time.Second, times: 1, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan struct{}) // the person has
			w := labtest.NewWire(t, func(n int, w http.ResponseWriter, _ *http.Request) { tc.answer(n, w, left) })
			so := newSignOn(t, signOnConfig{timeout: tc.timeout, options: "just_in_time_hint off\nrevocation_endpoint " + w.URL + "/revoke"})
			logged := so.alone(8)
			so.setCookie("accessToken=" + accessSecret)
			if _, err := so.asks(); err != nil {
				t.Fatal(err)
			}
			r := request("GET", "https://app.example.com/logout", "", clicked...)
			r.Header.Set("Cookie", so.jar.header("app.example.com", "/logout", true))
			began := time.Now()
			res := so.do(r)
			if took := time.Since(began); res.StatusCode != 303 || took > tc.within {
				t.Errorf("%d after %s", res.StatusCode, took)
			}
			close(left)
			eventually(t, "it is over", so.isIdle)
			seen := w.Requests()
			if len(seen) != tc.times {
				t.Errorf("%d requests", len(seen))
			}
			for _, s := range seen {
				if s.Method != "POST" || s.Path != "/revoke" || s.Query != "" {
					t.Errorf("%s %s?%s", s.Method, s.Path, s.Query)
				}
			}
			if failed := strings.Contains(logsOf(logged), "token revocation failed"); failed != tc.fails {
				t.Errorf("logged:\n%s", logsOf(logged))
			}
			wantQuiet(t, logged, accessSecret)
		})
	}
}

// TestScriptDoesNotWaitForRevocation: its answer is out already.
func TestScriptDoesNotWaitForRevocation(t *testing.T) {
	t.Parallel()
	answered := make(chan struct{})
	w := labtest.NewWire(t, func(int, http.ResponseWriter, *http.Request) { <-answered })
	so := newSignOn(t, signOnConfig{
		options: "revocation_endpoint " + w.URL,
		answer:  func(w http.ResponseWriter, _ *http.Request) { expire(w); w.WriteHeader(204) },
	})
	so.alone(8)
	so.setCookie("refreshToken=" + refreshSecret)
	began := time.Now()
	so.fetch()
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %s", took)
	}
	close(answered)
	eventually(t, "it is revoked", func() bool { return len(w.Requests()) == 1 && so.isIdle() })
}

// TestBackgroundIsBounded: more than its places is not begun, and the log says
// so; who logs out is not kept by it.
func TestBackgroundIsBounded(t *testing.T) {
	t.Parallel()
	so := newSignOn(t, signOnConfig{})
	logged := so.alone(1)
	so.app.login("one")
	so.site.app.work.Places <- struct{}{} // somebody else's
	so.setCookie("refreshToken=" + refreshSecret)
	so.setCookie("idToken=" + so.hint(edgeClient))
	began := time.Now()
	so.wantEnded(so.click())
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("took %s", took)
	}
	if len(so.op.Seen("/revoke")) != 0 || !strings.Contains(logsOf(logged), "left undone: token revocation") {
		t.Errorf("logged:\n%s", logsOf(logged))
	}
}

// TestNothingIsLeftRunning: no goroutine of ours outlives what it was for.
func TestNothingIsLeftRunning(t *testing.T) {
	w := labtest.NewWire(t, nil)
	so := newSignOn(t, signOnConfig{options: "server_logout POST " + w.URL + "/{sid}"})
	so.alone(8)
	so.setCookie("refreshToken=" + refreshSecret)
	so.wantEnded(so.click())
	eventually(t, "nothing of ours runs", func() bool {
		return so.isIdle() && len(w.Requests()) == 1 &&
			!running(t, "universallogout.(*App).getReady", "provider.(*Provider).EndTokens", "appcall.Ask")
	})
}

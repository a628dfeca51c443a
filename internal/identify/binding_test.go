package identify

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/finalheader"
	"github.com/universal-logout/caddy-universal-logout/internal/nested"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// TestWhatBinds: a session that is presented or set, if the user was let in.
func TestWhatBinds(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		user     string
		status   int // 0: the app writes nothing
		set      string
		err      error
		one, two bool
	}{
		"let in":              {"ana", 200, "", nil, true, false},
		"redirected":          {"ana", 303, "", nil, true, false},
		"nothing written":     {"ana", 0, "", nil, true, false},
		"not let in":          {"ana", 403, "", nil, false, false},
		"broken off":          {"ana", 0, "", broken, false, false},
		"not named":           {"", 200, "sid=" + two, nil, false, false},
		"a new session":       {"ana", 200, "sid=" + two + "; Path=/", nil, true, true},
		"not let in, new one": {"ana", 401, "sid=" + two, nil, false, false},
		"a session that ends": {"ana", 200, "sid=" + two + "; Max-Age=0", nil, true, false},
		"no session's cookie": {"ana", 200, "theme=" + two, nil, true, false},
		"no cookie's line":    {"ana", 200, "=" + two, nil, true, false},
		"early, and let in":   {"ana", -103, "", nil, true, false},
		"early, not let in":   {"ana", -401, "", nil, false, false},
	} {
		lab := newLab(t, &Source{Header: "Remote-User"})
		_, err := lab.serve(request(false, "sessionid="+one+"; lang=en"), func(w http.ResponseWriter, r *http.Request) error {
			if tc.user != "" {
				r.Header.Set("Remote-User", tc.user)
			}
			r.Header.Del("Cookie") // handlers may change it
			if tc.set != "" {
				w.Header().Add("Set-Cookie", tc.set)
			}
			switch {
			case tc.status == -103:
				w.WriteHeader(103)
				w.WriteHeader(200)
			case tc.status < 0:
				w.WriteHeader(103)
				w.WriteHeader(-tc.status)
			case tc.status > 0:
				w.WriteHeader(tc.status)
			}
			return tc.err
		})
		if !errors.Is(err, tc.err) || lab.isBound(t, one) != tc.one || lab.isBound(t, two) != tc.two {
			t.Errorf("%s: %v, bound %t %t", name, err, lab.isBound(t, one), lab.isBound(t, two))
		}
	}
}

// TestWhatIsBoundIsNotWrapped: and what such an answer sets is bound whatever its
// status is, for some apps encrypt a session anew with every answer.
func TestWhatIsBoundIsNotWrapped(t *testing.T) {
	lab := newLab(t, &Source{Header: "Remote-User"})
	for n, wrapped := range []bool{true, false} {
		_, err := lab.serve(request(false, "sessionid="+one), func(w http.ResponseWriter, r *http.Request) error {
			if _, is := w.(*finalheader.Writer); is != wrapped {
				t.Errorf("request %d is wrapped: %t", n, is)
			}
			r.Header.Set("Remote-User", "ana")
			if !wrapped {
				w.Header().Add("Set-Cookie", "sessionid="+two)
				w.WriteHeader(http.StatusNotFound)
			}
			return nil
		})
		if err != nil || !lab.isBound(t, one) || lab.isBound(t, two) == wrapped {
			t.Errorf("request %d: %v", n, err)
		}
	}
}

// TestBoundSessionsAreAsOldAsTheirRequest: a revocation between request and
// answer means them.
func TestBoundSessionsAreAsOldAsTheirRequest(t *testing.T) {
	lab := newLab(t, &Source{Header: "Remote-User"})
	_, err := lab.serve(request(false, "sessionid="+one), func(_ http.ResponseWriter, r *http.Request) error {
		lab.now = start.Add(time.Minute)
		if err := lab.list.Revoke(t.Context(), lab.list.OfSubject("https://sso.example.com", "ana", lab.now)); err != nil {
			t.Error(err)
		}
		lab.now = start.Add(2 * time.Minute)
		r.Header.Set("Remote-User", "ana")
		return nil
	})
	if err != nil || !lab.list.Refuses(one) {
		t.Errorf("%v, refused %t", err, lab.list.Refuses(one))
	}
}

// TestCallsOfOursBindNothing: nor does anything while the list is not open.
func TestCallsOfOursBindNothing(t *testing.T) {
	passes := func(name string, lab *lab, r *http.Request) {
		t.Helper()
		plain := httptest.NewRecorder()
		err := lab.Behind(caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if w != http.ResponseWriter(plain) {
				t.Errorf("%s: wrapped", name)
			}
			r.Header.Set("Remote-User", "ana")
			return nil
		})).ServeHTTP(plain, r)
		if err != nil || lab.isBound(t, one) {
			t.Errorf("%s: %v, bound %t", name, err, lab.isBound(t, one))
		}
	}
	lab := newLab(t, &Source{Header: "Remote-User"})
	r := request(false, "sessionid="+one)
	passes("a call of ours", lab, r.WithContext(nested.WithOwnCall(r.Context())))
	lab.List = func() *revocation.List { return nil }
	passes("not open", lab, request(false, "sessionid="+one))
}

// TestTooManySessionsAreNoRequest: one of them could stay unbound.
func TestTooManySessionsAreNoRequest(t *testing.T) {
	for n, ok := range map[int]bool{cookie.MaxSessionCookies: true, cookie.MaxSessionCookies + 1: false} {
		lab := newLab(t, &Source{Header: "Remote-User"})
		var cookies strings.Builder
		for i := range n {
			fmt.Fprintf(&cookies, "sid_%d=%d-%s; ", i, i, one)
		}
		passed := false
		_, err := lab.serve(request(false, cookies.String()), func(_ http.ResponseWriter, r *http.Request) error {
			r.Header.Set("Remote-User", "ana")
			passed = true
			return nil
		})
		var failed caddyhttp.HandlerError
		if passed != ok || errors.As(err, &failed) == ok || !ok && failed.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d cookies: passed %t, %v", n, passed, err)
		}
		if bound := lab.list.Stats().Bindings; ok && bound != n || !ok && bound != 0 {
			t.Errorf("%d cookies: %d are bound", n, bound)
		}
	}
}

// TestUnboundIsToldOnce: of a cookie that is somebody else's, and of a user with
// too many.
func TestUnboundIsToldOnce(t *testing.T) {
	lab := newLab(t, &Source{Header: "Remote-User"})
	for n := range maxBindingsPerDay + 3 {
		if _, err := lab.serve(request(false, fmt.Sprintf("sessionid=%d-%s", n, one)), func(_ http.ResponseWriter, r *http.Request) error {
			r.Header.Set("Remote-User", "mallory")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n, told := lab.list.Stats().Bindings, lab.logged.Len(); n != maxBindingsPerDay || told != 1 {
		t.Errorf("%d bindings, told %d times", n, told)
	}
	for _, entry := range lab.logged.All() {
		if line := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(line, "mallory") || strings.Contains(line, one) {
			t.Errorf("logged: %s", line)
		}
	}
}

package universallogout

import (
	"crypto/rand"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/outcome"
)

// djangoApp takes a logout only as a POST with a token that belongs to a
// cookie which its form set, from its own origin; then it ends the session.
func djangoApp(t testing.TB) *sessions {
	t.Helper()
	app := newSessions(t, nil)
	tokens := func(r *http.Request) (inCookie, sent string) {
		if c, err := r.Cookie("csrftoken"); err == nil {
			inCookie = c.Value
		}
		if sent = r.Header.Get("X-CSRFToken"); sent == "" {
			sent = r.PostFormValue("csrf middleware&token")
		}
		return inCookie, sent
	}
	app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app.mu.Lock()
		app.seen = append(app.seen, r)
		app.mu.Unlock()
		session, err := r.Cookie("sessionid")
		if err != nil || !app.isAlive(session.Value) {
			http.SetCookie(w, &http.Cookie{Name: "sessionid", MaxAge: -1})
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		switch r.Method + r.URL.Path {
		case "GET/profile":
			token := rand.Text() + `<&">+ä`
			w.Header().Add("Set-Cookie", "csrftoken="+url.QueryEscape(token)+"; Path=/; SameSite=Lax")
			w.Header().Add("Set-Cookie", "flash=; Max-Age=0")
			fmt.Fprintf(w, `<form method="post" action="/logout"><input type="hidden" name="csrf" value="%s">`, html.EscapeString(token))
		case "GET/api/token":
			w.Header().Set("Set-Cookie", "csrftoken=api-token; Path=/")
			fmt.Fprint(w, `{"token":"api-token","for":"ana"}`)
		case "POST/logout":
			inCookie, sent := tokens(r)
			if decoded, err := url.QueryUnescape(inCookie); err != nil || sent == "" || decoded != sent || r.Header.Get("Origin") != "https://app.example.com" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			app.mu.Lock()
			delete(app.alive, session.Value)
			app.mu.Unlock()
			endsSession(w, r)
		default:
			fmt.Fprint(w, "are you sure?")
		}
	})
	return app
}

const profileToken = "`name=\"csrf\" value=\"([^\"]+)\"`"

// TestCSRF: an app that takes no logout without a token ends its session all
// the same, and one whose token is not found says so in the log.
func TestCSRF(t *testing.T) {
	for name, tc := range map[string]struct {
		block string
		want  outcome.Outcome
		calls int
		says  string
	}{
		"without":                  {"logout_call POST /logout", outcome.Failed, 1, "did not end its session"},
		"the form itself":          {"logout_call GET /logout", outcome.Cleared, 1, ""},
		"in a field":               {"logout_call POST /logout {\ncsrf /profile " + profileToken + " field \"csrf middleware&token\"\n}", outcome.Ended, 2, ""},
		"in a field beside others": {"logout_call POST /logout {\nbody application/x-www-form-urlencoded next=/bye\ncsrf /profile " + profileToken + " field \"csrf middleware&token\"\n}", outcome.Ended, 2, ""},
		"in a header":              {"logout_call POST /logout {\ncsrf /api/token `\"token\":\"([a-z-]{4,64})\"` header x-csrftoken\n}", outcome.Ended, 2, ""},
		"beside a JSON body":       {"logout_call POST /logout {\nbody application/json `{\"all\":1}`\ncsrf /api/token `\"token\":\"([a-z-]{4,64})\"` header X-CSRFToken\n}", outcome.Ended, 2, ""},
		"a group of no matter":     {"logout_call POST /logout {\ncsrf /api/token `\"(?:token|csrf)\":\"([^\"]+)\"` header X-CSRFToken\n}", outcome.Ended, 2, ""},
		"pattern by environment":   {"logout_call POST /logout {\ncsrf {env.UL_PAGE} `\"{env.UL_KEY}\":\"([^\"]+)\"` header X-CSRFToken\n}", outcome.Ended, 2, ""},
		"wrong pattern":            {"logout_call POST /logout {\ncsrf /profile `name=\"token\" value=\"([^\"]+)\"` field token\n}", outcome.Failed, 1, "has no token"},
		"wrong field":              {"logout_call POST /logout {\ncsrf /profile " + profileToken + " field token\n}", outcome.Failed, 2, "did not end its session"},
		"another page":             {"logout_call POST /logout {\ncsrf /control `(.+)` header X-CSRFToken\n}", outcome.Failed, 2, "did not end its session"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("UL_PAGE", "/api/token")
			t.Setenv("UL_KEY", "token")
			app := djangoApp(t)
			app.login("one")
			s := endingSite(t, app.addr(), tc.block)
			logged := s.observe()
			got := s.end("", "Cookie: flash=hello; sessionid=one; csrftoken=an-old-one")
			if got.Outcome != tc.want || app.isAlive("one") == (tc.want == outcome.Ended) {
				t.Errorf("%s, alive %v", got.Outcome, app.isAlive("one"))
			}
			seen := app.requests()
			if len(seen) != tc.calls {
				t.Fatalf("the app saw %d requests", len(seen))
			}
			if said := logsOf(logged); said == "" != (tc.says == "") || !strings.Contains(said, tc.says) {
				t.Errorf("logged: %s", said)
			}
			wantQuiet(t, logged, "api-token", "an-old-one")
			last := seen[len(seen)-1]
			if cookies := last.Header["Cookie"]; len(cookies) != 1 || tc.calls == 2 && strings.Count(cookies[0], "csrftoken=") != 1 {
				t.Errorf("the last request has %q", cookies)
			}
			if strings.Contains(tc.block, " /profile") && tc.calls == 2 && strings.Contains(last.Header.Get("Cookie"), "flash") {
				t.Error("a cookie that the page deleted is sent")
			}
			if want := strings.Count(strings.Join(got.Cookies, "\n"), "csrftoken="); tc.calls == 2 && !strings.Contains(tc.block, "control") && want != 1 {
				t.Errorf("for the browser: %q", got.Cookies)
			}
		})
	}
}

// TestCSRFPages: what the page with the token can be like.
func TestCSRFPages(t *testing.T) {
	token := `<input name="csrf" value="tok&amp;en">`
	for name, tc := range map[string]struct {
		page http.HandlerFunc
		want outcome.Outcome
		says string
	}{
		"plain":             {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, token) }, outcome.Ended, ""},
		"compressed":        {appStates["gzip"].answer, outcome.Ended, ""},
		"an error page":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); fmt.Fprint(w, token) }, outcome.Ended, ""},
		"long, token first": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, token, strings.Repeat("x", 1<<20)) }, outcome.Ended, ""},
		"too long":          {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", maxKept), token) }, outcome.Failed, "has no token"},
		"cut by the limit": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Repeat("x", maxKept-len(token)+3), token)
		}, outcome.Failed, "has no token"},
		"token too long": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `name="csrf" value="%s"`, strings.Repeat("x", 4<<10+1))
		}, outcome.Failed, "has no token"},
		"empty":             {status(204), outcome.Failed, "has no token"},
		"redirect to login": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, outcome.Failed, "has no token"},
		"hangs":             {appStates["hangs"].answer, outcome.Failed, "did not answer in time"},
		"hangs in its body": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "begun")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, outcome.Failed, "did not answer in time"},
		"resets": {appStates["resets"].answer, outcome.Failed, "has no token"},
		"breaks off, token in": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, token)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, outcome.Ended, ""},
		"deletes the session": {func(w http.ResponseWriter, r *http.Request) {
			expire(w)
			http.Redirect(w, r, "/login", http.StatusFound)
		}, outcome.Ended, ""},
		"renews the session": {func(w http.ResponseWriter, _ *http.Request) {
			expire(w)
			w.Header().Add("Set-Cookie", "sessionid=two; Path=/")
			fmt.Fprint(w, token)
		}, outcome.Ended, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newSessions(t, nil)
			renews := name == "renews the session"
			app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/logout" {
					tc.page(w, r)
					return
				}
				if r.PostFormValue("t") != "tok&en" && name != "compressed" || renews && r.Header.Get("Cookie") != "sessionid=two" {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				expire(w)
			})
			pattern := "`name=\"csrf\" value=\"([^\"]+)\"`"
			if name == "compressed" {
				pattern = "`\"app\":\"(says)\"`"
			}
			s := endingSite(t, app.addr(), "logout_call POST /logout {\ntimeout 300ms\ncsrf /profile "+pattern+" field t\n}")
			logged := s.observe()
			got := s.end("", "Cookie: sessionid=one")
			if got.Outcome != tc.want {
				t.Errorf("outcome %s", got.Outcome)
			}
			if said := logsOf(logged); said == "" != (tc.says == "") || !strings.Contains(said, tc.says) {
				t.Errorf("logged: %s", said)
			}
			if strings.Contains(strings.Join(got.Cookies, "\n"), "two") {
				t.Errorf("a session begun anew goes to the browser: %q", got.Cookies)
			}
			wantInTime(t, got.Took)
		})
	}
}

// maxKept is how much of a page internal/appcall looks for a token in.
const maxKept = 64 << 10

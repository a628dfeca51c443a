package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/work"
)

func wantRetry(t *testing.T, err error, after time.Duration) {
	t.Helper()
	quiet(t, err)
	if retry, ok := errors.AsType[*work.RetryError](err); !ok || retry.After != after {
		t.Errorf("%v, want to try again after %v", err, after)
	}
}

func wantRefused(t *testing.T, err error, status int, code string) {
	t.Helper()
	quiet(t, err)
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Status != status || refused.Code != code {
		t.Errorf("%v, want to be refused with %d %q", err, status, code)
	}
}

// wantPlain wants an error that neither calls for another try nor is OAuth's.
func wantPlain(t *testing.T, err error) {
	t.Helper()
	quiet(t, err)
	_, retry := errors.AsType[*work.RetryError](err)
	_, refused := errors.AsType[*RefusedError](err)
	if err == nil || retry || refused {
		t.Errorf("%v, want another error", err)
	}
}

func revoke(t *testing.T, hint string, answer http.HandlerFunc) error {
	t.Helper()
	s := serve(t, answer)
	return Client{ID: "app", Secret: testSecret, Now: testNow}.Revoke(t.Context(), s.Client(), s.URL, nil, testToken, hint)
}

func exchange(t *testing.T, answer http.HandlerFunc) (string, error) {
	t.Helper()
	s := serve(t, answer)
	return Client{ID: "app", Secret: testSecret, Now: testNow}.Exchange(t.Context(), s.Client(), s.URL, nil,
		testCode, "https://app.example/cb", testVerifier)
}

// TestRevokedTokens is REV-05 and REV-07.
func TestRevokedTokens(t *testing.T) {
	unsupported := `{"error":"unsupported_token_type"}`
	for name, test := range map[string]struct {
		hint   string
		answer http.HandlerFunc
	}{
		"200":                        {"refresh_token", status(200, "")},
		"200 with an error":          {"refresh_token", status(200, `{"error":"invalid_token"}`)},
		"200 with junk":              {"refresh_token", status(200, "<html>")},
		"200 without end":            {"refresh_token", status(200, strings.Repeat("x", maxAnswer*2))},
		"200 broken off":             {"refresh_token", brokenOff},
		"204":                        {"access_token", status(204, "")},
		"access tokens never, a 400": {"access_token", status(400, unsupported)},
		"access tokens never, a 401": {"access_token", status(401, unsupported)},
	} {
		if err := revoke(t, test.hint, test.answer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantRefused(t, revoke(t, "refresh_token", status(400, unsupported)), 400, "unsupported_token_type")
	wantRefused(t, revoke(t, "access_token", status(401, `{"error":"invalid_client"}`)), 401, "invalid_client")
	for _, code := range []int{201, 202, 206} {
		wantPlain(t, revoke(t, "refresh_token", status(code, "")))
	}
}

func brokenOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, `{"id_token":"a`)
}

// TestRetryAfter is REV-08.
func TestRetryAfter(t *testing.T) {
	in := func(d time.Duration) string { return testNow().Add(d).Format(http.TimeFormat) }
	for value, want := range map[string]time.Duration{
		"":                       0,
		"0":                      0,
		"7":                      7 * time.Second,
		"60":                     time.Minute,
		"61":                     time.Minute,
		"99999999999999999999":   time.Minute,
		"18446744073709551615":   time.Minute,
		"-5":                     0,
		"1.5":                    0,
		"soon":                   0,
		in(20 * time.Second):     20 * time.Second,
		in(time.Hour):            time.Minute,
		in(-time.Hour):           0,
		"Fri, 02 Jan 2026 03:04": 0,
	} {
		for _, code := range []int{503, 429, 500, 502, 504} {
			answer := func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(code)
			}
			wantRetry(t, revoke(t, "refresh_token", answer), want)
			_, err := exchange(t, answer)
			wantRetry(t, err, want)
		}
	}
}

func TestCodeIsRedeemedOnTheWire(t *testing.T) {
	s := serve(t, status(200, `{"access_token":"a","refresh_token":null,"token_type":"Bearer","id_token":"x.y.z"}`))
	token, err := Client{ID: "app", Secret: "secret"}.Exchange(t.Context(), s.Client(), s.URL+"/token", []string{"client_secret_post"},
		"c+d", "https://app.example/cb?a=b", "verifier~")
	if err != nil || token != "x.y.z" {
		t.Errorf("%q %v", token, err)
	}
	got := s.only(t)
	want := "client_id=app&client_secret=secret&code=c%2Bd&code_verifier=verifier~&grant_type=authorization_code" +
		"&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fa%3Db"
	if got.method != http.MethodPost || got.target != "/token" || got.body != want || got.header.Get("Authorization") != "" {
		t.Errorf("%+v", got)
	}
}

func TestJunkForTokensIsAnError(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"empty":          status(200, ""),
		"HTML":           status(200, "<html>"),
		"array":          status(200, `["id_token"]`),
		"no ID token":    status(200, `{"access_token":"a"}`),
		"empty ID token": status(200, `{"id_token":""}`),
		"no string":      status(200, `{"id_token":{"a":1}}`),
		"another name":   status(200, `{"ID_TOKEN":"x"}`),
		"twice":          status(200, `{"id_token":"x","id_token":"y"}`),
		"error in a 200": status(200, `{"error":"invalid_grant"}`),
		"quotes it":      status(200, testCode+testVerifier+testSecret),
		"too long":       status(200, `{"id_token":"x","a":"`+strings.Repeat("a", maxAnswer)+`"}`),
		"spaces after":   status(200, `{"id_token":"x"}`+strings.Repeat(" ", maxAnswer)),
		"a 201":          status(201, `{"id_token":"x"}`),
		"a 204":          status(204, ""),
	} {
		t.Run(name, func(t *testing.T) {
			token, err := exchange(t, answer)
			if token != "" {
				t.Errorf("%q", token)
			}
			wantPlain(t, err)
		})
	}
	_, err := exchange(t, brokenOff)
	wantRetry(t, err, 0)
}

// TestRefusalsTellOnlyWhatLooksLikeACode: the code gets into logs.
func TestRefusalsTellOnlyWhatLooksLikeACode(t *testing.T) {
	long := strings.Repeat("a", 64)
	for body, want := range map[string]string{
		`{"error":"invalid_grant","error_description":"` + testCode + `"}`: "invalid_grant",
		`{"error":"` + long + `"}`:     long,
		`{"error":"` + long + `a"}`:    "",
		`{"error":"Invalid"}`:          "",
		`{"error":"a b"}`:              "",
		`{"error":"a\nb"}`:             "",
		`{"error":"` + testCode + `"}`: "",
		`{"error":{"code":"x"}}`:       "",
		`{"Error":"x"}`:                "",
		`{"error":"x","error":"y"}`:    "",
		`{}`:                           "",
		`<html>`:                       "",
		`{"error":"x","a":"` + strings.Repeat("a", maxAnswer) + `"}`: "",
		``: "",
	} {
		for _, code := range []int{400, 401, 403, 404} {
			_, err := exchange(t, status(code, body))
			wantRefused(t, err, code, want)
		}
	}
}

func TestHangingServerIsLeftInTime(t *testing.T) {
	hang := func(begin bool) *server {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			if begin {
				io.WriteString(w, `{"id_token":`)
				http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		})
	}
	for _, s := range []*server{hang(false), hang(true)} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		c := Client{ID: "app", Secret: testSecret}
		_, err := c.Exchange(ctx, s.Client(), s.URL, nil, testCode, "https://app.example/cb", testVerifier)
		wantRetry(t, err, 0)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		// The deadline of the caller's client counts too.
		hc := &http.Client{Transport: s.Client().Transport, Timeout: 50 * time.Millisecond}
		_, err = c.Exchange(t.Context(), hc, s.URL, nil, testCode, "https://app.example/cb", testVerifier)
		wantRetry(t, err, 0)
	}
	s := hang(false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Client{ID: "app"}.Revoke(ctx, s.Client(), s.URL, nil, testToken, "refresh_token")
	wantRetry(t, err, 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

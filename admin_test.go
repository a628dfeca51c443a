package universallogout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"

	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

func TestStatus(t *testing.T) {
	s := adminSite(t)
	w, body := admin(serveStatus, s.app, request("GET", "http://localhost:2019"+statusPath, ""))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	var got adminStatus
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Open || got.Shared != "storage" || got.Hub != "https://logout.example.com" {
		t.Errorf("%s", body)
	}
	sites := make(map[string]string)
	for _, site := range got.Sites {
		for _, app := range site.Apps {
			sites[site.Host] += fmt.Sprintf("%s: %s by %s %v; ", app.Path, app.Group, app.Provider, app.Hosts)
		}
	}
	want := map[string]string{
		"app.example.com": "/: main by main []; /grafana: main by main []; ", "wiki.example.com": "/: main by main []; /grafana: main by main []; ",
		"logout.example.com": "/: main by main []; ", "*.example.net": "/: portal by portal [one.example.net]; ",
	}
	if fmt.Sprint(sites) != fmt.Sprint(want) {
		t.Errorf("sites\n%v, want\n%v", sites, want)
	}
	if fmt.Sprint(got.Groups) != "[{main [app.example.com logout.example.com wiki.example.com]} {portal [*.example.net]}]" {
		t.Errorf("groups %v", got.Groups)
	}
	if p := got.Providers; len(p) != 2 || p[0].Issuer != testIssuer || p[0].Endpoints["end_session"] != "https://sso.example.com/out" || p[1].Portal != "auth.example.com" {
		t.Errorf("providers %+v", got.Providers)
	}
	if strings.Contains(body, "s3cr3t") {
		t.Errorf("a secret in %s", body)
	}
	for _, method := range []string{"POST", "DELETE", "OPTIONS"} {
		if w, _ := admin(serveStatus, s.app, request(method, "http://localhost:2019"+statusPath, "")); w.Code != 405 || w.Header().Get("Allow") == "" {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if w, _ := admin(serveStatus, nil, request("GET", "http://localhost:2019"+statusPath, "")); w.Code != 404 {
		t.Errorf("without an app: %d", w.Code)
	}
}

// TestStatusOfTrouble: errors of disk and storage are told, without what they
// may have in them.
func TestStatusOfTrouble(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"none":      {nil, ""},
		"full":      {&fs.PathError{Op: "write", Path: "/var/s3cr3t", Err: syscall.ENOSPC}, syscall.ENOSPC.Error()},
		"forbidden": {fmt.Errorf("journal: %w", &os.LinkError{Op: "rename", Old: "/s3cr3t", New: "b", Err: fs.ErrPermission}), fs.ErrPermission.Error()},
		"refused":   {fmt.Errorf("dial redis://user:s3cr3t@host: %w", syscall.ECONNREFUSED), syscall.ECONNREFUSED.Error()},
		"late":      {fmt.Errorf("s3cr3t: %w", os.ErrDeadlineExceeded), "see the log"},
		"unknown":   {errors.New("GET https://bucket/?signature=s3cr3t"), "see the log"},
	} {
		if got := plainError(tc.err); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestRevokeByAdmin(t *testing.T) {
	s := adminSite(t)
	list := s.app.process.revocations.list.Load()
	long := strings.Repeat("x", 256)
	for name, tc := range map[string]struct {
		method, body, mediaType, header string
		want                            int
	}{
		"a user":                   {body: `{"issuer":"` + testIssuer + `","sub":"ana"}`, want: 200},
		"a session":                {body: ` {"sid": "1", "issuer": "` + testIssuer + `"} `, want: 200},
		"with a charset":           {body: `{"issuer":"` + testIssuer + `","sub":"bo"}`, mediaType: "application/json; charset=utf-8", want: 200},
		"escapes":                  {body: `{"issuer":"` + testIssuer + `","sub":"\u0061\ud83d\ude00"}`, want: 200},
		"both":                     {body: `{"issuer":"` + testIssuer + `","sub":"a","sid":"b"}`, want: 400},
		"neither":                  {body: `{"issuer":"` + testIssuer + `"}`, want: 400},
		"no issuer":                {body: `{"sub":"a"}`, want: 400},
		"empty sid":                {body: `{"issuer":"` + testIssuer + `","sid":""}`, want: 400},
		"empty beside one":         {body: `{"issuer":"` + testIssuer + `","sid":"","sub":"a"}`, want: 400},
		"long sid":                 {body: `{"issuer":"` + testIssuer + `","sid":"` + long + `"}`, want: 400},
		"long sub":                 {body: `{"issuer":"` + testIssuer + `","sub":"` + long + `"}`, want: 400},
		"twice":                    {body: `{"issuer":"` + testIssuer + `","sub":"a","sub":"b"}`, want: 400},
		"in another case":          {body: `{"issuer":"` + testIssuer + `","Sub":"a"}`, want: 400},
		"an unknown field":         {body: `{"issuer":"` + testIssuer + `","sub":"a","all":"x"}`, want: 400},
		"a number":                 {body: `{"issuer":"` + testIssuer + `","sub":1}`, want: 400},
		"null":                     {body: `{"issuer":"` + testIssuer + `","sub":null}`, want: 400},
		"an object":                {body: `{"issuer":"` + testIssuer + `","sub":{"sub":"a"}}`, want: 400},
		"a list of them":           {body: `[{"issuer":"` + testIssuer + `","sub":"a"}]`, want: 400},
		"something behind":         {body: `{"issuer":"` + testIssuer + `","sub":"a"}{}`, want: 400},
		"not finished":             {body: `{"issuer":"` + testIssuer + `","sub":"a"`, want: 400},
		"a lone surrogate":         {body: `{"issuer":"` + testIssuer + `","sub":"\ud800"}`, want: 400},
		"no UTF-8":                 {body: `{"issuer":"` + testIssuer + `","sub":"` + "\xff" + `"}`, want: 400},
		"nothing":                  {body: "", want: 400},
		"no JSON":                  {body: "sub=a", want: 400},
		"a page of another site":   {body: `{"issuer":"` + testIssuer + `","sub":"a"}`, mediaType: "text/plain", header: "Origin: https://evil.example", want: 415},
		"its form":                 {body: `{"issuer":"` + testIssuer + `","sub":"a"}`, mediaType: "application/x-www-form-urlencoded", header: "Sec-Fetch-Site: cross-site", want: 415},
		"a program, of its type":   {body: `{"issuer":"` + testIssuer + `","sub":"a"}`, mediaType: "application/x-www-form-urlencoded", want: 200},
		"too much":                 {body: `{"issuer":"` + testIssuer + `","sub":"a"` + strings.Repeat(" ", 64<<10) + `}`, want: 413},
		"an issuer of nobody":      {body: `{"issuer":"https://other.example.com","sub":"a"}`, want: 409},
		"an issuer with one slash": {body: `{"issuer":"` + testIssuer + `/","sub":"a"}`, want: 409},
		"GET":                      {method: "GET", body: "", want: 405},
	} {
		t.Run(name, func(t *testing.T) {
			method, mediaType := "POST", "application/json"
			if tc.method != "" {
				method = tc.method
			}
			if tc.mediaType != "" {
				mediaType = tc.mediaType
			}
			var header []string
			if tc.header != "" {
				header = []string{tc.header}
			}
			before := list.Version()
			w, body := admin(serveRevoke, s.app, request(method, "http://localhost:2019"+revokePath, tc.body, append([]string{"Content-Type: " + mediaType}, header...)...))
			if w.Code != tc.want {
				t.Fatalf("%d %s, want %d", w.Code, body, tc.want)
			}
			if (list.Version() != before) != (tc.want == 200) {
				t.Errorf("version %d after %d", list.Version(), before)
			}
			if tc.want == 409 && !strings.Contains(body, testIssuer) {
				t.Errorf("does not say which issuers there are: %s", body)
			}
			if tc.want != 200 {
				return
			}
			var answer struct {
				Revoked, Durable bool
				LogoutID         string `json:"logout_id"`
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil || !answer.Revoked || !answer.Durable || answer.LogoutID == "" {
				t.Errorf("%s %v", body, err)
			}
		})
	}
	now := time.Now()
	for _, tc := range []struct {
		session revocation.Session
		refused bool
	}{
		{revocation.Session{Issuer: testIssuer, Sid: "1"}, true},
		{revocation.Session{Issuer: testIssuer, Sid: "2"}, false},
		{revocation.Session{Issuer: testIssuer, Sub: "ana", Started: now.Add(-time.Hour)}, true},
		{revocation.Session{Issuer: testIssuer, Sub: "ana", Started: now.Add(time.Hour)}, false}, // who logs in again gets in
		{revocation.Session{Issuer: testIssuer, Sub: "eve"}, false},
	} {
		if got := list.RefusesSession(tc.session); got != tc.refused {
			t.Errorf("%+v: refused %t", tc.session, got)
		}
	}
}

// TestRevokeWhileClosed: an admin is not told that somebody is out who is not.
func TestRevokeWhileClosed(t *testing.T) {
	s := adminSite(t)
	closed := newRevocations()
	closed.start.Do(func() {})
	s.app.process.revocations = closed
	s.app.use(s.app.process)
	w, body := revokeBy(s.app, `{"issuer":"`+testIssuer+`","sub":"ana"}`)
	if w.Code != 503 || !strings.Contains(body, "not revoked") {
		t.Errorf("%d %s", w.Code, body)
	}
	if w, body := admin(serveStatus, s.app, request("GET", "/", "")); w.Code != 200 || !strings.Contains(body, `"open":false`) {
		t.Errorf("%d %s", w.Code, body)
	}
}

// TestRevokeThatIsNotDurable: it is told what is in effect, and what is not.
func TestRevokeThatIsNotDurable(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		says string
	}{
		"durable":   {nil, ""},
		"full list": {fmt.Errorf("s3cr3t: %w", revocation.ErrFull), "not revoked: the list of revocations is full"},
		"full disk": {&fs.PathError{Op: "write", Path: "/s3cr3t", Err: syscall.ENOSPC}, "revoked on this node from now on, but not written down yet (" + syscall.ENOSPC.Error() + ")"},
	} {
		err := answerOf(tc.err)
		var api caddy.APIError
		switch {
		case tc.says == "" && err != nil, tc.says != "" && (!errors.As(err, &api) || api.HTTPStatus != 503 || !strings.HasPrefix(err.Error(), tc.says)),
			err != nil && strings.Contains(err.Error(), "s3cr3t"):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRevokeWithoutDisk: what cannot be written down is in effect, an admin is
// told so, and the status tells why.
func TestRevokeWithoutDisk(t *testing.T) {
	s := adminSite(t)
	file := filepath.Join(t.TempDir(), "s3cr3t-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := revocation.Open(t.Context(), revocation.Options{
		Key: revocation.Key{1}, Dir: filepath.Join(file, "journal"), Lifetime: defaultSessionLifetime, Now: time.Now, Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = list.Close() })
	s.app.process.revocations.list.Store(list)
	w, body := revokeBy(s.app, `{"issuer":"`+testIssuer+`","sid":"of-ana"}`)
	if w.Code != 503 || !strings.HasPrefix(body, "revoked on this node") || strings.Contains(body, "s3cr3t") {
		t.Errorf("%d %s", w.Code, body)
	}
	if !list.RefusesSession(revocation.Session{Issuer: testIssuer, Sid: "of-ana"}) {
		t.Error("not in effect")
	}
	var got adminStatus
	_, body = admin(serveStatus, s.app, request("GET", "/", ""))
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Log.Waiting != 1 || got.Log.LocalError == "" || strings.Contains(body, "s3cr3t") {
		t.Errorf("%v: %s", err, body)
	}
}

// TestRevokeByNameOfAnAuthLayer: where one names the users, the group is their
// issuer.
func TestRevokeByNameOfAnAuthLayer(t *testing.T) {
	s := newSite(t, "", "app.example.com {\nuniversal_logout {\ngroup staff\nidentify header Remote-User\n}\nrespond app\n}")
	if w, body := revokeBy(s.app, `{"issuer":"group:staff","sub":"ana"}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, body)
	}
	if w, body := revokeBy(s.app, `{"issuer":"group:default","sub":"ana"}`); w.Code != 409 || !strings.Contains(body, "group:staff") {
		t.Errorf("%d %s", w.Code, body)
	}
}

// TestRevokeByIssuerOfTokens: what an app's own tokens name as their issuer is
// no provider of ours. A token of it is refused, and one of a later login is not.
func TestRevokeByIssuerOfTokens(t *testing.T) {
	s := newSite(t, "", `app.example.com {
		universal_logout {
			identify jwt
		}
		respond "{http.request.cookie.token}"
	}
	wiki.example.com {
		universal_logout
		respond app
	}`)
	now := s.app.now()
	seen := func(issued time.Time) string {
		token := jwtOf(fmt.Sprintf(`{"iss":"https://tokens.example.com","sub":"ana","iat":%d}`, issued.Unix()), "sig")
		return bodyOf(t, s.do(request("GET", "https://app.example.com/", "", "Cookie: token="+token)))
	}
	if seen(now.Add(-time.Hour)) == "" {
		t.Fatal("refused before anything is revoked")
	}
	if w, body := revokeBy(s.app, `{"issuer":"https://tokens.example.com","sub":"ana"}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, body)
	}
	if seen(now.Add(-time.Hour)) != "" {
		t.Error("the app still sees the token")
	}
	if seen(now.Add(time.Hour)) == "" {
		t.Error("who signed in again does not get in")
	}
}

func FuzzRevokeBody(f *testing.F) {
	for _, seed := range []string{
		`{"issuer":"https://a","sub":"b"}`, `{"issuer":"https://a","sid":"b"}`, `{"issuer":"https://a","sub":"a","sub":"b"}`,
		`{"issuer":"a","sub":"\ud800"}`, `[]`, `{"":"","issuer":"a"}`, `{"issuer":"a","sid":"b"} x`, "{\"issuer\":\"\xff\"}", `{"ISSUER":"a","SID":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := parseRevoke(body)
		if err != nil {
			if req != (whose{}) {
				t.Errorf("%+v with an error", req)
			}
			return
		}
		// What is taken is what every other reader of JSON makes of it.
		var again map[string]string
		if err := json.Unmarshal(body, &again); err != nil || len(again) != 2 ||
			again["issuer"] != req.issuer || again["sub"] != req.sub || again["sid"] != req.sid ||
			req.issuer == "" || (req.sub == "") == (req.sid == "") || len(req.sub) > 255 || len(req.sid) > 255 {
			t.Errorf("%q became %+v, %v", body, req, again)
		}
	})
}

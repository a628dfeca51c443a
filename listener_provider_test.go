package universallogout

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestProviderOverListener: the whole way over every version of HTTP, with
// everything logged that Caddy can log. No hint, code, token, state or cookie
// value of it is in the log.
func TestProviderOverListener(t *testing.T) {
	const ours = "https://app.localhost:9443/.universal-logout"
	op := oidctest.Start(t, oidctest.Config{Clients: []oidctest.Client{{
		ID: edgeClient, Secret: "client-s3cr3t", RedirectURIs: []string{ours + "/callback"}, PostLogoutRedirectURIs: []string{ours + "/return"},
	}}})
	app := newSessions(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			expire(w)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		endsSession(w, r)
	})
	globals := strings.Replace(listenerGlobals, "timeout 500ms", "timeout 5s\nprovider main "+op.Issuer()+" {\nclient_id edge\nclient_secret client-s3cr3t\n}", 1)
	_, log := listenWith(t, globals, `app.localhost:9443 {
		log
		encode
		universal_logout main
		reverse_proxy `+app.addr()+`
	}`)
	secrets := map[string]bool{"client-s3cr3t": true}
	for version, client := range clients(t) {
		for _, kept := range []bool{false, true} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				name := version + " " + method + map[bool]string{true: " with an ID token in a cookie"}[kept]
				t.Run(name, func(t *testing.T) {
					j, err := cookiejar.New(nil)
					if err != nil {
						t.Fatal(err)
					}
					c := *client
					c.Jar = j
					plain := &http.Client{Jar: j, CheckRedirect: client.CheckRedirect}
					v := &traveller{t, &c, plain, secrets}
					at, provider := mustURL("https://app.localhost:9443/"), mustURL(op.Issuer())
					session := op.SignIn("ana")
					j.SetCookies(provider, []*http.Cookie{session})
					v.has("sessionid", "session-"+strings.Map(cookieSafe, name))
					j.SetCookies(at, []*http.Cookie{{Name: "sessionid", Value: "session-" + strings.Map(cookieSafe, name), Secure: true, Path: "/"}})
					if kept {
						hint := op.IDToken(edgeClient, "ana", op.SID(session), nil)
						v.has("idToken", hint)
						j.SetCookies(at, []*http.Cookie{{Name: "idToken", Value: hint, Secure: true, Path: "/"}})
					}
					alive := op.Sessions()
					if method == http.MethodPost {
						v.fetch("https://app.localhost:9443/logout")
					}
					address, page := v.open(map[string]string{http.MethodGet: "https://app.localhost:9443/logout", http.MethodPost: "https://app.localhost:9443/after"}[method])
					if op.Sessions() != alive-1 || !strings.Contains(page, "has ended, too") || !strings.HasPrefix(address, ours+"/done") {
						t.Errorf("%d sessions left, at %s: %s", op.Sessions(), address, page)
					}
					v.mustNotTell(page)
				})
			}
		}
	}
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if len(secrets) < 50 || !strings.Contains(string(content), "handled request") {
		t.Errorf("%d secrets to look for in %d bytes", len(secrets), len(content))
	}
	for line := range strings.SplitSeq(string(content), "\n") {
		for secret := range secrets {
			if strings.Contains(line, secret) {
				t.Errorf("%s… is in the log: %s", secret[:8], line)
			}
		}
	}
}

// traveller is a person at a browser that remembers what nobody may read.
type traveller struct {
	t       *testing.T
	client  *http.Client // for our Caddy
	plain   *http.Client // for the provider
	secrets map[string]bool
}

func (v *traveller) has(_, value string) {
	if len(value) >= 8 {
		v.secrets[value] = true
	}
}

func (v *traveller) mustNotTell(page string) {
	for secret := range v.secrets {
		if strings.Contains(page, secret) {
			v.t.Errorf("the page tells a secret: %s", page)
		}
	}
}

func (v *traveller) fetch(address string) {
	headers := with(fetched[:4], "Origin: https://app.localhost:9443")
	v.remember(send(v.t, v.client, http.MethodPost, address, "", headers...))
}

// open goes wherever the answers lead.
func (v *traveller) open(address string) (last, page string) {
	for range 12 {
		client := v.client
		if strings.HasPrefix(address, "http:") {
			client = v.plain
		}
		res := send(v.t, client, http.MethodGet, address, "", clicked...)
		body := v.remember(res)
		location := res.Header.Get("Location")
		if location == "" {
			return address, body
		}
		u, err := mustURL(address).Parse(location)
		if err != nil {
			v.t.Fatal(err)
		}
		address = u.String()
	}
	v.t.Fatal("goes round in circles")
	return "", ""
}

// remember notes what an answer has in it that is secret.
func (v *traveller) remember(res *http.Response) (body string) {
	content, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	_ = res.Body.Close()
	for _, c := range res.Cookies() {
		v.has(c.Name, c.Value)
	}
	query := mustURL(res.Header.Get("Location")).Query()
	for _, name := range []string{"id_token_hint", "code", "state", "nonce"} {
		v.has(name, query.Get(name))
	}
	return string(content)
}

package oauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestMethodIsChosen(t *testing.T) {
	key := &jose.JSONWebKey{}
	for name, test := range map[string]struct {
		client    Client
		supported []string
		want      Method
	}{
		"set":                  {Client{Method: SecretPost, Key: key}, []string{"client_secret_basic"}, SecretPost},
		"a key":                {Client{Secret: "s", Key: key}, []string{"client_secret_basic"}, PrivateKeyJWT},
		"no secret":            {Client{}, []string{"client_secret_basic"}, None},
		"nothing said":         {Client{Secret: "s"}, nil, SecretBasic},
		"both":                 {Client{Secret: "s"}, []string{"client_secret_post", "client_secret_basic"}, SecretBasic},
		"only post":            {Client{Secret: "s"}, []string{"none", "client_secret_post"}, SecretPost},
		"neither":              {Client{Secret: "s"}, []string{"tls_client_auth"}, SecretBasic},
		"another case is none": {Client{Secret: "s"}, []string{"Client_Secret_Post"}, SecretBasic},
	} {
		if got := test.client.choose(test.supported); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestRequestOnTheWire is REV-02 and REV-03.
func TestRequestOnTheWire(t *testing.T) {
	for name, test := range map[string]struct {
		client        Client
		authorization string
		body          string
	}{
		"client_secret_basic": {
			Client{ID: "app", Secret: "secret"},
			"Basic YXBwOnNlY3JldA==", // app:secret
			"token=a%2Bb%3D&token_type_hint=refresh_token",
		},
		"client_secret_basic, odd": {
			Client{ID: "a:b c", Secret: "p:%+ ä&"},
			"Basic YSUzQWIrYzpwJTNBJTI1JTJCKyVDMyVBNCUyNg==", // a%3Ab+c:p%3A%25%2B+%C3%A4%26
			"token=a%2Bb%3D&token_type_hint=refresh_token",
		},
		"client_secret_post, odd": {
			Client{ID: "a:b c", Secret: "p:%+ ä&", Method: SecretPost},
			"",
			"client_id=a%3Ab+c&client_secret=p%3A%25%2B+%C3%A4%26&token=a%2Bb%3D&token_type_hint=refresh_token",
		},
		"none": {
			Client{ID: "app"},
			"",
			"client_id=app&token=a%2Bb%3D&token_type_hint=refresh_token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, status(200, ""))
			if err := test.client.Revoke(t.Context(), s.Client(), s.URL+"/revoke?tenant=1", nil, "a+b=", "refresh_token"); err != nil {
				t.Fatal(err)
			}
			got := s.only(t)
			if got.method != http.MethodPost || got.target != "/revoke?tenant=1" || got.body != test.body {
				t.Errorf("%s %s\n%s", got.method, got.target, got.body)
			}
			for header, want := range map[string]string{
				"Authorization": test.authorization,
				"Content-Type":  "application/x-www-form-urlencoded",
				"Accept":        "application/json",
			} {
				if got.header.Get(header) != want {
					t.Errorf("%s: %q", header, got.header.Get(header))
				}
			}
		})
	}
}

// TestClientAssertion is REV-04.
func TestClientAssertion(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for name, test := range map[string]struct {
		key *jose.JSONWebKey
		alg jose.SignatureAlgorithm
	}{
		"RSA":             {jwkOf(rsaKey(), "", ""), jose.RS256},
		"RSA, its own":    {jwkOf(rsaKey(), "k", "PS384"), jose.PS384},
		"RSA, unfit":      {jwkOf(rsaKey(), "k", "RSA-OAEP"), jose.RS256},
		"RSA, no public":  {jwkOf(rsaKey(), "k", "HS256"), jose.RS256},
		"P-256":           {jwkOf(p256, "k", ""), jose.ES256},
		"P-256, as P-384": {jwkOf(p256, "k", "ES384"), jose.ES256},
		"P-384":           {jwkOf(p384, "k", ""), jose.ES384},
		"P-521":           {jwkOf(p521, "k", "ES512"), jose.ES512},
		"Ed25519":         {jwkOf(ed, "k", ""), jose.EdDSA},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, status(200, ""))
			c := Client{ID: "app", Secret: testSecret, Key: test.key, Audience: "https://op.example", Now: testNow}
			seen := map[string]bool{}
			for range 2 {
				if err := c.Revoke(t.Context(), s.Client(), s.URL, nil, testToken, "refresh_token"); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range s.requests {
				form := r.form(t)
				jws, err := jose.ParseSignedCompact(form.Get("client_assertion"), []jose.SignatureAlgorithm{test.alg})
				if err != nil {
					t.Fatal(err)
				}
				public := test.key.Public()
				payload, err := jws.Verify(public.Key)
				if err != nil {
					t.Fatal(err)
				}
				var claims map[string]any
				if err := json.Unmarshal(payload, &claims); err != nil {
					t.Fatal(err)
				}
				jti, _ := claims["jti"].(string)
				if len(jti) < 26 || seen[jti] { // 26 characters of base32 are 130 bits
					t.Errorf("jti %q", jti)
				}
				seen[jti] = true
				delete(claims, "jti")
				now := float64(testNow().Unix())
				want := map[string]any{"iss": "app", "sub": "app", "aud": "https://op.example", "iat": now, "exp": now + 60}
				if len(claims) != len(want) {
					t.Errorf("%v", claims)
				}
				for name, value := range want {
					if claims[name] != value {
						t.Errorf("%s: %v", name, claims[name])
					}
				}
				head := jws.Signatures[0].Protected
				if head.ExtraHeaders[jose.HeaderType] != "client-authentication+jwt" || head.KeyID != test.key.KeyID || head.JSONWebKey != nil {
					t.Errorf("%+v", head)
				}
				if form.Get("client_id") != "app" || form.Get("token") != testToken ||
					form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" ||
					form.Has("client_secret") || r.header.Get("Authorization") != "" {
					t.Errorf("%v", r)
				}
			}
		})
	}
}

func TestClientThatCannotAuthenticateSendsNothing(t *testing.T) {
	s := serve(t, status(200, ""))
	for name, c := range map[string]Client{
		"unknown method": {ID: "app", Secret: testSecret, Method: "client_secret_jwt"},
		"no audience":    {ID: "app", Key: jwkOf(rsaKey(), "", "")},
		"no key":         {ID: "app", Method: PrivateKeyJWT, Audience: "a"},
		"empty key":      {ID: "app", Key: &jose.JSONWebKey{}, Audience: "a"},
		"public key":     {ID: "app", Key: jwkOf(rsaKey().Public(), "", ""), Audience: "a"},
		"HMAC key":       {ID: "app", Key: jwkOf([]byte(testSecret), "", "HS256"), Audience: "a"},
	} {
		err := c.Revoke(t.Context(), s.Client(), s.URL, nil, testToken, "refresh_token")
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		quiet(t, err)
	}
	err := Client{ID: "app"}.Revoke(t.Context(), s.Client(), "https://op.example\n/", nil, testToken, "refresh_token")
	if err == nil {
		t.Error("a URL with a line break")
	}
	quiet(t, err)
	if len(s.requests) != 0 {
		t.Errorf("%d requests", len(s.requests))
	}
}

// TestRedirectsAreNotFollowed: the request carries a token and a secret.
func TestRedirectsAreNotFollowed(t *testing.T) {
	other := serve(t, status(200, `{"id_token":"x"}`))
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, code) })
		// Also if the caller's client would follow.
		hc := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
		c := Client{ID: "app", Secret: testSecret}
		wantPlain(t, c.Revoke(t.Context(), hc, s.URL, nil, testToken, "refresh_token"))
		_, err := c.Exchange(t.Context(), hc, s.URL, nil, testCode, "https://app.example/cb", testVerifier)
		wantPlain(t, err)
		if hc.CheckRedirect(nil, nil) != nil {
			t.Error("the caller's client was changed")
		}
	}
	if len(other.requests) != 0 {
		t.Errorf("%d requests went on", len(other.requests))
	}
}

// TestNothingOfAnOddAnswerIsQuoted: what listens there may send back what it
// got, in any place of its answer.
func TestNothingOfAnOddAnswerIsQuoted(t *testing.T) {
	for _, answer := range []string{
		"BODY\r\n\r\n",
		"HTTP/1.1 BODY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nBODY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: BODY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: BODY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nBODY\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://[BODY\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /BODY\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 BODY\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 BODY\r\nRetry-After: BODY\r\nContent-Length: 0\r\n\r\n",
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, strings.ReplaceAll(answer, "BODY", testToken+testCode+testVerifier+testSecret))
		})
		c := Client{ID: "app", Secret: testSecret, Method: SecretPost}
		_, err := c.Exchange(t.Context(), s.Client(), s.URL, nil, testCode, "https://app.example/cb", testVerifier)
		if err == nil {
			t.Errorf("%q: no error", answer)
		}
		quiet(t, err)
		quiet(t, c.Revoke(t.Context(), s.Client(), s.URL, nil, testToken, "refresh_token"))
	}
}

func TestEndpointIsNamedInNetworkErrorsOnlyAsHost(t *testing.T) {
	s := serve(t, status(200, ""))
	u, _ := url.Parse(s.URL)
	s.Close()
	err := Client{ID: "app", Secret: testSecret}.Revoke(t.Context(), http.DefaultClient, s.URL, nil, testToken, "refresh_token")
	wantRetry(t, err, 0)
	if !strings.Contains(err.Error(), u.Host) {
		t.Errorf("%v", err)
	}
}

package provider

import (
	"strings"
	"testing"
	"time"
)

// TestConfigIsResolved: what the environment says, but of placeholders of ours.
func TestConfigIsResolved(t *testing.T) {
	t.Setenv("UL_TEST", "x{sid}") // what comes from there is not read again
	written := Config{
		Issuer: "https://{env.UL_TEST}", ClientKey: `{"kty":"{env.UL_TEST}"}`, TLSTrust: []string{"{env.UL_TEST}.pem"},
		ServerLogout: &ServerLogout{
			URL: "https://sso.example.com/{sid}/{env.UL_TEST}", Body: `{"sub":"{sub}"}`,
			Headers: map[string]string{"X": "{env.UL_TEST}"},
		},
	}
	c, err := written.resolved()
	if err != nil || c.Issuer != "https://x{sid}" || c.ClientKey != `{"kty":"x{sid}"}` || c.TLSTrust[0] != "x{sid}.pem" {
		t.Errorf("%+v %v", c, err)
	}
	s, err := written.ServerLogout.resolved()
	if err != nil || s.Method != "POST" || s.Timeout != 2*time.Second || s.URL != "https://sso.example.com/{sid}/x{sid}" || s.Body != `{"sub":"{sub}"}` || s.Headers["X"] != "x{sid}" {
		t.Errorf("%+v %v", s, err)
	}
	if written.Issuer != "https://{env.UL_TEST}" || written.ServerLogout.Method != "" {
		t.Error("what was written has changed")
	}
	c, err = Config{LogoutURL: "https://sso.example.com/{env.UL_TEST}?rd={return_url}"}.resolved()
	if err != nil || c.LogoutURL != "https://sso.example.com/x{sid}?rd={return_url}" {
		t.Errorf("%+v %v", c, err)
	}
	for says, c := range map[string]Config{
		"known here are {env.*}, {file.*}": {Issuer: "https://{http.request.host}"},
		"logout_url: ":                     {LogoutURL: "/{sid}"},
		"tls_trust: ":                      {TLSTrust: []string{"{sid}"}},
		"server_logout: ":                  {ServerLogout: &ServerLogout{URL: "{return_url}"}, Issuer: "https://sso.example.com"},
		"known here are {sid}, {sub}, {env.*}, {file.*}":     {ServerLogout: &ServerLogout{Body: "{return_url}"}, Issuer: "https://sso.example.com"},
		"server_logout: header A B: the name or what stands": {ServerLogout: &ServerLogout{Headers: map[string]string{"A B": "x"}}, Issuer: "https://sso.example.com"},
		"server_logout: header X: ":                          {ServerLogout: &ServerLogout{Headers: map[string]string{"X": "{sid}"}}, Issuer: "https://sso.example.com"},
		// Of two mistakes, the one in server_logout comes last.
		"client_id: a secret or key is there": {ServerLogout: &ServerLogout{URL: "{return_url}"}, Issuer: "https://sso.example.com", ClientSecret: "x"},
	} {
		if _, err := New("main", c, Env{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}

// TestWrittenIsChecked: only what is known already.
func TestWrittenIsChecked(t *testing.T) {
	for says, c := range map[string]Config{
		"begin with https://":         {Issuer: "http://sso.example.com"},
		"write the issuer":            {},
		"write one of the two":        {Issuer: "https://sso.example.com", LogoutURL: "/x"},
		"is the only placeholder":     {LogoutURL: "/x?{sid}"},
		"needs a client_secret":       {Issuer: "https://sso.example.com", ClientID: "edge", ClientAuth: "client_secret_post"},
		"a portal has a logout_url":   {LogoutURL: "/x", ServerLogout: &ServerLogout{}},
		"quirks: \"x\" is none of":    {Issuer: "https://sso.example.com", QuirksOf: "x"},
		"a secret or key is there":    {Issuer: "https://sso.example.com", ClientSecret: "s"},
		"no path that every browser ": {LogoutURL: "/\\evil.example"},
	} {
		if err := c.CheckWritten(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
	for _, c := range []Config{
		{Issuer: "{env.X}"},
		{Issuer: "http://sso.example.com", ClientID: "{env.X}"},
		{LogoutURL: "{env.X}", Issuer: "x"},
		{LogoutURL: "https://x.example/{file.x}"},
		{Issuer: "https://sso.example.com"},
		{LogoutURL: "/x?rd={return_url}"},
	} {
		if err := c.CheckWritten(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for says, s := range map[string]ServerLogout{
		"is no method":   {Method: "HEAD", URL: "https://sso.example.com/{sid}"},
		"whose session":  {URL: "https://sso.example.com/"},
		"no place in":    {URL: "https://{sid}.example.com/"},
		"timeout: 1ms":   {URL: "https://sso.example.com/{sid}", Timeout: time.Millisecond},
		"success: 99 is": {URL: "https://sso.example.com/{sid}", Success: []int{99}},
	} {
		if err := s.CheckWritten(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
	for _, s := range []ServerLogout{{URL: "{env.X}"}, {URL: "x", Body: "{file.x}"}, {URL: "https://sso.example.com/{sid}", Headers: map[string]string{"A B": ""}}} {
		if err := s.CheckWritten(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

package origin

import (
	"strings"
	"testing"
)

// TestParse: what has an origin, and what that is.
func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"https://app.example.com":          "https://app.example.com",
		"HTTPS://App.Example.COM:443/x?y":  "https://app.example.com",
		"http://app.example.com:80":        "http://app.example.com",
		"http://app.example.com:443":       "http://app.example.com:443",
		"https://[::1]:8443/":              "https://[::1]:8443",
		"https://app.example.com@evil.com": "",
		"https:app.example.com":            "",
		"ftp://app.example.com":            "",
		"app.example.com":                  "",
		"https://":                         "",
		"null":                             "",
		"":                                 "",
	} {
		o := Parse(in)
		if got := o.String(); want != "" && got != want || want == "" && o != (Origin{}) {
			t.Errorf("%q: %s, want %q", in, got, want)
		}
	}
}

// TestParts: hostname, port and site of an origin, and whether browsers trust it.
func TestParts(t *testing.T) {
	for in, want := range map[string][4]string{
		"https://app.example.com":       {"app.example.com", "", "https://example.com", "trusted"},
		"https://app.example.com:8443":  {"app.example.com", ":8443", "https://example.com", "trusted"},
		"http://app.example.co.uk":      {"app.example.co.uk", "", "http://example.co.uk", ""},
		"https://example.github.io":     {"example.github.io", "", "https://example.github.io", "trusted"},
		"http://127.0.0.1:3000":         {"127.0.0.1", ":3000", "http://127.0.0.1", "trusted"},
		"http://[::1]":                  {"::1", "", "http://::1", "trusted"},
		"https://[2001:db8::1]:8443":    {"2001:db8::1", ":8443", "https://2001:db8::1", "trusted"},
		"http://app.localhost:9080":     {"app.localhost", ":9080", "http://app.localhost", "trusted"},
		"http://localhost.evil.example": {"localhost.evil.example", "", "http://evil.example", ""},
	} {
		o, trusted := Parse(in), ""
		if o.Trustworthy() {
			trusted = "trusted"
		}
		if got := [4]string{o.Hostname(), PortSuffix(o), Site(o), trusted}; got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// TestHosts: registrable domains, and hosts that are this machine.
func TestHosts(t *testing.T) {
	for host, want := range map[string]string{
		"a.b.example.com": "example.com", "example.com": "example.com", "com": "", "github.io": "", "127.0.0.1": "", "::1": "", "a..b": "", "A.example.com": "", "": "",
	} {
		if got := Registrable(host); got != want {
			t.Errorf("the registrable domain of %q is %q, want %q", host, got, want)
		}
	}
	for host, want := range map[string]bool{"example.com": true, "lan": true, "home.lan": true, "com": false, "co.uk": false, "github.io": false, "": false} {
		if got := CanOwnNamesBelow(host); got != want {
			t.Errorf("one can own all names below %q: %t", host, got)
		}
	}
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost.": true, "a.localhost": true, "127.1.2.3": true, "::1": true, "::ffff:127.0.0.1": true, "0.0.0.0": true, "::": true,
		"example.com": false, "10.0.0.1": false, "localhost.example.com": false,
	} {
		if got := IsThisMachine(host); got != want {
			t.Errorf("%q is this machine: %t", host, got)
		}
	}
}

// TestPlain: what every parser reads alike, and what some do not.
func TestPlain(t *testing.T) {
	for url, want := range map[string]bool{
		"/": true, "/a?b=//c#d": true, "https://example.com": true, "https://example.com:8443/a": true, "http://[::1]:80/": true,
		"": false, "a": false, "//a": false, "/a//b": false, "/a/../b": false, "/%2e%2e/b": false, "/a/..;/b": false, "/a%2fb": false, "/a%5cb": false, "/a%00": false,
		"/a b": false, "/ä": false, `/a\b`: false, "https:/example.com": false, "https:///example.com": false, "https://a@example.com": false,
		"https://example.com.": false, "https://example.com:0443": false, "https://example.com:": false, "ftp://example.com": false,
		"/" + strings.Repeat("a", maxURL): false,
	} {
		if got := IsPlainURL(url); got != want {
			t.Errorf("%q is plain: %t", url, got)
		}
	}
}

// TestEndpoints: addresses of a provider, and what is wrong with others.
func TestEndpoints(t *testing.T) {
	for raw, says := range map[string]string{
		"https://sso.example.com/end?x=1": "", "http://localhost:8080/": "", "http://127.0.0.1": "",
		"http://sso.example.com/": "https://", "sso.example.com": "no address", "https://": "no address", `https://a\b`: "no address", "https://a b/": "no address",
		"https://a:b@sso.example.com/": "user or password", "https://sso.example.com/#x": "#",
	} {
		err := CheckEndpoint(raw)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v, want something about %q", raw, err, says)
		}
	}
	if err := CheckEndpoint("https://user:secret@ssö .example.com"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password is in the error: %v", err)
	}
	const endpoint = "https://sso.example.com/end"
	for raw, want := range map[string]bool{
		endpoint: true, endpoint + "?a=b": true, "https://SSO.example.com:443/end": true,
		endpoint + "/": false, "https://sso.example.com/End": false, "http://sso.example.com/end": false, "https://u@sso.example.com/end": false, "": false,
	} {
		if got := SameEndpoint(raw, endpoint); got != want {
			t.Errorf("%q is %s: %t", raw, endpoint, got)
		}
	}
}

package provider

import (
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// TestEndsSignOn: a question or a way out of ours, as the browser brings it, and
// nothing that only looks like one.
func TestEndsSignOn(t *testing.T) {
	own := origin.Parse("https://sso.example.com")
	op := newLab(t, Config{Issuer: "https://sso.example.com", EndSessionEndpoint: "https://sso.example.com/end?tenant=1", AuthorizationEndpoint: "https://sso.example.com/auth"})
	portal := newLab(t, Config{LogoutURL: "https://sso.example.com/?logout=1&rd={return_url}"})
	bare := newLab(t, Config{LogoutURL: "/sign_out"})
	question := Question{Client: "edge", RedirectURI: "https://app.example.com/back", State: "s", Nonce: "n", Verifier: strings.Repeat("v", 43)}
	asked := question.URL("https://sso.example.com/auth")
	another := question
	another.Verifier = strings.Repeat("w", 43)
	for name, tc := range map[string]struct {
		p           *lab
		method, url string
		foreign     bool // the site names another provider
		want        bool
	}{
		"the end":                     {op, "GET", "https://sso.example.com/end?tenant=1&id_token_hint=x", true, true},
		"the end of another tenant":   {op, "GET", "https://sso.example.com/end?tenant=2", false, false},
		"... said twice":              {op, "GET", "https://sso.example.com/end?tenant=1&tenant=1", false, false},
		"... by POST":                 {op, "POST", "https://sso.example.com/end?tenant=1", false, false},
		"the question":                {op, "GET", asked, true, true},
		"the question by POST":        {op, "POST", asked, false, false},
		"... with more":               {op, "GET", asked + "&request=x", false, false},
		"... said twice, too":         {op, "GET", asked + "&client_id=edge", false, false},
		"... separated as in old":     {op, "GET", asked + ";x", false, false},
		"... for more":                {op, "GET", strings.Replace(asked, "scope=openid", "scope=openid+email", 1), false, false},
		"... that shows a page":       {op, "GET", strings.Replace(asked, "prompt=none", "prompt=login", 1), false, false},
		"... without a challenge":     {op, "GET", strings.Replace(asked, "code_challenge=", "nonce_=", 1), false, false},
		"... of somebody else":        {op, "GET", another.URL("https://sso.example.com/auth"), false, false},
		"the portal's":                {portal, "GET", "https://sso.example.com/?logout=1&rd=x", true, true},
		"... with more parameters":    {portal, "GET", "https://sso.example.com/?logout=1&rd=x&user=y", false, false},
		"... separated as in old too": {portal, "GET", "https://sso.example.com/?logout=1;rd=x", false, false},
		"on the site itself":          {bare, "POST", "https://sso.example.com/sign_out", false, true},
		"on another site":             {bare, "POST", "https://sso.example.com/sign_out", true, false},
	} {
		u, err := url.Parse(tc.url)
		if err != nil {
			t.Fatal(err)
		}
		got := tc.p.EndsSignOn(tc.method, u, own, !tc.foreign, func(q Question) bool {
			return q.State == "s" && q.RedirectURI == question.RedirectURI && q.Mark() == question.Mark()
		})
		if got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

package provider

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// TestEndSessionURL: by what is known and by  The
// wanted addresses are compared as URLs: the order of the parameters is free.
func TestEndSessionURL(t *testing.T) {
	const (
		back    = "https://app.example.com/.universal-logout/return"
		escaped = "https%3A%2F%2Fapp.example.com%2F.universal-logout%2Freturn"
		op      = "https://sso.example.com/end"
	)
	for name, tc := range map[string]struct {
		quirks   string
		endpoint string // "": op
		given    EndSession
		want     string // behind the endpoint
		asks     bool   // nothing that can be done without a click
	}{
		"client and hint":                {given: EndSession{"h.i.t", "edge", back, "s"}, want: "?client_id=edge&id_token_hint=h.i.t&post_logout_redirect_uri=" + escaped + "&state=s"},
		"client":                         {given: EndSession{"", "edge", back, "s"}, want: "?client_id=edge&post_logout_redirect_uri=" + escaped + "&state=s"},
		"client, no return address":      {given: EndSession{"", "edge", "", "s"}, want: "?client_id=edge"},
		"client, hint, no return":        {given: EndSession{"h", "edge", "", "s"}, want: "?client_id=edge&id_token_hint=h"},
		"hint":                           {given: EndSession{"h", "", "", "s"}, want: "?id_token_hint=h"},
		"hint and return address":        {given: EndSession{"h", "", back, "s"}, want: "?id_token_hint=h&post_logout_redirect_uri=" + escaped + "&state=s"},
		"nothing":                        {given: EndSession{"", "", back, "s"}, asks: true},
		"keycloak":                       {quirks: "keycloak", given: EndSession{"h", "edge", back, "s"}, want: "?client_id=edge&id_token_hint=h&post_logout_redirect_uri=" + escaped + "&state=s"},
		"keycloak without hint":          {quirks: "keycloak", given: EndSession{"", "edge", back, "s"}, want: "?client_id=edge&post_logout_redirect_uri=" + escaped + "&state=s"},
		"zitadel without hint":           {quirks: "zitadel", given: EndSession{"", "edge", back, "s"}, want: "?client_id=edge&post_logout_redirect_uri=" + escaped + "&state=s"},
		"hydra":                          {quirks: "hydra", given: EndSession{"h", "edge", back, "s"}, want: "?client_id=edge&id_token_hint=h&post_logout_redirect_uri=" + escaped + "&state=s"},
		"hydra without hint":             {quirks: "hydra", given: EndSession{"", "edge", back, "s"}, asks: true},
		"authentik without hint":         {quirks: "authentik", given: EndSession{"", "edge", back, "s"}, asks: true},
		"okta without hint":              {quirks: "okta", given: EndSession{"", "edge", back, "s"}, asks: true},
		"okta with a hint only":          {quirks: "okta", given: EndSession{"h", "", "", "s"}, want: "?id_token_hint=h"},
		"cognito (RPI-06)":               {quirks: "cognito", given: EndSession{"h", "edge", back, "s"}, want: "?client_id=edge&logout_uri=" + escaped},
		"cognito with a hint only":       {quirks: "cognito", given: EndSession{"h", "", back, "s"}, asks: true},
		"auth0, as the standard says":    {quirks: "auth0", given: EndSession{"h", "edge", back, "s"}, want: "?client_id=edge&id_token_hint=h&post_logout_redirect_uri=" + escaped + "&state=s"},
		"RPI-02 a query of its own":      {endpoint: op + "?tenant=1&x=%20", given: EndSession{"", "edge", "", "s"}, want: "?tenant=1&x=%20&client_id=edge"},
		"RPI-02 an open query":           {endpoint: op + "?", given: EndSession{"", "edge", "", "s"}, want: "?client_id=edge"},
		"RPI-02 ends with &":             {endpoint: op + "?tenant=1&", given: EndSession{"", "edge", "", "s"}, want: "?tenant=1&client_id=edge"},
		"RPI-11 no slash is added":       {given: EndSession{"", "edge", "https://app.example.com", "s"}, want: "?client_id=edge&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com&state=s"},
		"RPI-11 nothing is normalised":   {given: EndSession{"", "edge", "https://APP.example.com:443/A%2fb/?x=a+b%20c", "s"}, want: "?client_id=edge&post_logout_redirect_uri=https%3A%2F%2FAPP.example.com%3A443%2FA%252fb%2F%3Fx%3Da%2Bb%2520c&state=s"},
		"a client_id of odd characters":  {given: EndSession{"", "a&state=x #é", "", ""}, want: "?client_id=a%26state%3Dx+%23%C3%A9"},
		"the endpoint's own query, bare": {endpoint: op + "?tenant=1", given: EndSession{"", "", back, "s"}, asks: true},
	} {
		endpoint := tc.endpoint
		if endpoint == "" {
			endpoint = op
		}
		got, ok := tc.given.url(endpoint, quirksByName[tc.quirks])
		if tc.asks {
			if ok || got != endpoint {
				t.Errorf("%s: %v %s, want the bare endpoint by a click", name, ok, got)
			}
			continue
		}
		want, err := url.Parse(op + tc.want)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(got)
		if err != nil || !ok || u.Host != want.Host || u.Path != want.Path || u.Query().Encode() != want.Query().Encode() {
			t.Errorf("%s: %v\n%s, want\n%s", name, ok, got, want)
		}
		if !strings.HasPrefix(got, endpoint) {
			t.Errorf("%s: the endpoint has changed: %s", name, got)
		}
		if back := tc.given.ReturnURI; back != "" && !strings.Contains(got, url.QueryEscape(back)) {
			t.Errorf("%s: the return address has changed (RPI-11): %s", name, got)
		}
	}
}

// TestLongHintIsDroppedWhole: RPI-20, RPI-21. What fits goes, to the byte; what
// does not is left out and never cut.
func TestLongHintIsDroppedWhole(t *testing.T) {
	for name, tc := range map[string]struct {
		quirks Quirks
		limit  int
	}{
		"usual": {Quirks{}, 4096},
		"entra": {quirksByName["entra"], 2000},
	} {
		for _, client := range []string{"edge", ""} {
			e := EndSession{Hint: "h", Client: client, ReturnURI: "https://app.example.com/bye", State: "s"}
			short, _ := e.url("https://sso.example.com/end?tenant=1", tc.quirks)
			e.Hint += strings.Repeat("i", tc.limit-len(short))
			got, ok := e.url("https://sso.example.com/end?tenant=1", tc.quirks)
			if !ok || len(got) != tc.limit || !strings.Contains(got, e.Hint) {
				t.Errorf("%s: %d bytes, %v; %d fit", name, len(got), ok, tc.limit)
			}
			e.Hint += "i"
			got, ok = e.url("https://sso.example.com/end?tenant=1", tc.quirks)
			if strings.Contains(got, "id_token_hint") || ok != (client != "") || ok && !strings.Contains(got, "client_id=edge&post_logout") {
				t.Errorf("%s: one byte more becomes %v %q", name, ok, got)
			}
		}
	}
	// Where the hint is a must, there is nothing to be sent without it.
	e := EndSession{Hint: strings.Repeat("h", 5000), Client: "edge"}
	if got, ok := e.url("https://sso.example.com/end", quirksByName["hydra"]); ok || got != "https://sso.example.com/end" {
		t.Errorf("%v %s", ok, got)
	}
}

// TestReadAppLogout: a hint for a client of ours is ours; what an app says for
// another stays as it is (RPI-13); all else is of no interest.
func TestReadAppLogout(t *testing.T) {
	op := oidctest.Start(t, oidctest.Config{})
	p := newLab(t, Config{Issuer: op.Issuer()})
	m, err := p.asks()
	if err != nil {
		t.Fatal(err)
	}
	ours, foreign := op.IDToken("edge", "ana", "s", nil), op.IDToken("another", "ana", "s", nil)
	for name, tc := range map[string]struct {
		query   url.Values
		hint    string
		foreign bool
	}{
		"nothing":                 {url.Values{}, "", false},
		"ours":                    {url.Values{"id_token_hint": {ours}}, ours, false},
		"ours, named":             {url.Values{"id_token_hint": {ours}, "client_id": {"edge"}}, ours, false},
		"ours by name":            {url.Values{"client_id": {"edge"}}, "", false},
		"ours by name, and a lie": {url.Values{"id_token_hint": {foreign}, "client_id": {"edge"}}, "", false},
		"another's":               {url.Values{"id_token_hint": {foreign}, "post_logout_redirect_uri": {"https://x.example/"}}, "", true},
		"another's, named":        {url.Values{"id_token_hint": {ours}, "client_id": {"another"}}, "", true},
		"another's by name":       {url.Values{"client_id": {"another"}}, "", true},
	} {
		hint, next, back := p.ReadAppLogout(t.Context(), m, m.EndSession+"?"+tc.query.Encode(), []string{"edge"})
		if hint != tc.hint || (next != "") != tc.foreign || tc.foreign && (next != m.EndSession+"?"+tc.query.Encode() || back != tc.query.Get("post_logout_redirect_uri")) {
			t.Errorf("%s: %q %q %q", name, hint, next, back)
		}
		for _, address := range []string{"", op.Issuer() + "/elsewhere?" + tc.query.Encode()} {
			if hint, next, _ := p.ReadAppLogout(t.Context(), m, address, []string{"edge"}); hint+next != "" {
				t.Errorf("%s, at %q: %q %q", name, address, hint, next)
			}
		}
	}
	// Without a client of ours there is none to mix it with.
	if hint, next, _ := p.ReadAppLogout(t.Context(), m, m.EndSession+"?id_token_hint="+ours, nil); hint != "" || next == "" {
		t.Errorf("no client: %q %q", hint, next)
	}
}

// TestEndSessionURLByWhatIsAccepted: all of it, only without the return address,
// or a click.
func TestEndSessionURLByWhatIsAccepted(t *testing.T) {
	for name, tc := range map[string]struct {
		quirks   string
		client   string
		accepts  func(q url.Values) bool
		returns  bool
		state    string
		wantLink string // "": it goes without a click
	}{
		"everything":        {"", "edge", func(url.Values) bool { return true }, true, "s", ""},
		"not the address":   {"", "edge", func(q url.Values) bool { return !q.Has("post_logout_redirect_uri") }, false, "", ""},
		"only the bare one": {"", "edge", func(q url.Values) bool { return len(q) == 0 }, false, "", "https://sso.example.com/end"},
		"nothing":           {"", "edge", func(url.Values) bool { return false }, false, "", "none"},
		"no client":         {"", "", func(url.Values) bool { return true }, false, "", "https://sso.example.com/end"},
		"no state":          {"cognito", "edge", func(url.Values) bool { return true }, true, "", ""},
	} {
		p := newLab(t, Config{Issuer: "https://sso.example.com", QuirksOf: tc.quirks})
		p.AskThrough(transport(func(w http.ResponseWriter, r *http.Request) {
			if !tc.accepts(r.URL.Query()) {
				w.WriteHeader(400)
			}
		}))
		m := Metadata{Issuer: p.Issuer, EndSession: "https://sso.example.com/end", Quirks: p.Quirks}
		address, sent, ok := p.EndSessionURL(t.Context(), m, EndSession{Client: tc.client, ReturnURI: "https://app.example.com/bye", State: "s"})
		if tc.wantLink != "" {
			if ok || address != strings.TrimSuffix(tc.wantLink, "none") {
				t.Errorf("%s: %v %s", name, ok, address)
			}
			continue
		}
		if !ok || (sent.ReturnURI != "") != tc.returns || sent.State != tc.state || strings.Contains(address, "state=s") != (tc.state != "") || strings.Contains(address, "bye") != tc.returns {
			t.Errorf("%s: %v %s %+v", name, ok, address, sent)
		}
	}
}

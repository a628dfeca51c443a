package provider

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestReadAnswer: what says something, and what could be anybody's.
func TestReadAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		query     string
		hasIssuer bool // the provider says that it names itself in answers
		status    int  // of the token endpoint, 0: it is not asked
		want      Answer
		redeems   bool // whether the next question is worth it
	}{
		"nobody":                    {"error=login_required", false, 0, Answer{Nobody: true}, true},
		"nobody, by name":           {"error=login_required&iss=https%3A%2F%2Fsso.example.com", true, 0, Answer{Nobody: true}, true},
		"nobody, says another":      {"error=login_required&iss=https%3A%2F%2Fevil.example", false, 0, Answer{}, true},
		"nobody, without its name":  {"error=login_required", true, 0, Answer{}, true},
		"another error":             {"error=consent_required&code=c", false, 0, Answer{}, true},
		"no code":                   {"", false, 0, Answer{}, true},
		"a code without end":        {"code=" + strings.Repeat("c", maxCode+1), false, 0, Answer{}, true},
		"a code, out of order":      {"code=c", false, 503, Answer{Unreachable: true}, true},
		"a code, of another client": {"code=c", false, 401, Answer{}, false},
	} {
		p := newLab(t, Config{
			Issuer: "https://sso.example.com", ClientID: "edge", EndSessionEndpoint: "https://sso.example.com/end", JWKSURI: "https://sso.example.com/jwks",
			AuthorizationEndpoint: "https://sso.example.com/auth", TokenEndpoint: "https://sso.example.com/token", RevocationEndpoint: "https://sso.example.com/revoke",
		})
		asked := 0
		p.AskThrough(transport(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(tc.status)
			_, _ = w.Write([]byte(`{"error":"invalid_client"}`))
		}))
		query, err := url.ParseQuery(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		got := p.ReadAnswer(t.Context(), Metadata{ResponseHasIssuer: tc.hasIssuer}, query, Question{Client: "edge"})
		if got.Nobody != tc.want.Nobody || got.Unreachable != tc.want.Unreachable || got.Hint.Raw != "" || (asked > 0) != (tc.status > 0) || p.redeems("edge") != tc.redeems {
			t.Errorf("%s: %+v, asked %d times", name, got, asked)
		}
		if logged := p.logged.FilterMessageSnippet("gave no ID token").Len(); logged != asked {
			t.Errorf("%s: logged %d times", name, logged)
		}
	}
}

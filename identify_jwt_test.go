package universallogout

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/journey"
)

// refusedOf are the cookies of a request that are refused by their claims.
func (lab *identifyLab) refusedOf(cookies ...string) (refused []cookie.Cookie) {
	r := request("GET", "https://app.example.com/", "")
	r.Header["Cookie"] = cookies
	asked, _ := lab.handlers()[0].run.policy.ForApp(r)
	pairs := func(lines []string) []string {
		all := strings.FieldsFunc(strings.Join(lines, ";"), func(c rune) bool { return c == ';' })
		for i := range all {
			all[i] = strings.TrimSpace(all[i])
		}
		return all
	}
	left := pairs(asked.Header["Cookie"])
	for _, pair := range pairs(cookies) {
		if !slices.Contains(left, pair) {
			name, value, _ := strings.Cut(pair, "=")
			refused = append(refused, cookie.Cookie{Name: name, Value: value})
		}
	}
	if (asked != r) != (len(refused) > 0) {
		lab.t.Errorf("%q: taken out: %d", cookies, len(refused))
	}
	return refused
}

func (lab *identifyLab) refusedNames(cookies ...string) (names []string) {
	for _, c := range lab.refusedOf(cookies...) {
		names = append(names, c.Name)
	}
	return names
}

// TestIdentifyJWT: a session cookie that is a JWT is refused when its user's
// sessions are that began before, or its own.
func TestIdentifyJWT(t *testing.T) {
	lab := jwtLab(t)
	old, ben := tokenFor("ana", testNow), tokenFor("ben", testNow)
	if got := lab.refusedNames("token=" + old); got != nil {
		t.Errorf("refused with nothing revoked: %v", got)
	}
	lab.revoke(jwtIssuer, "ana")
	again := tokenFor("ana", lab.now())
	for name, tc := range map[string]struct {
		cookies []string
		refused []string
	}{
		"old":                        {[]string{"token=" + old}, []string{"token"}},
		"signed in again":            {[]string{"token=" + again}, nil},
		"somebody else":              {[]string{"token=" + ben}, nil},
		"both":                       {[]string{"token=" + again + "; old_session=" + old}, []string{"old_session"}},
		"on two lines":               {[]string{"a=b", "token=" + ben, "jwt=" + old}, []string{"jwt"}},
		"any name":                   {[]string{"x=" + old}, []string{"x"}},
		"kept":                       {[]string{"kept=" + old}, []string{"kept"}},
		"in one of ours":             {[]string{journey.MarkerCookie + "=" + old}, []string{journey.MarkerCookie}},
		"quoted":                     {[]string{`token="` + old + `"`}, []string{"token"}},
		"percent-encoded":            {[]string{"token=" + strings.Replace(strings.ReplaceAll(old, ".", "%2E"), "eyJ", "%65yJ", 1)}, []string{"token"}},
		"percent-encoded in part":    {[]string{"token=" + strings.Replace(old, ".", "%2e", 1) + "%zz%"}, []string{"token"}},
		"in octal":                   {[]string{`token="` + strings.Replace(old, "eyJ", `e\171J`, 1) + `"`}, []string{"token"}},
		"escaped":                    {[]string{`token="` + strings.Replace(old, "eyJ", `\eyJ`, 1) + `"`}, []string{"token"}},
		"behind a comma":             {[]string{"x=a.b.c, token=" + old}, []string{"x"}},
		"behind another":             {[]string{"x=" + ben + " " + old}, []string{"x"}},
		"without a name":             {[]string{"=" + old}, []string{""}},
		"Express, JSON":              {[]string{`token=j:"` + old + `"`}, []string{"token"}},
		"Express, JSON with escapes": {[]string{`token=j:"\u0065` + old[1:] + `"`}, []string{"token"}},
		"as Bearer":                  {[]string{"token=Bearer%20" + old}, []string{"token"}},
		"signed by the app":          {[]string{"token=s%3A" + old + ".c2lnbmF0dXJl"}, []string{"token"}},
		"its signature padded":       {[]string{"token=" + old + "="}, []string{"token"}},
		"another signature":          {[]string{"token=" + old[:len(old)-1] + "+/"}, []string{"token"}},
		"no signature":               {[]string{"token=" + old[:strings.LastIndex(old, ".")+1]}, []string{"token"}},
		"two of a name":              {[]string{"token=" + again + "; token=" + old}, []string{"token"}},
		"another issuer":             {[]string{"token=" + unsigned(`{"iss":"https://other.example.com","sub":"ana","iat":1}`)}, nil},
		"issuer in capitals":         {[]string{"token=" + unsigned(`{"ISS":"https://sso.example.com","sub":"ana","iat":1}`)}, nil},
		"no issuer":                  {[]string{"token=" + unsigned(`{"sub":"ana","iat":1}`)}, nil},
		"no sub":                     {[]string{"token=" + unsigned(`{"iss":"https://sso.example.com","iat":1}`)}, nil},
		"sub is none":                {[]string{"token=" + unsigned(`{"iss":"https://sso.example.com","sub":["ana"],"iat":1}`)}, nil},
		"no iat":                     {[]string{"token=" + unsigned(`{"iss":"https://sso.example.com","sub":"ana"}`)}, []string{"token"}},
		"auth_time before":           {[]string{"token=" + unsigned(`{"iss":"https://sso.example.com","sub":"ana","auth_time":1}`)}, []string{"token"}},
		"auth_time after":            {[]string{"token=" + unsigned(`{"iss":"https://sso.example.com","sub":"ana","auth_time":`+fmt.Sprint(lab.now().Unix())+`}`)}, nil},
		"signed in, issued anew":     {[]string{"token=" + unsigned(`{"iss":"https://sso.example.com","sub":"ana","auth_time":1,"iat":`+fmt.Sprint(lab.now().Unix())+`}`)}, nil},
		"iat is a word":              {[]string{"token=" + unsigned(`{"iss":"https://sso.example.com","sub":"ana","iat":"9999999999"}`)}, []string{"token"}},
		"encrypted":                  {[]string{"token=" + old + ".x.y"}, []string{"token"}}, // none is, and its payload would be no JSON
		"not JSON":                   {[]string{"token=" + unsigned(`iss ana`)}, nil},
		"not base64":                 {[]string{"token=eyJ.!!.x"}, nil},
		"too long":                   {[]string{"token=" + unsigned(`{"iss":"https://sso.example.com","sub":"ana","x":"`+strings.Repeat("x", 16<<10)+`"}`)}, nil},
		"a word with dots":           {[]string{"session=a.b.c"}, nil},
		"header begins differently":  {[]string{"token=" + base64.RawURLEncoding.EncodeToString([]byte(`{ "alg":"none"}`)) + old[strings.Index(old, "."):]}, []string{"token"}},
	} {
		if got := lab.refusedNames(tc.cookies...); !slices.Equal(got, tc.refused) {
			t.Errorf("%s: refused %v, want %v", name, got, tc.refused)
		}
	}
}

// TestRefusedJWTKeepsItsNamesake: of two cookies with one name, the one that
// is refused is told apart: only the credential that carries the claim.
func TestRefusedJWTKeepsItsNamesake(t *testing.T) {
	lab := jwtLab(t)
	old := tokenFor("ana", testNow)
	lab.revoke(jwtIssuer, "ana")
	again := tokenFor("ana", lab.now())
	got := lab.refusedOf("token=" + again + "; token=" + old)
	if len(got) != 1 || got[0].Value != old {
		t.Errorf("%d refused", len(got))
	}
}

// TestJWTBySid: the session of one device.
func TestJWTBySid(t *testing.T) {
	lab := jwtLab(t)
	if err := lab.list().Revoke(t.Context(), lab.list().OfSession(jwtIssuer, "session-of-ana")); err != nil {
		t.Fatal(err)
	}
	for token, refused := range map[string]bool{
		tokenFor("ana", testNow):                true,
		tokenFor("ana", testNow.Add(time.Hour)): true,
		tokenFor("ben", testNow):                false,
		unsigned(`{"sid":"session-of-ana"}`):    false,

		unsigned(`{"iss":"https://sso.example.com","sid":"session-of-ana"}`): true,

		unsigned(`{"iss":"https://sso.example.com","sid":"SESSION-of-ana","sub":"ana","iat":1}`): false,
		unsigned(`{"iss":"https://sso.example.com","sid":["session-of-ana"],"sub":"x","iat":1}`): false,
		unsigned(`{"iss":"https://sso.example.com","sid":"session-of-ana","sid":"another one"}`): false, // no issuer makes that
	} {
		if got := lab.refusedNames("token="+token) != nil; got != refused {
			t.Errorf("%s: refused %t", token, got)
		}
	}
}

// TestClaimsOfOthersRevokeNothing: who presents a JWT of his own making, with
// another's sid and sub in it, changes nothing for the other.
func TestClaimsOfOthersRevokeNothing(t *testing.T) {
	lab := jwtLab(t)
	victim, made := tokenFor("ana", testNow), unsigned(`{"iss":"`+jwtIssuer+`","sub":"ana","sid":"session-of-ana","iat":1}`)
	for range 3 {
		lab.get("https://app.example.com/", "Cookie: token="+made, "Authorization: Bearer "+made)
		lab.do(request("POST", "https://app.example.com/logout", "", with(submitted, "Cookie: token="+made)...))
	}
	stats := lab.list().Stats()
	if stats.Sessions+stats.Subjects+stats.Bindings != 0 {
		t.Errorf("%+v", stats)
	}
	if lab.list().Refuses(victim) || lab.refusedNames("token="+victim) != nil {
		t.Error("the other's session is refused")
	}
	// And beside a refused one of his, the victim's own cookie is not touched.
	lab.revoke(jwtIssuer, "mallory")
	if got := lab.refusedNames("token="+victim+"; sid="+sessionValue(1), "jwt="+tokenFor("mallory", testNow)); !slices.Equal(got, []string{"jwt"}) {
		t.Errorf("refused %v", got)
	}
}

// TestOnlyJWTSitesReadClaims: nothing is read without the word.
func TestOnlyJWTSitesReadClaims(t *testing.T) {
	lab := newIdentifyLab(t, "", "app.example.com {\nuniversal_logout\nreverse_proxy APP\n}")
	lab.revoke(jwtIssuer, "ana")
	if got := lab.refusedNames("token=" + tokenFor("ana", testNow)); got != nil {
		t.Errorf("refused %v", got)
	}
}

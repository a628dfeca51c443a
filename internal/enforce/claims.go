package enforce

import (
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// What a JWT says of itself nobody has verified: it counts against the one
// that says it, of several cookies with one name too, and for nothing else.

// expiryGrace: apps take a JWT for valid a little longer than it says.
const expiryGrace = 5 * time.Minute

// readsClaims reports whether the claims of JWTs can refuse any. They are not
// looked at otherwise.
func (p *Policy) readsClaims(list *revocation.List) bool {
	return p.ReadsJWT && list.HasSessions()
}

// namesRefused reports whether a JWT of a refused session is in what a client
// sent.
func namesRefused(list *revocation.List, value string) bool {
	for token := range revocation.JWTs(value) {
		if s, ok := sessionOf(token); ok && list.RefusesSession(s) {
			return true
		}
	}
	return false
}

// sessionOf reads the claims of a JWT, verifying nothing. One that does not say
// when it was issued is taken for older than all.
func sessionOf(token string) (s revocation.Session, ok bool) {
	claims, err := jwks.Peek(token)
	if err != nil {
		return s, false
	}
	s = revocation.Session{Issuer: claims.String("iss"), Sid: claims.String("sid"), Sub: claims.String("sub")}
	// Not auth_time: who is signed in at the provider logs in again without
	// being asked, and that stays what it was.
	if s.Started, ok = claims.Time("iat"); !ok {
		s.Started, _ = claims.Time("auth_time")
	}
	return s, s.Issuer != "" && s.Sid+s.Sub != ""
}

// lifeOf reads a JWT: when it expires, and whether it is anybody's at all. One
// without a name in it, as pages have that anybody can open, is many people's.
// Claims are not verified here, but they decide about this very token only.
func lifeOf(token string, now time.Time) (until time.Time, ofSomebody bool) {
	claims, err := jwks.Peek(token)
	if err != nil {
		return time.Time{}, true
	}
	if exp, ok := claims.Time("exp"); ok && exp.After(now) { // an app that still takes it looks at no exp
		until = exp.Add(expiryGrace)
	}
	if sub := claims.String("sub"); slices.Contains(anybody, sub) || sub != "" && (sub == claims.String("azp") || sub == claims.String("client_id")) {
		return until, false // what programs get for themselves
	}
	for name := range claims {
		if slices.Contains(ofPeople, strings.ToLower(strings.ReplaceAll(name, "_", ""))) {
			return until, true
		}
	}
	return until, false
}

// What claims are called that say whose a token is, and what nobody's say.
var (
	ofPeople = []string{
		"sub", "sid", "jti", "uid", "userid", "email", "username", "id", "user", "login", "preferredusername", "uniquename", "nameid",
		"upn", "oid", "uuid", "guid", "identity", "account", "accountid", "memberid", "customerid", "session", "sessionid", "sessionstate",
		"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
	}
	anybody = []string{"anonymous", "anon", "guest", "public"}
)

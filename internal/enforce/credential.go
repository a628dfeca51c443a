package enforce

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// maxRevoked is how many credentials one request can have refused.
const maxRevoked = 16

// expiryGrace: apps take a JWT for valid a little longer than it says.
const expiryGrace = 5 * time.Minute

// Credential is one that a logout presented and that only its owner can have.
type Credential struct {
	Fingerprint revocation.Fingerprint
	Until       time.Time // it is worth nothing from then on; zero: nobody knows
}

// CredentialsIn reads what a logout will have refused: the session cookies and
// credentials in headers that this very request presented. What others could
// guess or have, too, is not refused: they would be logged out with it.
func (p *Policy) CredentialsIn(r *http.Request, presented []cookie.Cookie) (found []Credential, all bool) {
	list := p.Edge.Await(r.Context())
	if list == nil {
		return nil, false
	}
	now := p.Edge.Now()
	add := func(value string) (isFound bool) {
		credential, ok := credentialOf(list, value, now)
		switch {
		case !ok:
			return false
		case slices.ContainsFunc(found, func(c Credential) bool { return c.Fingerprint == credential.Fingerprint }):
			return true
		case len(found) == maxRevoked:
			return false
		}
		found = append(found, credential)
		return true
	}
	for _, value := range p.headerCredentials(r) {
		add(value)
	}
	all = true
	pairs := make([]string, 0, len(presented))
	for _, c := range presented {
		all = add(c.Value) && all
		pairs = append(pairs, c.Name+"="+c.Value)
		// FastAPI's apps keep a whole header in a cookie, and take either.
		if word, token, found := strings.Cut(strings.Trim(asAppsRead(c.Value), `"`), " "); found && strings.EqualFold(word, "Bearer") {
			add(token)
		}
		// Of what others sign, the beginning is no secret.
		if id := revocation.WithoutRoute(c.Value); id != c.Value && strings.Contains(strings.ToLower(c.Name), "jsessionid") && !strings.EqualFold(id[:3], "eyj") {
			add(id)
		}
	}
	// The parts of a value that is too long for one cookie may be cut elsewhere
	// the next time (CK-15).
	for _, value := range revocation.Joined(pairs) {
		add(value)
	}
	return found, all
}

// credentialOf is false for what others could guess or have, too.
func credentialOf(list *revocation.List, value string, now time.Time) (c Credential, ok bool) {
	fingerprint, ok := list.Fingerprint(value)
	until, ofSomebody := lifeOf(value, now)
	return Credential{fingerprint, until}, ok && ofSomebody && isSecret(value) && !isBentJWT(value)
}

// lifeOf reads a JWT: when it expires, and whether it is anybody's at all. One
// without a name in it, as pages have that anybody can open, is many people's.
// Claims are not verified here, but they decide about this very token only.
func lifeOf(value string, now time.Time) (until time.Time, ofSomebody bool) {
	claims, err := jwks.Peek(otherwiseSigned(plainBase64(value)))
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

// plainBase64 is what lenient apps read of a value: dots, and base64 in one
// alphabet.
func plainBase64(value string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '+':
			return '-'
		case c == '/':
			return '_'
		case c == '.' || c < 0x80 && cookie.IsBase64(byte(c)):
			return c
		}
		return -1
	}, asAppsRead(value))
}

// otherwiseSigned is a JWT with another signature: its own has several spellings.
func otherwiseSigned(token string) string {
	if strings.Count(token, ".") != 2 {
		return token
	}
	return token[:strings.LastIndexByte(token, '.')] + ".AA"
}

// isBentJWT reports whether a value begins like a JWT and is none as it stands,
// though it may be one in a spelling that counts as the same: with other
// capitals, say. Nobody says then whose it is.
func isBentJWT(value string) bool {
	plain := plainBase64(value)
	if len(plain) < 3 || !strings.EqualFold(strings.NewReplacer(".", "", "-", "", "_", "").Replace(plain)[:3], "eyj") {
		return false
	}
	parts := strings.Split(plain, ".")
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || !json.Valid(head) {
		return true
	}
	if claims, err := jwks.ParseClaims(head); err != nil || !claims.Has("alg") {
		return false // another kind of signed text
	}
	switch len(parts) {
	case 3:
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		return err != nil || !json.Valid(payload)
	case 5: // encrypted: it is nobody's guess
		return false
	}
	return true
}

// isSecret reports whether nobody can guess a value. An app's numbers and names
// of sessions can be counted up, and a value of many people is mostly a word.
func isSecret(value string) bool {
	return cookie.AnyRun(value, cookie.MinCredential, isRandom)
}

// isRandom asks less than what makes cookies of unknown names sessions: this
// one is known to hold one, and may have a shorter value. Capitals alone make
// no word a secret: whoever presents it chooses them, and they count for
// nothing when it is looked up.
func isRandom(run cookie.Run) bool {
	letters := run.Lower + run.Upper
	if letters == 0 || run.Distinct < 8 {
		return false
	}
	noWord := run.Consonants > 3 || run.Vowels*10 < letters*3
	return run.Changes >= run.Length/6 && (run.DigitChanges > 2 || noWord) || run.DigitChanges > 1 && noWord
}

// NotDurable says what an error of the list means for those who log out.
func NotDurable(err error) string {
	if errors.Is(err, revocation.ErrFull) {
		return "a session is not refused: the list of revocations is full"
	}
	return "a session is refused by this node, but it may forget that when it restarts"
}

package enforce

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// maxRevoked is how many credentials one request can have refused.
const maxRevoked = 16

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
		if token, ok := revocation.Bearer(c.Value); ok {
			add(token)
		}
		// Of what others sign, the beginning is no secret.
		if id := revocation.WithoutRoute(c.Value); id != c.Value && strings.Contains(strings.ToLower(c.Name), "jsessionid") && !strings.EqualFold(id[:3], "eyj") {
			add(id)
		}
	}
	// The parts of a value that is too long for one cookie may be cut elsewhere
	// the next time (CK-15).
	for _, value := range revocation.JoinedChunks(pairs) {
		add(value)
	}
	return found, all
}

// credentialOf is false for what others could guess or have, too.
func credentialOf(list *revocation.List, value string, now time.Time) (c Credential, ok bool) {
	fingerprint, ok := list.Fingerprint(value)
	token, isBent := revocation.AsJWT(value)
	until, ofSomebody := lifeOf(token, now)
	return Credential{fingerprint, until}, ok && ofSomebody && isSecret(value) && !isBent
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

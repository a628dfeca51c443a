package enforce

import (
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// What a JWT says of itself nobody has verified: it counts against the one
// that says it, of several cookies with one name too, and for nothing else.

// readsClaims reports whether the claims of JWTs can refuse any. They are not
// looked at otherwise.
func (p *Policy) readsClaims(list *revocation.List) bool {
	return p.JWT && list.HasSessions()
}

// refusesCookies reports whether Cookie header lines hold anything refused.
func (p *Policy) refusesCookies(list *revocation.List, lines []string) bool {
	if list.RefusesAny(lines) {
		if !p.Keeps {
			return true
		}
		_, refused := p.withoutRefused(list, lines)
		return len(refused) > 0
	}
	return p.readsClaims(list) && slices.ContainsFunc(lines, func(line string) bool { return namesRefused(list, line) })
}

// withoutRefused takes out of Cookie header lines what the list refuses, and
// the JWTs of sessions that it refuses, whatever their names are: apps differ
// in how they read names.
func (p *Policy) withoutRefused(list *revocation.List, lines []string) (kept []string, refused []revocation.Refused) {
	lines, spared := p.spareKept(lines)
	kept, refused = list.WithoutRefused(lines)
	if p.readsClaims(list) {
		take := func(pair string) bool {
			if !namesRefused(list, pair) {
				return false
			}
			name, value, _ := strings.Cut(pair, "=")
			c := revocation.Refused{Name: strings.TrimRight(name, " \t"), Value: strings.TrimLeft(value, " \t")}
			c.Fingerprint, _ = list.Fingerprint(c.Value)
			refused = append(refused, c)
			return true
		}
		kept, spared = cookie.WithoutPairs(kept, take), cookie.WithoutPairs(spared, take)
		if list.RefusesAny(kept) { // what is left may read otherwise than before
			kept = nil
		}
	}
	return append(kept, spared...), refused
}

// spareKept takes the cookies out that the site says are none of a session,
// whatever their values are.
func (p *Policy) spareKept(lines []string) (rest, spared []string) {
	if !p.Keeps {
		return lines, nil
	}
	rest = cookie.WithoutPairs(lines, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		if p.Sessions.Keep.Matches(name) {
			spared = append(spared, pair)
			return true
		}
		return false
	})
	if len(spared) > 0 {
		spared = []string{strings.Join(spared, "; ")}
	}
	return rest, spared
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

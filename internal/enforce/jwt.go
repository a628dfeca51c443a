package enforce

import (
	"slices"
	"strconv"
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
		if p.Sessions.ToldToKeep(name) {
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
	for piece := range strings.FieldsFuncSeq(asAppsRead(value), isAround) {
		if s, ok := sessionOfJWT(piece); ok && list.RefusesSession(s) {
			return true
		}
	}
	return false
}

// isAround tells what apps take off a token: quotes, s: and Bearer before it,
// and other cookies where a parser is so old that commas separate them.
func isAround(c rune) bool { return strings.ContainsRune("\":;, \t=", c) }

// sessionOfJWT reads the claims of a JWT, verifying nothing. One that does not
// say when it was issued is taken for older than all.
func sessionOfJWT(token string) (s revocation.Session, ok bool) {
	head, rest, _ := strings.Cut(token, ".")
	payload, _, signed := strings.Cut(rest, ".")
	if !signed {
		return s, false
	}
	// The signature has spellings that are no base64url and that apps take all
	// the same. The rest has one only, for it is what was signed.
	claims, err := jwks.Peek(head + "." + payload + ".AA")
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

// asAppsRead undoes percent-encoding, as far as it is one, and backslashes:
// Python decodes octal in quotes.
func asAppsRead(value string) string {
	if !strings.ContainsAny(value, "%\\") {
		return value
	}
	decoded := make([]byte, 0, len(value))
	for rest := value; rest != ""; {
		c, n := rest[0], 1
		switch {
		case c == '%' && len(rest) > 2:
			if code, err := strconv.ParseUint(rest[1:3], 16, 8); err == nil {
				c, n = byte(code), 3
			}
		case c == '\\' && len(rest) > 5 && rest[1] == 'u' && rest[2:4] == "00": // Express reads JSON behind j:
			if code, err := strconv.ParseUint(rest[4:6], 16, 8); err == nil {
				c, n = byte(code), 6
			}
		case c == '\\' && len(rest) > 1:
			c, n = rest[1], 2
			if len(rest) > 3 {
				if code, err := strconv.ParseUint(rest[1:4], 8, 8); err == nil {
					c, n = byte(code), 4
				}
			}
		}
		decoded, rest = append(decoded, c), rest[n:]
	}
	return string(decoded)
}

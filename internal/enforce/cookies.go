package enforce

import (
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// refusesCookies reports whether Cookie header lines hold anything refused.
func (p *Policy) refusesCookies(list *revocation.List, lines []string) bool {
	if list.RefusesAny(lines) {
		if !p.NamesKept {
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
	if !p.NamesKept {
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

package enforce

import (
	"net/http"
	"slices"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

const headerAuthorization = "Authorization"

// headerCredentials are what a request presents in the headers that hold
// sessions. Basic is never looked at: a password outlives a logout.
func (p *Policy) headerCredentials(r *http.Request) (found []string) {
	for _, name := range p.Headers {
		for _, line := range r.Header[name] {
			eachHeaderCredential(name, line, func(value string) bool {
				if len(value) >= cookie.MinCredential && !slices.Contains(found, value) {
					found = append(found, value)
				}
				return len(found) < maxRevoked
			})
			if len(found) == maxRevoked {
				return found
			}
		}
	}
	return found
}

// refusesHeaders reports whether anything in them is refused. All of it is
// looked at, and nothing is allocated.
func (p *Policy) refusesHeaders(list *revocation.List, hdr http.Header) bool {
	for _, name := range p.Headers {
		for _, line := range hdr[name] {
			if p.refusesHeaderLine(list, name, line) {
				return true
			}
		}
	}
	return false
}

func (p *Policy) refusesHeaderLine(list *revocation.List, name, line string) (refused bool) {
	eachTaken(name, line, func(value string) bool {
		refused = p.refusesValue(list, value)
		return !refused
	})
	return refused
}

// eachTaken calls yield for all that an app may take a credential from until it
// returns false: every word of Authorization but Basic's, for many apps take
// what stands behind the first space, whatever stands before it, and Rails what
// stands behind token=.
func eachTaken(name, line string, yield func(value string) bool) {
	if name != headerAuthorization {
		yield(strings.Trim(line, " \t"))
		return
	}
	basic := false
	eachWord(line, func(word string) bool {
		if basic {
			basic = false
			return true
		}
		basic = strings.EqualFold(word, "Basic")
		_, value, found := strings.Cut(word, "=")
		return yield(word) && (!found || yield(value))
	})
}

func (p *Policy) refusesValue(list *revocation.List, value string) bool {
	return list.Refuses(value) || p.readsClaims(list) && namesRefused(list, value)
}

// takeRefusedHeaders takes the headers out of a request that hold something
// refused, and returns the name of the first, or "".
func (p *Policy) takeRefusedHeaders(list *revocation.List, hdr http.Header) (first string) {
	for _, name := range p.Headers {
		if slices.ContainsFunc(hdr[name], func(line string) bool { return p.refusesHeaderLine(list, name, line) }) {
			delete(hdr, name)
			if first == "" {
				first = name
			}
		}
	}
	return first
}

// eachHeaderCredential calls yield for the credentials in one line of a header
// until it returns false. Of Authorization they are what follows the word
// Bearer, however generous an app is about what stands around it.
func eachHeaderCredential(name, line string, yield func(value string) bool) {
	if name != headerAuthorization {
		if value := strings.Trim(line, " \t"); value != "" {
			yield(value)
		}
		return
	}
	bearer := false
	eachWord(line, func(word string) bool {
		if bearer {
			return yield(word)
		}
		bearer = strings.EqualFold(word, "Bearer")
		return true
	})
}

// eachWord calls yield for what is between spaces, commas and semicolons.
func eachWord(line string, yield func(word string) bool) {
	for line != "" {
		word := line
		if i := strings.IndexAny(line, " \t,;"); i >= 0 {
			word, line = line[:i], line[i+1:]
		} else {
			line = ""
		}
		if word != "" && !yield(word) {
			return
		}
	}
}

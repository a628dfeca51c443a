package cookie

import (
	"fmt"
	"slices"
	"strings"
)

// Rules say which cookies of an app hold sessions.
type Rules struct {
	names       *namePatterns
	providers   *namePatterns
	apps        *namePatterns // those of names that no provider has
	Configured  []string      // exact names from the config, expired even unseen
	keep        *namePatterns // what the config keeps
	builtinKeep *namePatterns
}

// NewRules reads session_cookies, which replace our own list if there are any,
// and keep_cookies.
func NewRules(names, keep []string) (*Rules, error) {
	rules := &Rules{
		names:       newNamePatterns(builtinSessionCookies),
		providers:   newNamePatterns(builtinProviderCookies),
		apps:        newNamePatterns(slices.DeleteFunc(slices.Clone(builtinSessionCookies), func(p string) bool { return strings.Contains(p, "*") })),
		builtinKeep: newNamePatterns(builtinKeepCookies),
	}
	var err error
	if len(names) > 0 {
		if rules.names, err = compileNames("session_cookies", names); err != nil {
			return nil, err
		}
		rules.Configured = rules.names.exactNames()
		rules.providers, rules.apps = newNamePatterns(nil), rules.names
	}
	if rules.keep, err = compileNames("keep_cookies", keep); err != nil {
		return nil, err
	}
	for _, name := range rules.Configured {
		if rules.keep.matches(name) {
			return nil, fmt.Errorf("session_cookies and keep_cookies both name %s; only one can be meant", name)
		}
	}
	return rules, nil
}

// Is reports whether a cookie is a session cookie of the app.
func (rules *Rules) Is(name, value string) bool {
	switch {
	case IsOwn(name), rules.keep.matches(name):
		return false
	case rules.names.matches(name), rules.providers.matches(name):
		return true
	case rules.builtinKeep.matches(name):
		return false
	}
	return looksLikeCredential(value)
}

// MayBeProviders reports whether a session cookie of this name could as well
// be one of a provider that shares our registrable domain.
func (rules *Rules) MayBeProviders(name string) bool {
	return !rules.apps.matches(name)
}

// Keeps reports whether a cookie of this name is none of those that hold sessions,
// by keep_cookies or by our own list.
func (rules *Rules) Keeps(name string) bool {
	return rules.keep.matches(name) || rules.builtinKeep.matches(name)
}

// ToldToKeep reports whether keep_cookies has this name.
func (rules *Rules) ToldToKeep(name string) bool { return rules.keep.matches(name) }

// MayPass reports whether a cookie that an app's answer to its logout sets may
// go on to the browser: it begins no session anew.
func (rules *Rules) MayPass(set Set) bool {
	return set.Expired || set.Value == "" || !rules.Is(set.Name, set.Value)
}

// MayBeIn reports whether a request may have a session that only the app knows:
// any cookie that is not kept, and that nobody can guess.
func (rules *Rules) MayBeIn(lines []string) (found bool) {
	Each(lines, func(name, value string) bool {
		found = len(value) >= MinCredential && !IsOwn(name) && !rules.Keeps(name)
		return !found
	})
	return found
}

// In lists the session cookies of a request, each name and value once,
// MaxSessionCookies at most.
func (rules *Rules) In(lines []string) (found []Cookie) {
	Each(lines, func(name, value string) bool {
		c := Cookie{name, value}
		if rules.Is(name, value) && !slices.Contains(found, c) {
			found = append(found, c)
		}
		return len(found) < MaxSessionCookies
	})
	return found
}

package cookie

import (
	"fmt"
	"slices"
	"strings"
)

// What Clear-Site-Data and the config's clear_site_data may name. "cookies" reaches every site of the
// registrable domain in Chromium (BR-02), "cache" scans the whole cache there
// (BR-03), so both are for who asks for them.
const (
	ClearStorage = "storage"
	ClearCookies = "cookies"
	ClearCache   = "cache"
)

// ClearTypes reads the config's clear_site_data. Nothing is storage.
func ClearTypes(types []string, keepCookies bool) ([]string, error) {
	switch {
	case len(types) == 0:
		return []string{ClearStorage}, nil
	case len(types) == 1 && types[0] == "off":
		return nil, nil
	}
	for _, t := range types {
		switch t {
		case ClearStorage, ClearCookies, ClearCache:
		case "off":
			return nil, fmt.Errorf("clear_site_data: off stands alone")
		case "*", "executionContexts":
			return nil, fmt.Errorf("clear_site_data: %q means more with every browser version; name what you want: storage, cookies, cache", t)
		default:
			return nil, fmt.Errorf("clear_site_data: %q is none of storage, cookies, cache, off", t)
		}
	}
	if keepCookies && slices.Contains(types, ClearCookies) {
		return nil, fmt.Errorf("clear_site_data cookies clears every cookie, also those in keep_cookies; leave out one of the two")
	}
	return types, nil
}

// ParseClearSiteData reads the Clear-Site-Data lines of an app: quoted types,
// exactly as browsers compare them (CSD-01). "*" becomes what it meant when
// the app was written.
func ParseClearSiteData(lines []string) (types []string) {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.Trim(part, " \t")
			if len(part) < 3 || part[0] != '"' || part[len(part)-1] != '"' {
				continue
			}
			if t := part[1 : len(part)-1]; t == "*" {
				types = append(types, ClearCache, ClearCookies, ClearStorage)
			} else if isToken(t) {
				types = append(types, t)
			}
		}
	}
	return types
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}

// Union keeps the order of a and appends what only b has.
func Union(a, b []string) []string {
	all := slices.Clone(a)
	for _, t := range b {
		if !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

// Without is a copy of types that lacks one.
func Without(types []string, unwanted string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == unwanted })
}

// ClearSiteData is the header's value, "" for nothing.
func ClearSiteData(types []string) string {
	if len(types) == 0 {
		return ""
	}
	return `"` + strings.Join(types, `", "`) + `"`
}

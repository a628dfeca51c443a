package origin

import (
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"
)

const MaxURL = 2048

// canOwnNamesBelow: one party has all names below a registrable domain, and
// below what is no public suffix at all, like a home's .lan.
func CanOwnNamesBelow(host string) bool {
	if Registrable(host) != "" {
		return true
	}
	suffix, icann := publicsuffix.PublicSuffix(host)
	return isHostname(host) && !icann && !strings.Contains(suffix, ".")
}

func DefaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// isPlainURL is the strict rule that leaves nothing to differ about: printable
// ASCII; either one slash and a path, or https://host (URL-01 to URL-06).
func IsPlainURL(raw string) bool {
	if raw == "" || len(raw) > MaxURL {
		return false
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"'<>`", c) >= 0 {
			return false
		}
	}
	path := raw
	if !strings.HasPrefix(raw, "/") {
		u, err := url.Parse(raw)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Opaque != "" || u.User != nil || !isPlainHost(u.Host) {
			return false
		}
		_, rest, found := strings.Cut(raw, "://")
		if !found || strings.HasPrefix(rest, "/") {
			return false
		}
		path = strings.TrimPrefix(rest, rest[:strings.IndexAny(rest+"/", "/?#")])
	}
	path = path[:strings.IndexAny(path+"?", "?#")]
	return path == "" || IsPlainPath(path)
}

// isPlainPath refuses what one parser resolves and another keeps: empty and
// dot segments, and encoded slashes, backslashes, dots and control characters.
func IsPlainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return false
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		decoded, err := url.PathUnescape(segment)
		if err != nil || decoded == "." || decoded == ".." || strings.HasPrefix(decoded, "..;") {
			return false
		}
		if strings.ContainsFunc(decoded, func(c rune) bool { return c < ' ' || c == 0x7f || c == '/' || c == '\\' }) {
			return false
		}
	}
	return !strings.Contains(path, "//") && !strings.Contains(strings.ToLower(path), "%2e")
}

// isPlainHost takes names and an optional port, no numbers that browsers read
// as IPv4 addresses unless written in the usual way, no trailing dot.
func isPlainHost(host string) bool {
	name, port, hasPort := strings.Cut(host, ":")
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 || strings.Contains(host, "%") {
			return false
		}
		name, hasPort = "ipv6", end+1 < len(host)
		port = strings.TrimPrefix(host[end+1:], ":")
	}
	if hasPort {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 || port[0] == '0' || port[0] == '+' {
			return false
		}
	}
	return isHostname(strings.ToLower(name))
}

package origin

import (
	"net/url"
	"strconv"
	"strings"
)

const maxURL = 2048 // bytes

// IsPlainURL is the strict rule that leaves parsers nothing to differ about:
// printable ASCII; either one slash and a path, or https://host (URL-01 to
// URL-06).
func IsPlainURL(raw string) bool {
	if raw == "" || len(raw) > maxURL {
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

// IsPlainPath refuses what one parser resolves and another keeps: empty and
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

// HasSpaceOrControl reports whether s has an ASCII space or control character.
func HasSpaceOrControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f })
}

// IsASCII reports whether s has ASCII characters only.
func IsASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c >= 0x80 })
}

package origin

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// CheckEndpoint says what is wrong with the address of a provider's endpoint. It
// must be https, or http on loopback; a query may be part of it, a fragment or a
// user not (RPI-02, RPI-03).
func CheckEndpoint(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || HasSpaceOrControl(raw) || strings.Contains(raw, `\`):
		return fmt.Errorf("%q is no address like https://sso.example.com/", withoutUserinfo(raw))
	case u.User != nil:
		return errors.New("a user or password has no place in an address")
	case strings.Contains(raw, "#"):
		return fmt.Errorf("%q: leave out what comes from # on", raw)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q: it must begin with https://; plain http is for loopback hosts only", raw)
}

// withoutUserinfo keeps a password out of an error.
func withoutUserinfo(raw string) string {
	if i := strings.LastIndexByte(raw, '@'); i >= 0 {
		return raw[i+1:]
	}
	return raw
}

// SameEndpoint reports whether a URL is an endpoint, whatever its query.
func SameEndpoint(raw, endpoint string) bool {
	a, errA := url.Parse(raw)
	b, errB := url.Parse(endpoint)
	if errA != nil || errB != nil || a.User != nil || a.Opaque != "" {
		return false
	}
	o := New(a.Scheme, a.Host)
	return o != (Origin{}) && o == New(b.Scheme, b.Host) && a.EscapedPath() == b.EscapedPath()
}

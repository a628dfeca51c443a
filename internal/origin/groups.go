package origin

import (
	"cmp"
	"strings"
)

func Port(o Origin) string { return strings.TrimPrefix(o.Host, bracketed(o.Hostname())) }

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// sameSite is equal for origins that browsers call same-site: scheme and
// registrable domain, whatever the port.
func SameSite(o Origin) string {
	return o.Scheme + "://" + cmp.Or(Registrable(o.Hostname()), o.Hostname())
}

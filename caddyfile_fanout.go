package universallogout

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// fanoutWords are the words of a site about the other sites.
var fanoutWords = []string{"group", "fanout", "hosts"}

func (h *Handler) parseFanoutWord(d *caddyfile.Dispenser, word string) error {
	later := func(s string) bool { return strings.Contains(s, "{") }
	switch word {
	case "group":
		if err := parseOne(d, &h.Group); err != nil || later(h.Group) {
			return err
		}
		return atLine(d, checkGroup(h.Group))
	case "fanout":
		if err := parseOne(d, &h.Fanout); err != nil {
			return err
		}
		return atLine(d, checkFanout(h.Fanout))
	}
	return parseList(d, &h.Hosts, func(host string) error {
		_, err := compileHost(host)
		return err
	})
}

// parseAlso reads also <name> <url>.
func (a *App) parseAlso(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("also: write a name and the address that logs out there, as in also Mail https://mail.example.com/logout; not %d values", len(args))
	}
	also := AlsoApp{Name: args[0], URL: args[1]}
	if !slices.ContainsFunc(args, func(s string) bool { return strings.Contains(s, "{") }) {
		if _, err := also.resolve(); err != nil {
			return d.Errf("also: %w", err)
		}
	}
	a.Also = append(a.Also, also)
	return noBlock(d)
}

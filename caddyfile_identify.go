package universallogout

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// parseIdentify reads identify jwt | header <name> | placeholder <name> | off.
func (h *Handler) parseIdentify(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("identify: write how the user is known: jwt, header <name>, placeholder <name>, or off")
	}
	by, names := args[0], args[1:]
	id := new(Identify)
	switch by {
	case "jwt":
		id.JWT = true
	case "header", "placeholder":
		if len(names) != 1 {
			return d.Errf("identify %s: write exactly one name, as in identify header Remote-User or identify placeholder {http.auth.user.id}; not %d", by, len(names))
		}
		if by == "header" {
			id.Header = names[0]
		} else {
			id.Placeholder = names[0]
		}
		names = nil
	case "off":
		id = nil
	default:
		return d.Errf("identify: unknown word %q; here stand jwt, header, placeholder, off", by)
	}
	if len(names) > 0 {
		return d.Errf("identify %s: unexpected %q; it stands alone", by, names[0])
	}
	if id != nil {
		if _, err := id.compile(); err != nil {
			return d.Errf("identify: %w", err)
		}
	}
	h.Identify = id
	return noBlock(d)
}

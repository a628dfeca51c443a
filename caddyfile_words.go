package universallogout

import (
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// What the words of a Caddyfile have in common.

func parseOne(d *caddyfile.Dispenser, value *string) error {
	word := d.Val()
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Errf("%s: write exactly one value, not %d", word, len(args))
	}
	*value = args[0]
	return noBlock(d)
}

// parseDuration reads the duration of the current word; example shows one.
func parseDuration(d *caddyfile.Dispenser, example string, duration *caddy.Duration, check func(time.Duration) error) error {
	word, text := d.Val(), ""
	if err := parseOne(d, &text); err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("%s: %q is no duration; write one like %s", word, text, example)
	}
	*duration = caddy.Duration(parsed)
	return atLine(d, check(parsed))
}

func parseList(d *caddyfile.Dispenser, list *[]string, check func(string) error) error {
	word := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: write at least one value", word)
	}
	for _, arg := range args {
		if strings.Contains(arg, "{") {
			continue // known when the config is loaded
		}
		if err := check(arg); err != nil {
			if strings.HasPrefix(err.Error(), word) {
				return atLine(d, err)
			}
			return d.Errf("%s: %w", word, err)
		}
	}
	*list = append(*list, args...)
	return noBlock(d)
}

// noBlock refuses a block behind a word that has none.
func noBlock(d *caddyfile.Dispenser) error {
	if nesting := d.Nesting(); d.NextBlock(nesting) {
		return d.Errf("unexpected block: %q belongs on the line of its word, or one level up", d.Val())
	}
	return nil
}

// once refuses a second line of words that have one value.
func once(d *caddyfile.Dispenser, seen map[string]bool, word string, single ...string) error {
	if seen[word] && slices.Contains(single, word) {
		return d.Errf("%s: is there twice; only one can count", word)
	}
	seen[word] = true
	return nil
}

func unknownWord(d *caddyfile.Dispenser, word string, known ...string) error {
	return d.Errf("unknown word %q; here stand %s", word, strings.Join(known, ", "))
}

// atLine adds file and line to an error.
func atLine(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

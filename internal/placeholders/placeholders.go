// Package placeholders resolves, while a configuration is loaded, the
// placeholders that are known then: {env.*} and {file.*}.
package placeholders

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Resolve replaces {env.*} and {file.*}; anything that is only known during a
// request is an error.
func Resolve(s string) (string, error) {
	return caddy.NewReplacer().ReplaceOrErr(s, true, true)
}

// ResolveAll resolves each of a list. word names the list in errors.
func ResolveAll(word string, list []string) ([]string, error) {
	resolved := make([]string, len(list))
	for i, s := range list {
		var err error
		if resolved[i], err = Resolve(s); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	return resolved, nil
}

// placeholder is what looks like one of Caddy's; the braces of JSON do not.
var placeholder = regexp.MustCompile(`\{[A-Za-z_][^{}"\s]*\}`)

// ResolveTemplate resolves {env.*} and {file.*} and leaves placeholders of our own,
// such as {sid}, alone; any other is an error.
func ResolveTemplate(text string, own ...string) (resolved string, err error) {
	resolved = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if slices.Contains(own, found) {
			return found
		}
		value, failed := Resolve(found)
		if failed != nil && err == nil {
			err = fmt.Errorf("%w; known here are %s", failed, strings.Join(append(own, "{env.*}", "{file.*}"), ", "))
		}
		return value
	})
	return resolved, err
}

// NeedsLoad reports whether a template of ours is complete only when the
// configuration is loaded: what it says cannot be checked before.
func NeedsLoad(template string) bool {
	return strings.Contains(template, "{env.") || strings.Contains(template, "{file.")
}

package placeholders

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// placeholder is what looks like one of Caddy's; the braces of JSON do not.
var placeholder = regexp.MustCompile(`\{[A-Za-z_][^{}"\s]*\}`)

// resolveTemplate resolves {env.*} and {file.*} and leaves our own
// placeholders alone; any other is an error.
func Template(text string, own ...string) (resolved string, err error) {
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

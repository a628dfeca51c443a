package placeholders

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

// resolveAll resolves each of a list.
func All(word string, list []string) ([]string, error) {
	resolved := make([]string, len(list))
	for i, s := range list {
		var err error
		if resolved[i], err = Resolve(s); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	return resolved, nil
}

// resolve replaces {env.*} and {file.*}; anything that is only known during a
// request is an error.
func Resolve(s string) (string, error) {
	return caddy.NewReplacer().ReplaceOrErr(s, true, true)
}

package placeholders

import (
	"strings"
)

// isLater tells templates of ours that are complete when the config is loaded.
func IsLater(template string) bool {
	return strings.Contains(template, "{env.") || strings.Contains(template, "{file.")
}

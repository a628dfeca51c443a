package guard

import (
	"net/http"
	"strings"
)

// isWebKit tells the engine by the only word it gives about itself.
func IsWebKit(r *http.Request) bool {
	agent := r.Header.Get("User-Agent")
	return strings.Contains(agent, "AppleWebKit/") && !strings.Contains(agent, "Chrome/") && !strings.Contains(agent, "Chromium/")
}

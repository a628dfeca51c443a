package main

import "fmt"

// The words of universal_logout in the demo's Caddyfile are all in this file.

// edgeOption is the global option: the edge's own client at the provider.
func edgeOption(issuer, secret string) string {
	return fmt.Sprintf(`	universal_logout {
		provider demo %s {
			client_id universal-logout
			client_secret %s
		}
	}
`, issuer, secret)
}

// edgeDirective is all that the edge has to know about a site. The provider's own gets none.
func edgeDirective(host string) string {
	switch host {
	case "notes.work.localhost":
		return `	universal_logout demo {
		logout_call GET /logout
	}
`
	case "chat.work.localhost":
		return `	universal_logout demo {
		paths POST /api/logout
		logout_call POST /api/logout
	}
`
	case "shop.localhost": // keeps its ID token in a cookie, so the edge can take that as the hint
		return `	universal_logout demo {
		paths POST /session/end
		logout_call POST /session/end {
			csrf / name="csrf"\svalue="(\w+)" field csrf
		}
		id_token {http.request.cookie.idToken}
		client_id shop
	}
`
	}
	return ""
}

// Where the provider sends browsers back to the edge.
func edgeCallback(s *site) string { return s.URL + "/.universal-logout/callback" }
func edgeReturn(s *site) string   { return s.URL + "/.universal-logout/return" }

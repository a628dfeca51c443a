//go:build !keycloak

package e2e

// realOPs are the providers of an ordinary run: what starts in half a second.
var realOPs = []realOP{panva}

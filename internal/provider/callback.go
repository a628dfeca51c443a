package provider

import (
	"errors"

	"github.com/universal-logout/caddy-universal-logout/internal/oauth"
)

// isUnreachable: no browser would get an answer either.
func IsUnreachable(err error) bool {
	var later *oauth.RetryError
	return errors.Is(err, errUnreachable) || errors.As(err, &later)
}

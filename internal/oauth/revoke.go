package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Revoke asks the endpoint to revoke a token (RFC 7009). The hint says which
// kind it is: "refresh_token" or "access_token". nil means that the token is
// of no use any more, also if the server did not know it.
func (c Client) Revoke(ctx context.Context, hc *http.Client, endpoint string, supported []string, token, hint string) error {
	status, _, err := c.post(ctx, hc, endpoint, supported, url.Values{"token": {token}, "token_type_hint": {hint}})
	// The body of a 200 is ignored (RFC 7009 2.2), even one that breaks off.
	if status == http.StatusOK || status == http.StatusNoContent {
		return nil
	}
	// Servers whose access tokens cannot be revoked say so; they run out soon,
	// and the refresh token went before (REV-07).
	var refused *RefusedError
	if errors.As(err, &refused) && refused.Code == "unsupported_token_type" && hint == "access_token" {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("the server answered with status %d, want 200", status)
	}
	return fmt.Errorf("revoking a token: %w", err)
}

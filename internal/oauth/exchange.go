package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/universal-logout/caddy-universal-logout/internal/jwks"
)

// Exchange redeems an authorization code with its PKCE verifier and returns the
// ID token. The other tokens are dropped unread.
func (c Client) Exchange(ctx context.Context, hc *http.Client, endpoint string, supported []string, code, redirectURI, verifier string) (idToken string, err error) {
	status, body, err := c.post(ctx, hc, endpoint, supported, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {redirectURI},
		"code_verifier": {verifier}, // RFC 7636 4.5
	})
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the server answered with status %d, want 200", status)
	}
	if err == nil {
		idToken, err = parseTokens(body)
	}
	if err != nil {
		return "", fmt.Errorf("redeeming an authorization code: %w", err)
	}
	return idToken, nil
}

func parseTokens(body []byte) (idToken string, err error) {
	answer, err := jwks.ParseClaims(body)
	if err != nil {
		return "", errors.New("the server's answer is not JSON as it should be")
	}
	if idToken = answer.String("id_token"); idToken == "" {
		return "", errors.New("the server's answer has no ID token: was openid among the scopes?")
	}
	return idToken, nil
}

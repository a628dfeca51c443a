// Package oauth makes the requests of an OAuth client to its authorization
// server: it authenticates, revokes tokens and redeems authorization codes.
package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Method is how a client authenticates, in OAuth's own words.
type Method string

// The methods of OpenID Connect Core 9 that are supported.
const (
	SecretBasic   Method = "client_secret_basic"
	SecretPost    Method = "client_secret_post"
	PrivateKeyJWT Method = "private_key_jwt"
	None          Method = "none"
)

// Client is one client of a provider.
type Client struct {
	ID       string
	Secret   string
	Key      *jose.JSONWebKey // private; for private_key_jwt
	Method   Method           // "": see choose
	Audience string           // of client assertions: the issuer, or what old servers want instead
	Now      func() time.Time
}

// choose returns the method to authenticate with: the one that was set, else
// the one that the client's key or its lack of a secret leaves, else the first
// that the server says it supports.
func (c Client) choose(supported []string) Method {
	switch {
	case c.Method != "":
		return c.Method
	case c.Key != nil:
		return PrivateKeyJWT
	case c.Secret == "":
		return None
	case !slices.Contains(supported, string(SecretBasic)) && slices.Contains(supported, string(SecretPost)):
		return SecretPost
	}
	return SecretBasic // every server has to support it (RFC 6749 2.3.1)
}

// request makes a POST of the form with the client's authentication in it.
func (c Client) request(ctx context.Context, endpoint string, supported []string, form url.Values) (*http.Request, error) {
	method := c.choose(supported)
	switch method {
	case SecretBasic:
	case SecretPost:
		form.Set("client_secret", c.Secret)
	case PrivateKeyJWT:
		assertion, err := c.assertion()
		if err != nil {
			return nil, err
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
	case None:
	default:
		return nil, fmt.Errorf("client authentication method %q is not supported, use %s, %s, %s or %s",
			method, SecretBasic, SecretPost, PrivateKeyJWT, None)
	}
	if method != SecretBasic { // RFC 6749 2.3: no second method in one request
		form.Set("client_id", c.ID)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("the endpoint is no URL: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if method == SecretBasic {
		// Both are form-urlencoded before they are put together (RFC 6749 2.3.1).
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	}
	return r, nil
}

func (c Client) clock() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

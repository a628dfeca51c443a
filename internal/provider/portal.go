package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// returnURLPlaceholder stands in a portal's logout_url for where the browser
// shall come back to.
const returnURLPlaceholder = "{return_url}"

// IsPortal reports whether it is no OpenID provider: all that is known is where
// its logout is.
func (c *Config) IsPortal() bool { return c.LogoutURL != "" }

func (c *Config) checkPortal() error {
	other := c.ClientAuth+c.QuirksOf != "" || c.ServerLogout != nil || c.JustInTimeHint != nil
	for _, value := range c.singles() {
		other = other || *value != ""
	}
	if other {
		return errors.New("a portal has a logout_url and perhaps tls_trust; what it wants to know, such as a client_id, belongs into that address")
	}
	sample, err := expandReturnURL(c.LogoutURL, "https://app.example.com/")
	if err != nil {
		return fmt.Errorf("logout_url: %w", err)
	}
	if strings.HasPrefix(sample, "/") {
		if !origin.IsPlainURL(sample) {
			return fmt.Errorf("logout_url: %q is no path that every browser reads alike", c.LogoutURL)
		}
		return nil
	}
	if err := origin.CheckEndpoint(sample); err != nil {
		return fmt.Errorf("logout_url: %w", err)
	}
	return nil
}

// expandReturnURL fills in a portal's logout_url.
func expandReturnURL(template, returnURL string) (string, error) {
	expanded := strings.ReplaceAll(template, returnURLPlaceholder, url.QueryEscape(returnURL))
	if strings.ContainsAny(expanded, "{}") {
		return "", fmt.Errorf("%q: {return_url} is the only placeholder here", template)
	}
	return expanded, nil
}

// PortalURL is where the browser goes to end a portal's session, which sends it
// back to returnURL. It may be a path on the site. If the portal is out of order
// ok is false, and endpoint is where a click leads, for later.
func (p *Provider) PortalURL(ctx context.Context, returnURL string) (address, endpoint string, ok bool) {
	address, err := expandReturnURL(p.LogoutURL, returnURL)
	if err != nil { // New has seen it
		return "", "", false
	}
	endpoint, _, _ = strings.Cut(address, "?")
	// On the site itself only the browser would be let in.
	if !strings.HasPrefix(address, "/") && p.probe(ctx, endpoint, "the portal's logout is out of order").verdict == probeUnreachable {
		return "", endpoint, false
	}
	return address, endpoint, true
}

package universallogout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// parseProvider reads one provider of the global option. Syntax:
//
//	provider <name> <issuer> {
//		client_id                <id>
//		client_secret            <secret>
//		client_key               <pem or jwk>
//		client_auth              client_secret_basic | client_secret_post | private_key_jwt | none
//		post_logout_redirect_uri <url>
//		just_in_time_hint        on | off
//		end_session_endpoint | revocation_endpoint | jwks_uri | authorization_endpoint | token_endpoint <url>
//		server_logout            <method> <url> {…}
//		tls_trust                <pem_file...> | insecure
//		quirks                   <name>
//	}
//	provider <name> {
//		logout_url               <url>
//	}
func (a *App) parseProvider(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.Err("provider: write a name and the issuer, as in provider main https://sso.example.com/realms/main")
	}
	name := args[0]
	if err := checkProviderName(name); err != nil {
		return atLine(d, err)
	}
	if _, exists := a.Providers[name]; exists {
		return d.Errf("provider %s: is there twice; only one can count", name)
	}
	p := new(Provider)
	if len(args) == 2 {
		p.Issuer = args[1]
	}
	if err := parseBlock(d, p.words()); err != nil {
		return err
	}
	if err := p.values().CheckWritten(); err != nil {
		return d.Errf("provider %s: %w", name, err)
	}
	if a.Providers == nil {
		a.Providers = make(map[string]*Provider)
	}
	a.Providers[name] = p
	return nil
}

func (p *Provider) parseJustInTimeHint(d *caddyfile.Dispenser) error {
	var value string
	if err := parseOne(d, &value); err != nil {
		return err
	}
	if value != "on" && value != "off" {
		return d.Errf("just_in_time_hint: %q is neither on nor off", value)
	}
	on := value == "on"
	p.JustInTimeHint = &on
	return nil
}

// parseServerLogout reads the request that server_logout sends. Syntax:
//
//	server_logout <method> <url> {
//		header  <name> <value>
//		body    <type> <content>
//		success <status...>
//		timeout <duration>
//	}
func (p *Provider) parseServerLogout(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("server_logout: write a method and an address, as in server_logout DELETE https://sso.example.com/sessions/{sid}")
	}
	s := &ServerLogout{Method: args[0], URL: args[1]}
	if err := parseBlock(d, s.words()); err != nil {
		return err
	}
	p.ServerLogout = s
	if err := s.values().CheckWritten(); err != nil {
		return d.Errf("server_logout: %w", err)
	}
	return nil
}

// takeProvider reads what stands behind the directive's name: a provider's
// name, or an issuer and perhaps our client there.
func (h *Handler) takeProvider(d *caddyfile.Dispenser, args, known []string) error {
	if len(args) == 0 {
		return nil
	}
	first := args[0]
	isIssuer := strings.Contains(first, "://") || strings.Contains(first, "{")
	switch {
	case strings.HasPrefix(first, "/") || strings.HasPrefix(first, "*") || strings.HasPrefix(first, "@"):
		return d.Errf("unexpected %q: a matcher comes first, and only one; paths go into the block, as in universal_logout { paths /logout }", first)
	case isIssuer && len(args) > 2, !isIssuer && len(args) > 1:
		return d.Errf("unexpected %q: behind universal_logout stand a matcher and a provider's name, or an issuer and a client_id; everything else goes into its block", args[len(args)-1])
	case isIssuer:
		if h.Issuer = first; !strings.Contains(first, "{") {
			if err := origin.CheckEndpoint(first); err != nil {
				return d.Errf("issuer: %w", err)
			}
		}
		if len(args) == 2 {
			h.ClientID = args[1]
		}
		return nil
	}
	h.Provider = first
	if slices.Contains(known, first) {
		return nil
	}
	return atLine(d, fmt.Errorf("%w; to name a logout path write universal_logout { paths %s }", unknownProvider(first, known), "/"+strings.Trim(first, "/")))
}

// providersOf are the names that the global options know.
func providersOf(h httpcaddyfile.Helper) []string {
	return slices.Sorted(maps.Keys(globalOption(h).Providers))
}

func (h *Handler) parseClientID(d *caddyfile.Dispenser) error {
	if h.ClientID != "" {
		return d.Err("client_id: is there twice, behind the issuer and here; only one can count")
	}
	return parseOne(d, &h.ClientID)
}

// parsePlaceholder refuses a token that is written into the configuration.
func parsePlaceholder(d *caddyfile.Dispenser, value *string) error {
	word := d.Val()
	if err := parseOne(d, value); err != nil {
		return err
	}
	if !strings.Contains(*value, "{") {
		return d.Errf("%s: write where the token is found, as a placeholder like {http.request.cookie.idToken}", word)
	}
	return nil
}

// checkProvider finds words about a provider where there is none.
func (h *Handler) checkProvider() error {
	if h.Provider == "" && h.Issuer == "" && h.saysAnythingOfAProvider() {
		return errNoProvider
	}
	if h.PostLogoutRedirectURI == "" || strings.Contains(h.PostLogoutRedirectURI, "{") {
		return nil
	}
	if err := origin.CheckEndpoint(h.PostLogoutRedirectURI); err != nil {
		return fmt.Errorf("post_logout_redirect_uri: %w", err)
	}
	return nil
}

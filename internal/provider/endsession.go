package provider

import (
	"net/url"
	"strings"
)

// maxEndSessionURL: longer ones meet servers and firewalls that refuse them
// (RPI-20, RPI-21). Providers may allow less.
const MaxEndSessionURL = 4096

// endSession is one request to a provider's end_session_endpoint.
type EndSession struct {
	Hint      string
	Client    string
	ReturnURI string // post_logout_redirect_uri
	State     string
}

// url builds the address, by what is known. ok is false
// when there is nothing that the provider could act on without asking; then
// the user goes there by a click, to the bare endpoint.
func (e EndSession) Url(endpoint string, q Ways) (address string, ok bool) {
	if q.NoHint || len(e.Hint) > MaxEndSessionURL {
		e.Hint = ""
	}
	for {
		if e.Client == "" && e.Hint == "" || q.HintRequired && e.Hint == "" {
			return endpoint, false
		}
		address = WithQuery(endpoint, e.parameters(q))
		if len(address) <= q.LongestURL() || e.Hint == "" {
			return address, true
		}
		e.Hint = "" // never cut it (RPI-21)
	}
}

func (e EndSession) parameters(q Ways) url.Values {
	values := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("id_token_hint", e.Hint)
	set("client_id", e.Client)
	if e.ReturnURI != "" {
		set(q.ReturnName(), e.ReturnURI)
		if !q.NoState {
			set("state", e.State)
		}
	}
	return values
}

// withQuery keeps the endpoint's own query and appends ours (RPI-02).
func WithQuery(endpoint string, values url.Values) string {
	query := values.Encode()
	switch {
	case query == "":
		return endpoint
	case !strings.Contains(endpoint, "?"):
		return endpoint + "?" + query
	case strings.HasSuffix(endpoint, "?") || strings.HasSuffix(endpoint, "&"):
		return endpoint + query
	}
	return endpoint + "&" + query
}

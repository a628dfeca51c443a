package universallogout

import (
	"net/url"
	"strings"
)

// maxEndSessionURL: longer ones meet servers and firewalls that refuse them
// (RPI-20, RPI-21). Providers may allow less.
const maxEndSessionURL = 4096

// endSession is one request to a provider's end_session_endpoint.
type endSession struct {
	hint      string
	client    string
	returnURI string // post_logout_redirect_uri
	state     string
}

// url builds the address, by what is known: the design's table. ok is false
// when there is nothing that the provider could act on without asking; then
// the user goes there by a click, to the bare endpoint.
func (e endSession) url(endpoint string, q quirks) (address string, ok bool) {
	if q.noHint || len(e.hint) > maxEndSessionURL {
		e.hint = ""
	}
	for {
		if e.client == "" && e.hint == "" || q.hintRequired && e.hint == "" {
			return endpoint, false
		}
		address = withQuery(endpoint, e.parameters(q))
		if len(address) <= q.longestURL() || e.hint == "" {
			return address, true
		}
		e.hint = "" // never cut it (RPI-21)
	}
}

func (e endSession) parameters(q quirks) url.Values {
	values := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("id_token_hint", e.hint)
	set("client_id", e.client)
	if e.returnURI != "" {
		set(q.returnName(), e.returnURI)
		if !q.noState {
			set("state", e.state)
		}
	}
	return values
}

// withQuery keeps the endpoint's own query and appends ours (RPI-02).
func withQuery(endpoint string, values url.Values) string {
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

package returnurl

import (
	"net/http"
	"net/url"
)

// parameters say in requests where to go after the logout: OpenID's and ours,
// oauth2-proxy's and Authelia's, Keycloak's old one, and the word of the
// Caddyfile.
var parameters = []string{"post_logout_redirect_uri", "rd", "redirect_uri", "return_to"}

// Requested are the return URLs that a request carries, best first: in the order
// of parameters, the query before the body. None of them is checked.
func Requested(r *http.Request, body []byte) (urls []string) {
	query, _ := url.ParseQuery(r.URL.RawQuery) // what is readable of it
	form := BodyValues(r.Header.Get("Content-Type"), body)
	for _, name := range parameters {
		for _, values := range [...]url.Values{query, form} {
			if v := values.Get(name); v != "" {
				urls = append(urls, v)
			}
		}
	}
	return urls
}

package enforce

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/cookie"
	"github.com/universal-logout/caddy-universal-logout/internal/finalheader"
	"github.com/universal-logout/caddy-universal-logout/internal/revocation"
)

// serveSignOnEnd lets such a request through. No answer to it begins or renews
// a session.
func (p *Policy) serveSignOnEnd(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, list *revocation.List) error {
	_, refused := p.withoutRefused(list, r.Header["Cookie"])
	p.takeRefusedHeaders(list, r.Header)
	clean := finalheader.New(w, func(hdr http.Header) {
		hdr["Set-Cookie"] = slices.DeleteFunc(hdr["Set-Cookie"], func(line string) bool {
			sc := cookie.ParseSet(line, p.Edge.Now())
			return !sc.Expired && slices.ContainsFunc(refused, func(c revocation.Refused) bool { return c.Name == sc.Name })
		})
		if len(hdr["Set-Cookie"]) == 0 {
			hdr.Del("Set-Cookie")
		}
	})
	err := next.ServeHTTP(clean, r)
	clean.Finish()
	return err
}

package main

import (
	"crypto/subtle"
	"fmt"
	"net/http"
)

// newShop is an app that logs out by a form with a CSRF token. Nobody but its own page can send one, so the edge has to
// let the browser's own request through.
//
// It keeps its ID token in a cookie, as some do; Notes and Chat keep theirs on the server.
func newShop(v view, p *rp) http.Handler {
	s := v.Site.sessions
	s.tokenCookie = "idToken"
	mux := http.NewServeMux()
	common(mux, v)
	signIn(mux, v, p)
	home(mux, v, "shop.html")
	mux.HandleFunc("POST /session/end", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		who, ok := s.of(r)
		if ok && subtle.ConstantTimeCompare([]byte(r.PostFormValue("csrf")), []byte(who.CSRF)) != 1 {
			http.Error(w, "The CSRF token is missing or wrong.", http.StatusForbidden)
			return
		}
		s.end(w, r)
		// It leads nowhere, so the browser stays on the edge's landing page.
		fmt.Fprintln(w, "Goodbye.")
	})
	return mux
}

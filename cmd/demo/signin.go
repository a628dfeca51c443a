package main

import "net/http"

// signIn adds what all apps share: the way to the provider and back.
func signIn(mux *http.ServeMux, v view, p *rp) {
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := v.Site.sessions.of(r); ok {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		p.begin(w, r)
	})
	mux.HandleFunc("GET "+callbackPath, func(w http.ResponseWriter, r *http.Request) {
		user, idToken, err := p.finish(w, r)
		if err != nil {
			v.Problem = err.Error()
			v.render(w, http.StatusBadRequest, "welcome.html", session{})
			return
		}
		v.Site.sessions.start(w, user, idToken)
		http.Redirect(w, r, "/", http.StatusFound)
	})
}

// home adds the start page: one page for people who are signed in, and one for everybody else.
func home(mux *http.ServeMux, v view, page string) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if who, ok := v.Site.sessions.of(r); ok {
			v.render(w, http.StatusOK, page, who)
			return
		}
		v.render(w, http.StatusOK, "welcome.html", session{})
	})
}

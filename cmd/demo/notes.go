package main

import "net/http"

// newNotes is an app that logs out by a plain link: GET /logout, as very many do.
func newNotes(v view, p *rp) http.Handler {
	mux := http.NewServeMux()
	common(mux, v)
	signIn(mux, v, p)
	home(mux, v, "notes.html")
	mux.HandleFunc("GET /logout", func(w http.ResponseWriter, r *http.Request) {
		v.Site.sessions.end(w, r)
		http.Redirect(w, r, "/", http.StatusFound)
	})
	return mux
}

package main

import "net/http"

// newNotes is an app that logs out by a plain link: GET /logout, as very many do.
func newNotes(v view, p *rp) http.Handler {
	s := newSessions()
	mux := http.NewServeMux()
	static(mux)
	signIn(mux, v, s, p)
	home(mux, v, s, "notes.html")
	mux.HandleFunc("GET /logout", func(w http.ResponseWriter, r *http.Request) {
		s.end(w, r)
		http.Redirect(w, r, "/", http.StatusFound)
	})
	return mux
}

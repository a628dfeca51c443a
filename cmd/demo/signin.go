package main

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// signIn adds the pages that the notes and the shop share: the sign-in form, and what only people who are signed in see.
func signIn(mux *http.ServeMux, v view, s *sessions, page string) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		who, ok := s.of(r)
		if !ok {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		v.render(w, http.StatusOK, page, s, who)
	})
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.of(r); ok {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		v.render(w, http.StatusOK, "login.html", s, session{})
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		name, ok := userName(w, r)
		if !ok {
			v.render(w, http.StatusBadRequest, "login.html", s, session{})
			return
		}
		s.start(w, name)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
}

// userName is the name somebody signs in with. Any will do.
func userName(w http.ResponseWriter, r *http.Request) (string, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	name := strings.TrimSpace(r.PostFormValue("name"))
	return name, name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= 40
}

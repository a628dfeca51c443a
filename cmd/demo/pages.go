package main

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"os"
)

//go:embed pages
var files embed.FS

var templates = template.Must(template.ParseFS(files, "pages/*.html"))

// view is what a page needs to know.
type view struct {
	Site  *site
	Sites []*site

	// These change with every answer.
	User, CSRF string
	Live       int
	Problem    string // why the sign-in failed
}

// render writes a page; v is a copy, so that each answer has its own.
func (v view) render(w http.ResponseWriter, status int, name string, s *sessions, who session) {
	v.User, v.CSRF = who.User, who.CSRF
	v.Live = s.live()
	pageHeaders(w, "script-src 'self'; connect-src 'self'; form-action 'self'")
	w.WriteHeader(status)
	if err := templates.ExecuteTemplate(w, name, v); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
}

// pageHeaders sets what all pages have in common; policy adds to their Content-Security-Policy.
func pageHeaders(w http.ResponseWriter, policy string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // or the back button would show the page of somebody who is gone
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "+policy)
}

// static adds the style sheet and the scripts.
func static(mux *http.ServeMux) {
	for _, name := range []string{"style.css", "kept.js", "chat.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, files, "pages/"+name)
		})
	}
}

package main

import (
	"embed"
	"encoding/json"
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
	Problem    string // why the sign-in failed
}

// Reach is told where a logout can begin.
func (view) Reach() string { return reach }

// render writes a page; v is a copy, so that each answer has its own.
func (v view) render(w http.ResponseWriter, status int, name string, who session) {
	v.User, v.CSRF = who.User, who.CSRF
	pageHeaders(w, "script-src 'self'; connect-src 'self'; form-action 'self'")
	w.WriteHeader(status)
	if err := templates.ExecuteTemplate(w, name, v); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
}

// pageHeaders sets what all pages have in common; policy adds to their Content-Security-Policy.
func pageHeaders(w http.ResponseWriter, policy string) {
	hdr := w.Header()
	hdr.Set("Content-Type", "text/html; charset=utf-8")
	hdr.Set("Cache-Control", "no-store") // or the back button would show the page of somebody who is gone
	hdr.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "+policy)
}

// common adds what every site has: the style sheet, the scripts, and the numbers that the pages keep up to date.
func common(mux *http.ServeMux, v view) {
	mux.HandleFunc("GET /state.json", func(w http.ResponseWriter, r *http.Request) {
		state := state{Live: make(map[string]int)}
		if v.Site.sessions != nil {
			who, _ := v.Site.sessions.of(r)
			state.User = who.User
		}
		for _, s := range v.Sites {
			state.Live[s.Name] = s.Live()
		}
		answer(w, http.StatusOK, state)
	})
	for _, name := range []string{"style.css", "state.js", "kept.js", "chat.js", "worker.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, files, "pages/"+name)
		})
	}
}

// state is what a page that stays open asks for.
type state struct {
	User string         `json:"user"` // who is signed in at this site
	Live map[string]int `json:"live"` // how many are, at each site
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails if the client is gone
}

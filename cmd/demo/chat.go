package main

import (
	"encoding/json"
	"net/http"
)

// newChat is a single-page app: one page, and a script that talks JSON to an API. It logs out by fetch.
func newChat(v view, p *rp) http.Handler {
	s := newSessions()
	mux := http.NewServeMux()
	static(mux)
	signIn(mux, v, s, p)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		v.render(w, http.StatusOK, "chat.html", s, session{})
	})
	mux.HandleFunc("GET /api/me", func(w http.ResponseWriter, r *http.Request) {
		who, _ := s.of(r)
		answer(w, http.StatusOK, map[string]any{"user": who.User, "live": s.live()})
	})
	mux.HandleFunc("POST /api/logout", func(w http.ResponseWriter, r *http.Request) {
		s.end(w, r)
		answer(w, http.StatusOK, map[string]any{"ok": true})
	})
	return mux
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails if the client is gone
}

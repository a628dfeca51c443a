package main

import "net/http"

// newChat is a single-page app: one page, a script that talks JSON to the server, and a service worker that keeps the
// page in the browser. It logs out by fetch.
func newChat(v view, p *rp) http.Handler {
	mux := http.NewServeMux()
	common(mux, v)
	signIn(mux, v, p)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		v.render(w, http.StatusOK, "chat.html", session{}) // the same for everybody
	})
	mux.HandleFunc("POST /api/logout", func(w http.ResponseWriter, r *http.Request) {
		v.Site.sessions.end(w, r)
		answer(w, http.StatusOK, map[string]any{"ok": true})
	})
	return mux
}

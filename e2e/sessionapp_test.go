package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sessionApp is an app as people write them: sessions in a table on the server, the session's id in cookies, and a
// logout that ends the session of whoever calls it. Nothing in it protects the logout: that is the edge's part.
type sessionApp struct {
	url string // the app itself, past Caddy
	mux *http.ServeMux

	mu       sync.Mutex
	sessions map[string]string   // id → user
	cookies  map[string][]string // host → Set-Cookie lines of a sign-in; {sid} stands for the session's id
	closing  chan struct{}
}

// defaultCookies is what an app sets if the test does not care.
var defaultCookies = []string{"sid={sid}; Path=/; Secure; HttpOnly; SameSite=Lax"}

func startSessionApp(t *testing.T) *sessionApp {
	t.Helper()
	a := &sessionApp{mux: http.NewServeMux(), sessions: map[string]string{}, cookies: map[string][]string{}, closing: make(chan struct{})}
	a.mux.HandleFunc("/", a.state)
	a.mux.HandleFunc("/sign-in", a.signIn)
	a.mux.HandleFunc("/login", a.loginPage)
	a.mux.HandleFunc("/whoami", a.whoami)
	a.mux.HandleFunc("/worker.js", worker)
	server := httptest.NewServer(a.mux)
	t.Cleanup(func() {
		close(a.closing)
		server.CloseClientConnections()
		server.Close()
	})
	a.url = server.URL
	return a
}

// page adds a page. The pattern is host and path.
func (a *sessionApp) page(pattern, html string, header ...string) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		fmt.Fprint(w, html)
	})
}

// logout adds an address that ends the caller's session and then answers with answer.
func (a *sessionApp) logout(pattern string, answer http.HandlerFunc) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		for _, c := range r.Cookies() {
			delete(a.sessions, c.Value)
		}
		a.mu.Unlock()
		answer(w, r)
	})
}

// goodbye is the usual answer to a logout: a page of the app's own.
func goodbye(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, "<!doctype html><title>the app's goodbye</title>")
}

// redirect answers with a redirect.
func redirect(status int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}
}

// answer answers with a status and a body.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// hang answers never.
func (a *sessionApp) hang(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-a.closing:
	case <-time.After(time.Minute):
	}
}

func (a *sessionApp) signIn(w http.ResponseWriter, r *http.Request) {
	id := make([]byte, 24)
	rand.Read(id)
	sid := hex.EncodeToString(id)
	a.mu.Lock()
	a.sessions[sid] = "alice"
	lines, ok := a.cookies[r.Host]
	a.mu.Unlock()
	if !ok {
		lines = defaultCookies
	}
	for _, line := range lines {
		w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "{sid}", sid))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title>signed in</title><output id=sid>%s</output>", sid)
}

func (a *sessionApp) loginPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, "<!doctype html><title>please sign in</title>")
}

// user returns whose session the request carries.
func (a *sessionApp) user(r *http.Request) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range r.Cookies() {
		if u := a.sessions[c.Value]; u != "" {
			return u
		}
	}
	return ""
}

func (a *sessionApp) whoami(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"user": a.user(r)})
}

// state is every other page: it says what the app saw and stores nothing.
func (a *sessionApp) state(w http.ResponseWriter, r *http.Request) {
	names := []string{}
	for _, c := range r.Cookies() {
		names = append(names, c.Name)
	}
	j, err := json.Marshal(map[string]any{"user": a.user(r), "cookies": names})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, "<!doctype html><title>state</title><pre id=state>%s</pre>", html.EscapeString(string(j)))
}

// alive tells whether the app, asked directly and with nobody in between, still honours a session.
func alive(t *testing.T, appURL, cookieName, sid string) bool {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, appURL+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: cookieName, Value: sid})
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var who struct{ User string }
	if err := json.NewDecoder(response.Body).Decode(&who); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("asking the app: status %d, %v", response.StatusCode, err)
	}
	return who.User != ""
}

// workers are service workers as apps have them.
var workers = map[string]string{
	// A single-page app's: every page visit is answered with the app's shell, out of the cache.
	"shell": shellWorker("false"),
	// The same with the one exception that such apps have for addresses which the server must see.
	"shell-except-logout": shellWorker(`url.pathname.startsWith("/logout")`),
	// One that wants to see every request and changes none.
	"pass-through": `addEventListener("fetch", e => e.respondWith(fetch(e.request)));` + takeOver,
}

// takeOver makes a worker control the page that registers it.
const takeOver = `
	addEventListener("install", () => skipWaiting());
	addEventListener("activate", e => e.waitUntil(clients.claim()));`

func shellWorker(exception string) string {
	return `
	addEventListener("install", e => e.waitUntil(caches.open("shell").then(c => c.add("/shell"))));
	addEventListener("fetch", e => {
		const url = new URL(e.request.url);
		if (e.request.mode === "navigate" && e.request.method === "GET" && !(` + exception + `))
			e.respondWith(caches.match("/shell").then(r => r || fetch("/shell")));
	});` + takeOver
}

func worker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/javascript")
	fmt.Fprint(w, workers[r.URL.Query().Get("kind")])
}

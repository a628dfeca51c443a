package main

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

// The name says nothing special: the edge knows it among its built-in session cookie names.
const sessionCookie = "session"

// session is what a server remembers about somebody who signed in.
type session struct {
	User    string
	CSRF    string
	IDToken string // who it is for cannot be read from outside: the edge has to ask the provider for one of its own
}

// sessions is one app's own session store. A session lives here, not in the cookie: ending it here is what really logs
// somebody out, wherever copies of the cookie are.
type sessions struct {
	tokenCookie string // if set, the cookie that keeps the ID token instead

	mu   sync.Mutex
	byID map[string]session
}

func newSessions() *sessions {
	return &sessions{byID: make(map[string]session)}
}

// start begins a session and gives the browser its id.
func (s *sessions) start(w http.ResponseWriter, user, idToken string) {
	if s.tokenCookie != "" {
		http.SetCookie(w, cookie(s.tokenCookie, idToken, 0))
		idToken = ""
	}
	// Two random texts, because one has fewer characters than what the edge takes for a credential by its look.
	id := rand.Text() + rand.Text()
	s.mu.Lock()
	s.byID[id] = session{User: user, CSRF: rand.Text(), IDToken: idToken}
	s.mu.Unlock()
	http.SetCookie(w, cookie(sessionCookie, id, 0))
}

// of returns the session whose id the browser presents.
func (s *sessions) of(r *http.Request) (session, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byID[c.Value]
	return found, ok
}

// end forgets the session and tells the browser to forget its id.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.byID, c.Value)
		s.mu.Unlock()
	}
	http.SetCookie(w, cookie(sessionCookie, "", -time.Second))
	if s.tokenCookie != "" {
		http.SetCookie(w, cookie(s.tokenCookie, "", -time.Second))
	}
}

func (s *sessions) live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// cookie lives as long as the browser does if maxAge is zero, and is deleted if it is negative.
func cookie(name, value string, maxAge time.Duration) *http.Cookie {
	return &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     "/",
		MaxAge:   int(maxAge / time.Second),
		HttpOnly: true,
		Secure:   true,
		SameSite: http.SameSiteLaxMode,
	}
}

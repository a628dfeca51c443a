package oidctest

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	sessionCookie = "op_session"
	csrfCookie    = "op_csrf"
)

// session is a single-sign-on session: one browser, one user, every client.
type session struct {
	id       string // the cookie's value
	sid      string // what clients know it by
	user     string
	authTime time.Time
}

// Sessions returns how many single-sign-on sessions live.
func (p *Provider) Sessions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.signedIn)
}

// HasSession reports whether the session with this sid lives.
func (p *Provider) HasSession(sid string) bool {
	_, ok := p.find(func(s *session) bool { return s.sid == sid })
	return ok
}

// SignIn starts a session without a browser, and returns the cookie to present.
func (p *Provider) SignIn(user string) *http.Cookie {
	s := &session{id: rand.Text() + rand.Text(), sid: rand.Text(), user: user, authTime: p.now()}
	p.mu.Lock()
	p.signedIn = keep(p.signedIn, s)
	p.mu.Unlock()
	return p.cookie(sessionCookie, s.id, 0)
}

// SID returns the sid of the session that a cookie of SignIn stands for, or "" when it has ended.
func (p *Provider) SID(c *http.Cookie) string {
	s, ok := p.find(func(s *session) bool { return s.id == c.Value })
	if !ok {
		return ""
	}
	return s.sid
}

func (p *Provider) find(is func(*session) bool) (*session, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.signedIn, is)
	if i < 0 {
		return nil, false
	}
	return p.signedIn[i], true
}

func (p *Provider) sessionOf(r *http.Request) (*session, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, false
	}
	return p.find(func(s *session) bool { return s.id == c.Value })
}

// end forgets a session and what was granted in it.
func (p *Provider) end(sid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signedIn = slices.DeleteFunc(p.signedIn, func(s *session) bool { return s.sid == sid })
	p.codes = slices.DeleteFunc(p.codes, func(c *code) bool { return c.sid == sid })
	for _, g := range p.grants {
		if g.sid == sid && !g.offline {
			g.refresh, g.access = "", nil
		}
	}
}

func (p *Provider) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // a loopback issuer may be http, where browsers drop Secure cookies
		Name:     name,
		Value:    value,
		Path:     "/",
		MaxAge:   maxAge,
		HttpOnly: true,
		Secure:   strings.HasPrefix(p.Issuer(), "https:"),
		SameSite: http.SameSiteLaxMode,
	}
}

// setSession sends the session cookie; nil deletes it.
func (p *Provider) setSession(w http.ResponseWriter, c *http.Cookie) {
	if c == nil {
		c = p.cookie(sessionCookie, "", -1)
	}
	w.Header().Add("Set-Cookie", c.String()+p.cookies)
}

// csrf returns the token that a form has to send back together with the cookie that holds it too.
func (p *Provider) csrf(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(csrfCookie); err == nil && c.Value != "" {
		return c.Value // forms in several tabs
	}
	token := rand.Text()
	http.SetCookie(w, p.cookie(csrfCookie, token, 0))
	return token
}

func fromOurForm(r *http.Request) bool {
	c, err := r.Cookie(csrfCookie)
	return err == nil && c.Value != "" &&
		subtle.ConstantTimeCompare([]byte(c.Value), []byte(r.PostForm.Get("csrf"))) == 1
}

// knows reports whether somebody may sign in.
func (p *Provider) knows(name, password string) bool {
	if name == "" || password == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > 40 {
		return false
	}
	if p.users == nil {
		return true
	}
	want, ok := p.users[name]
	return ok && want == password
}

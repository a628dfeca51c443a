package universallogout

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// portal is a sign-in portal: its logout ends its session and sends the
// browser where a parameter says.
type portal struct {
	mu     sync.Mutex
	alive  bool
	visits []*url.URL
	back   string // the parameter
	keeps  bool   // it sends nobody back
}

func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.RawQuery == "" {
		return // asked whether it is there
	}
	p.visits = append(p.visits, r.URL)
	if c, err := r.Cookie("portal"); err == nil && c.Value == credential {
		p.alive = false
	}
	if back := r.URL.Query().Get(p.back); back != "" && !p.keeps {
		w.Header().Set("Location", back)
		w.WriteHeader(302)
	}
}

func (p *portal) state() (alive bool, visits []*url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive, p.visits
}

// portalSite is an app behind a portal whose session the browser has, too.
func portalSite(t testing.TB, p *portal, logoutURL string) (s *site, app *sessions, j *jar) {
	t.Helper()
	app = newSessions(t, endsSession)
	app.login("one")
	at := httptest.NewServer(p)
	t.Cleanup(at.Close)
	s = newSite(t, `universal_logout {
		provider portal {
			logout_url `+logoutURL+`
		}
	}`, `app.example.com {
		universal_logout portal
		handle /oauth2/* {
			reverse_proxy `+strings.TrimPrefix(at.URL, "http://")+`
		}
		reverse_proxy `+app.addr()+`
	}
	auth.example.com {
		reverse_proxy `+strings.TrimPrefix(at.URL, "http://")+`
	}`)
	s.app.run.providers["portal"].AskThrough(servedBy{p})
	j = &jar{now: time.Now()}
	j.store("app.example.com", "/", true, []string{"sessionid=one; Path=/; HttpOnly; Secure"})
	return s, app, j
}

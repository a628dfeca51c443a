package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// site is what is reached under one host: an app, or the OpenID provider that they all sign in at.
type site struct {
	Name   string // also the name of its colours in style.css
	Host   string
	URL    string
	Logout string // how the app logs out, for people; empty for the provider

	secret   string    // of the app's client at the provider
	sessions *sessions // of the app; nil for the provider, which keeps its own
	live     func() int
	handler  http.Handler
}

// clientID is the name that the provider knows an app by.
func (s *site) clientID() string {
	name, _, _ := strings.Cut(s.Host, ".")
	return name
}

// Live is how many people are signed in there.
func (s *site) Live() int { return s.live() }

// demo is everything behind the one Caddy.
type demo struct {
	apps     []*site
	login    *site // the provider's
	provider *oidctest.Provider
	secret   string // of the edge's own client at the provider
}

// newDemo makes the apps and the provider. To add an app, write its handler, name it here, and tell the edge in edge.go.
//
// Names below .localhost lead to this machine without a hosts file. The public suffix list does not know localhost, so
// browsers take the label before it for a registrable domain, as if it were com: Notes and Chat are the same site under
// work.localhost, Shop and Login are sites of their own.
func newDemo(port int) *demo {
	notes := &site{Name: "Notes", Host: "notes.work.localhost", Logout: "a link to /logout", sessions: newSessions()}
	chat := &site{Name: "Chat", Host: "chat.work.localhost", Logout: "a script that calls fetch('/api/logout')", sessions: newSessions()}
	shop := &site{Name: "Shop", Host: "shop.localhost", Logout: "a form with a CSRF token, posted to /session/end", sessions: newSessions()}
	d := &demo{
		apps:   []*site{notes, chat, shop},
		login:  &site{Name: "Login", Host: "login.localhost"},
		secret: rand.Text(),
	}
	sites := d.sites()
	for _, s := range sites {
		s.URL = "https://" + s.Host
		if port != 443 { // browsers leave it out, and registered addresses are compared to the letter
			s.URL += fmt.Sprintf(":%d", port)
		}
	}
	d.provider = newProvider(d)
	d.login.live = d.provider.Sessions
	for _, s := range d.apps {
		s.live = s.sessions.live
	}
	d.login.handler = newLogin(view{Site: d.login, Sites: sites}, d.provider)
	notes.handler = newNotes(view{Site: notes, Sites: sites}, newRP(notes, d))
	chat.handler = newChat(view{Site: chat, Sites: sites}, newRP(chat, d))
	shop.handler = newShop(view{Site: shop, Sites: sites}, newRP(shop, d))
	return d
}

func (d *demo) sites() []*site { return slices.Concat(d.apps, []*site{d.login}) }

// ServeHTTP is all sites, by their hosts.
func (d *demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	for _, s := range d.sites() {
		if s.Host == host {
			s.handler.ServeHTTP(w, r)
			return
		}
	}
	http.NotFound(w, r)
}

// appServer serves all sites on one loopback address; Caddy is its only client.
type appServer struct {
	*http.Server
	addr string
}

func serveApps(d *demo) (*appServer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "demo:", err)
		}
	}()
	return &appServer{Server: srv, addr: ln.Addr().String()}, nil
}

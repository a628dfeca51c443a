package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// site is one app and the host it is reached under. To add one, write its handler and name it in newSites.
type site struct {
	Name   string // also the name of its colours in style.css
	Host   string
	URL    string
	Logout string // how the app logs out, for people

	// Directive is the site's part of the Caddyfile, all that the edge has to know about the app.
	Directive string

	handler http.Handler
}

func newSites(port int) []*site {
	notes := &site{
		Name:      "Notes",
		Host:      "notes.localhost",
		Logout:    "a link to /logout",
		Directive: "\tuniversal_logout\n",
	}
	chat := &site{
		Name:      "Chat",
		Host:      "chat.localhost",
		Logout:    "a script that calls fetch('/api/logout')",
		Directive: "\tuniversal_logout {\n\t\tpaths POST /api/logout\n\t}\n",
	}
	shop := &site{
		Name:      "Shop",
		Host:      "shop.localhost",
		Logout:    "a form with a CSRF token, posted to /session/end",
		Directive: "\tuniversal_logout {\n\t\tpaths POST /session/end\n\t}\n",
	}

	sites := []*site{notes, chat, shop}
	for _, s := range sites {
		s.URL = fmt.Sprintf("https://%s:%d", s.Host, port)
	}
	notes.handler = newNotes(view{Site: notes, Sites: sites})
	chat.handler = newChat(view{Site: chat, Sites: sites})
	shop.handler = newShop(view{Site: shop, Sites: sites})
	return sites
}

// appServer serves all apps on one loopback address; Caddy is its only client.
type appServer struct {
	*http.Server
	addr string
}

func serveApps(sites []*site) (*appServer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, s := range sites {
		mux.Handle(s.Host+"/", s.handler)
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "demo:", err)
		}
	}()
	return &appServer{Server: srv, addr: ln.Addr().String()}, nil
}

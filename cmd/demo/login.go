package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"

	"github.com/universal-logout/caddy-universal-logout/internal/oidctest"
)

// newProvider is the OpenID provider that all apps sign in at. Each app is a client of its own, and so is the edge.
func newProvider(d *demo) *oidctest.Provider {
	edge := oidctest.Client{ID: "universal-logout", Secret: d.secret}
	clients := make([]oidctest.Client, 0, len(d.apps)+1)
	for _, s := range d.apps {
		c := oidctest.Client{ID: s.clientID(), Secret: rand.Text(), RedirectURIs: []string{s.URL + callbackPath}}
		if s.clientID() == "shop" { // its ID token is the hint, so its client is the one that comes back
			c.PostLogoutRedirectURIs = []string{edgeReturn(s)}
		}
		edge.RedirectURIs = append(edge.RedirectURIs, edgeCallback(s))
		edge.PostLogoutRedirectURIs = append(edge.PostLogoutRedirectURIs, edgeReturn(s))
		clients = append(clients, c)
		s.secret = c.Secret
	}
	names := make(map[string]string)
	for _, s := range d.apps {
		names[s.clientID()] = s.Name
	}
	return oidctest.New(oidctest.Config{
		Issuer:  d.login.URL,
		Clients: append(clients, edge),
		Page: func(w http.ResponseWriter, _ *http.Request, pg oidctest.Page) {
			renderLogin(w, loginView{view: view{Site: d.login, Sites: d.sites()}, Page: pg, App: names[pg.Client]})
		},
	})
}

// newLogin adds what the provider's site has besides the provider: a start page and the style sheet.
func newLogin(v view, p *oidctest.Provider) http.Handler {
	mux := http.NewServeMux()
	common(mux, v)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		pageHeaders(w, "script-src 'self'; connect-src 'self'; form-action 'none'")
		renderLogin(w, loginView{view: v, Page: oidctest.Page{Name: "home", Status: http.StatusOK}})
	})
	mux.Handle("/", p)
	return mux
}

// loginView is what the provider's pages need to know.
type loginView struct {
	view
	Page oidctest.Page
	App  string // who sent the browser here
}

func renderLogin(w http.ResponseWriter, v loginView) {
	w.WriteHeader(v.Page.Status)
	if err := templates.ExecuteTemplate(w, "login.html", v); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
}

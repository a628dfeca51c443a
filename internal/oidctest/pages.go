package oidctest

import (
	"html/template"
	"net/http"
)

// Page is one of the pages that people see, for Config.Page.
type Page struct {
	// Name is login (a form with name and password), confirm (a form whose button sends logout=yes or logout=no),
	// signed-out or error.
	Name    string
	Status  int
	Client  string // the id of the client that sent the browser, where known
	Problem string // what is wrong, of an error
	Action  string // where the form is posted to
	CSRF    string // the form's field csrf
}

// Wrong reports whether the sign-in form comes back because name and password were not right.
func (pg Page) Wrong() bool { return pg.Status == http.StatusUnauthorized }

func (p *Provider) problem(w http.ResponseWriter, r *http.Request, status int, text string) {
	p.show(w, r, Page{Name: "error", Status: status, Problem: text})
}

func (p *Provider) show(w http.ResponseWriter, r *http.Request, pg Page) {
	hdr := w.Header()
	hdr.Set("Content-Type", "text/html; charset=utf-8")
	hdr.Set("Cache-Control", "no-store")
	hdr.Set("Referrer-Policy", "no-referrer")
	// No form-action: browsers apply it to the redirects after the form too, which may lead anywhere from the client on.
	hdr.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
	p.page(w, r, pg)
}

var plain = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Test provider</title>
{{if eq .Name "login"}}<h1>Sign in</h1>
{{if .Wrong}}<p role="alert">Name or password is wrong.</p>{{end}}
<form method="post" action="{{.Action}}">
<input type="hidden" name="csrf" value="{{.CSRF}}">
<p><label>Name <input name="name" required maxlength="40" autocomplete="username"></label></p>
<p><label>Password <input name="password" type="password" required autocomplete="current-password"></label></p>
<p><button>Sign in</button></p>
</form>
{{else if eq .Name "confirm"}}<h1>Sign out?</h1>
<form method="post" action="{{.Action}}">
<input type="hidden" name="csrf" value="{{.CSRF}}">
<p><button name="logout" value="yes">Sign out</button> <button name="logout" value="no">Stay signed in</button></p>
</form>
{{else if eq .Name "signed-out"}}<h1>You are signed out</h1>
{{else}}<h1>That did not work</h1>
<p>{{.Problem}}</p>
{{end}}`))

func plainPage(w http.ResponseWriter, _ *http.Request, pg Page) {
	w.WriteHeader(pg.Status)
	_ = plain.Execute(w, pg) // fails if the client is gone
}

package pages

import (
	"bytes"
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

//go:embed *.html
var files embed.FS

var templates = template.Must(template.ParseFS(files, "*.html"))

// SetHeaders sets what is on every answer of ours (PG-01 to PG-07).
func SetHeaders(hdr http.Header) {
	hdr.Set("Cache-Control", "no-store")
	hdr.Set("Pragma", "no-cache")
	hdr.Set("Referrer-Policy", "no-referrer")
	hdr.Set("X-Content-Type-Options", "nosniff")
	hdr.Set("X-Robots-Tag", "noindex, nofollow")
	hdr.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	hdr.Set("X-Frame-Options", "DENY")
	hdr.Set("Cross-Origin-Opener-Policy", "same-origin")
	hdr.Set("Cross-Origin-Resource-Policy", "same-origin")
	hdr.Set("Vary", "Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest, Origin, Referer, Accept, Cookie")
}

// Write writes a page with its own Content-Security-Policy.
func Write(w http.ResponseWriter, status int, p Page) error {
	p.Nonce = rand.Text()
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, "page.html", p); err != nil {
		return err
	}
	hdr := w.Header()
	SetHeaders(hdr)
	hdr.Set("Content-Security-Policy", p.policy())
	hdr.Set("Referrer-Policy", p.Referrer())
	if p.OnTour {
		// BR-12: WebKit gives each page with it a process of its own, which
		// takes 0.2 s, and its Back button loses the tab between them.
		hdr.Del("Cross-Origin-Opener-Policy")
	}
	hdr.Set("Content-Type", "text/html; charset=utf-8")
	hdr.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, err := w.Write(body.Bytes())
	return IgnoreGone(err)
}

// Redirect goes to location by GET.
func Redirect(w http.ResponseWriter, location string) error {
	SetHeaders(w.Header())
	// Not http.Redirect, which cleans paths into escapes (URL-09).
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// RedirectSecret is Redirect for addresses with something in them that is nobody
// else's business. The access log would have it: our own log tells instead what
// was done.
func RedirectSecret(w http.ResponseWriter, r *http.Request, location string) error {
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	return Redirect(w, location)
}

// WriteComeAgain: errors are not kept, so the browser asks again when the
// person really goes there (CSRF-05).
func WriteComeAgain(w http.ResponseWriter) error {
	SetHeaders(w.Header())
	w.WriteHeader(http.StatusServiceUnavailable)
	return nil
}

// IgnoreGone: a browser that left does not make a logout fail, and Caddy would
// log the error and try to answer it.
func IgnoreGone(error) error { return nil }

package universallogout

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// page is what the templates show. All of it may come from outside:
// html/template escapes it.
type page struct {
	Kind      string // landing, progress, confirmation, error
	Title     string
	Text      string
	Nonce     string
	Next      string // where a landing page goes on to by itself
	Link      string // where it offers to go
	LinkText  string
	Self      string // its own address, once it has one
	EvictFrom string // fetched to throw pages out of the back/forward cache
	Forget    bool   // unregister the site's service workers
	Form      *form

	Provider         string // what became of the single sign-on
	ProviderLink     string // where it can be ended
	ProviderLinkText string
}

// about names the host in the page's text, which may be from outside itself.
func (p page) about(host string) page {
	p.Text = strings.Replace(p.Text, "%s", host, 1)
	return p
}

// form repeats a request that nobody knows the user meant.
type form struct {
	Method   string
	Action   string
	Fields   [][2]string
	Button   string
	ByItself bool // sent by script, if there is one
}

// Every sentence that a person can read on our pages or in our JSON.
var (
	textAsk = page{
		Kind: "confirmation", Title: "Sign out?",
		Text: "You came here from another place. Do you want to sign out of %s?",
	}
	textSignOut = "Sign out"

	textOutcome = map[outcome]page{
		outcomeEnded:   {Title: "You are signed out", Text: "%s has ended your session, and this browser has forgotten it."},
		outcomeCleared: {Title: "You are signed out", Text: "This browser has forgotten your session at %s. The app answered without saying that it ended the session on its side."},
		outcomeNone:    {Title: "You are signed out", Text: "There was no session at %s in this browser."},
		outcomeFailed:  {Title: "You are signed out in this browser", Text: "This browser has forgotten your session at %s, but the app could not end it on its side. You may still be signed in there: if that matters, sign in and out once more when it works again, or tell whoever runs it."},
		"":             {Title: "Signed out", Text: "You can close this window."},
	}
	textProvider = map[providerOutcome]string{
		providerEnded: "The single sign-on at %s has ended, too.",
		providerNone:  "There was no session at %s, the single sign-on.",
		providerAlive: "You may still be signed in at %s, the single sign-on. Then the next sign-in there may ask for no password.",
	}
	textEndProvider = "Sign out at %s"
	textGoingOn     = page{Title: "Signing out…", Text: "One moment, please."}
	textContinue    = "Continue"
	textBack        = "Back to %s"

	textStatus = map[int]page{
		http.StatusForbidden:        {Title: "Not signed out", Text: "This request did not come from a page that may sign you out. To sign out, use the button of the app itself."},
		http.StatusNotFound:         {Title: "Nothing here", Text: "There is no such page."},
		http.StatusMethodNotAllowed: {Title: "Not signed out", Text: "This is no way to sign out."},
		http.StatusTooManyRequests:  {Title: "Too many sign-outs", Text: "There was no session to end, many times in a row. Please wait a minute."},
	}

	messageLoggedOut = "Logged out"
	messageFailed    = "Logged out in this browser, but the app did not end its session"
)

// answerHeaders are on every answer of ours (specs H.6, PG-01 to PG-07).
func answerHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Vary", "Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest, Origin, Referer, Accept, Cookie")
}

// answerPage writes a page with its own Content-Security-Policy.
func answerPage(w http.ResponseWriter, status int, p page) error {
	p.Nonce = rand.Text()
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, "page.html", p); err != nil {
		return err
	}
	h := w.Header()
	answerHeaders(h)
	csp := "default-src 'none'; style-src 'nonce-" + p.Nonce + "'; script-src 'nonce-" + p.Nonce + "'; base-uri 'none'; frame-ancestors 'none'"
	if p.EvictFrom != "" {
		csp += "; connect-src 'self'"
	}
	if p.Form != nil {
		csp += "; form-action 'self'"
		// no-referrer would make the form's Origin null (browsers: 2.9), and
		// null is nobody we log out for.
		h.Set("Referrer-Policy", "same-origin")
	} else {
		csp += "; form-action 'none'"
	}
	h.Set("Content-Security-Policy", csp)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, err := w.Write(body.Bytes())
	return ignoreGone(err)
}

// answerError tells a person on a page, and a program in JSON.
func answerError(w http.ResponseWriter, r *http.Request, status int) error {
	p := textStatus[status]
	if !callerOf(r).navigation {
		return answerJSON(w, status, logoutAnswer{Message: p.Text})
	}
	p.Kind = "error"
	p.Link, p.LinkText = "/", fmt.Sprintf(textBack, ownOrigin(r).host)
	return answerPage(w, status, p)
}

// answerSpeculative: errors are not kept, so the browser asks again when the
// person really goes there (CSRF-05).
func answerSpeculative(w http.ResponseWriter) error {
	answerHeaders(w.Header())
	w.WriteHeader(http.StatusServiceUnavailable)
	return nil
}

// answerSecretRedirect is for addresses with something in them that is nobody
// else's business. The access log would have it: our own log tells instead what
// was done.
func answerSecretRedirect(w http.ResponseWriter, r *http.Request, location string) error {
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	return answerRedirect(w, location)
}

func answerRedirect(w http.ResponseWriter, location string) error {
	answerHeaders(w.Header())
	// Not http.Redirect, which cleans paths into escapes (URL-09).
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// logoutAnswer is our JSON.
type logoutAnswer struct {
	Success               bool         `json:"success"`
	Message               string       `json:"message"`
	LogoutID              string       `json:"logout_id,omitempty"`
	RedirectURL           string       `json:"redirect_url,omitempty"`
	FrontChannelLogoutURL string       `json:"front_channel_logout_url,omitempty"`
	Apps                  []appOutcome `json:"apps,omitempty"`
}

type appOutcome struct {
	Host    string  `json:"host"`
	App     string  `json:"app"`
	Outcome outcome `json:"outcome"`
}

func answerJSON(w http.ResponseWriter, status int, answer logoutAnswer) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	h := w.Header()
	answerHeaders(h)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return ignoreGone(err)
}

// ignoreGone: a browser that left does not make a logout fail, and Caddy would
// log the error and try to answer it.
func ignoreGone(error) error { return nil }

// answerAsk shows the confirmation page. The body of a foreign POST is not
// repeated: it was not the user's.
func answerAsk(w http.ResponseWriter, r *http.Request, status int, own origin) error {
	p := textAsk.about(own.host)
	p.Form = repeatForm(r)
	return answerPage(w, status, p)
}

// repeatForm sends a request again, from our page and so from the same origin.
func repeatForm(r *http.Request) *form {
	uri := clientURL(r)
	f := form{Method: "post", Action: uri.EscapedPath(), Button: textSignOut}
	if isSafe(r.Method) {
		// A GET form replaces the query of its action with its fields.
		f.Method = "get"
		f.Fields = queryFields(uri.RawQuery)
	} else if uri.RawQuery != "" {
		f.Action += "?" + uri.RawQuery
	}
	if !isPlainPath(uri.EscapedPath()) {
		f.Action = "" // a form without action repeats the page's own address
	}
	return &f
}

// queryFields are a query's pairs in their order, for the fields of a form.
func queryFields(raw string) (fields [][2]string) {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		fields = append(fields, [2]string{unescapeQuery(key), unescapeQuery(value)})
	}
	return fields
}

func unescapeQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
